"""Replies -> scores. Pure functions, one module per kind of task; `score` picks the module."""

from persllm_bench.scoring.record import Measure, Outcome, Reply, TaskScore
from persllm_bench.scoring.score import score, score_conversations, score_samples

__all__ = ["Measure", "Outcome", "Reply", "TaskScore", "score", "score_conversations", "score_samples"]
