"""Submissions: bundles of raw replies and facts, read as a stranger's bytes; scores are derived, never read."""

from persllm_bench.submissions.record import Declared, Submission
from persllm_bench.submissions.tree import Git, Tree, folder_tree, memory_tree
from persllm_bench.submissions.validate import BadBundle, Bundle, seal, validate

__all__ = [
    "BadBundle", "Bundle", "Declared", "Git", "Submission", "Tree", "folder_tree", "memory_tree", "seal", "validate",
]  # fmt: skip
