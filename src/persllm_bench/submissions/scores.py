"""Scores of bundles, kept by what they follow from: the bundle's bytes, the data and the scorer."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from persllm_bench import report
from persllm_bench.items import Data
from persllm_bench.scoring import TaskScore
from persllm_bench.submissions.record import Submission
from persllm_bench.submissions.tree import Tree
from persllm_bench.submissions.validation import seal, validate

SCORER = (
    "cocreation.py", "conversation.py", "dialogue.py", "items.py", "judging", "prompts.py", "reader.py",
    "references.py", "report.py", "samples.py", "schema", "scoring", "stats.py", "strict.py", "submissions/bundle.py",
    "submissions/record.py", "submissions/tree.py", "submissions/validation.py", "suite.py",
)  # fmt: skip
"""All of this package that a score follows from, the validator included: a kept score means that the bundle passed."""
LIBRARIES = ("lifelines", "numpy", "pydantic", "rouge-score", "sacrebleu", "scikit-learn", "scipy", "zstandard")

Keep = Callable[[str, Sequence[TaskScore]], None]


@dataclass(frozen=True)
class Scored:
    """A valid bundle with its scores: rows as `persllm-bench score --json` prints them."""

    where: str
    submission: Submission
    sha256: str
    """Of the whole content; what a verification refers to."""
    scores: list[dict[str, Any]]


@lru_cache(maxsize=1)
def scorer_sha256() -> str:
    """Hash over the sources that scores follow from."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for name in SCORER:
        path = package / name
        for source in [path] if path.is_file() else sorted(path.rglob("*.py")):
            digest.update(source.relative_to(package).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _versions() -> str:
    return ",".join(f"{name}={version(name)}" for name in LIBRARIES)


def cache_key(where: str, content_sha256: str, data: Data) -> str:
    """Name of a kept score: another bundle, place, data, scorer or library has another."""
    parts = (where, content_sha256, data.sha256, scorer_sha256(), _versions())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def scored(tree: Tree, where: str, data: Data, cache: Path | None = None, keep: Keep | None = None) -> Scored:
    """The scores of a bundle. With a `cache` folder a bundle that was scored before is only hashed.

    keep: gets (content hash, scores with their outcomes) of a bundle that is scored now, before its scores are kept.

    Raises:
        BadBundle: see `validate`. A bundle with a fault is never kept.
    """
    if cache is None:
        found = validate(tree, where, data)
        fresh = found.score(data)
        if keep:
            keep(found.sha256, fresh)
        return Scored(where, found.submission, found.sha256, _scores(fresh))
    sealed = seal(tree, where, data)
    kept = cache / f"{cache_key(where, sealed.sha256, data)}.json"
    if kept.is_file():
        return Scored(where, sealed.submission, sealed.sha256, json.loads(kept.read_text()))
    new = scored(tree, where, data, keep=keep)
    cache.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(new.scores, allow_nan=False))
    part.replace(kept)
    return new


def _scores(found: list[Any]) -> list[dict[str, Any]]:
    ordered: list[dict[str, Any]] = []
    for condition in dict.fromkeys(s.condition for s in found):
        ordered += report.as_json(report.ordered([s for s in found if s.condition == condition]))
    return ordered
