"""Scored bundles as rows: what the board's Parquet files hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

from persllm_bench.board.layout import MEANS, SCORES, TRACKS
from persllm_bench.items import Data
from persllm_bench.prompts import Condition
from persllm_bench.stats import cluster_t
from persllm_bench.submissions.levels import Verification
from persllm_bench.submissions.scores import Scored
from persllm_bench.suite import task

_API_DAY = re.compile(r"api-(\d{4}-\d{2}-\d{2})")
LOWEST, HIGHEST = -100.0, 100.0


def entry_row(found: Scored, data: Data, last: Verification | None, size: Mapping[str, int]) -> dict[str, Any]:
    """The row of a bundle in `entries`; size: calls, prompt_characters, reply_characters."""
    s = found.submission
    org, name = s.model.repo.split("/")
    because = s.unranked_because
    day = _API_DAY.fullmatch(s.model.revision)
    training = s.training_data
    return {
        "entry": found.where, "model": s.model.repo, "org": org, "name": name, "revision": s.model.revision,
        "run": s.run, "ranked": not because, "unranked_because": "; ".join(because), "calibration": s.calibration,
        "level": last.level if last else 1, "verified": last.day if last else None, "date": day and day[1],
        "parameters": s.model.parameters, "dtype": s.model.dtype, "licence": s.model.licence,
        "open_weights": s.model.open_weights, "base_model": s.model.base_model, "harness": s.harness.name,
        "packages": ", ".join(f"{k} {v}" for k, v in sorted(s.harness.packages.items())),
        "backend": s.serving.backend, "backend_version": s.serving.version, "hardware": s.hardware,
        "command": s.command, "reasoning": max(part.reasoning for part in s.conditions.values()),
        "conditions": ", ".join(sorted(s.conditions)), "attempts": s.attempts, "trained": training.train_split,
        "training_data": training.description, "test_items": training.test_items, "contact": s.contact,
        "benchmark_version": s.benchmark, "data_current": s.data_sha256 == data.sha256, "tokens": None, **size,
        "files_sha256": s.model.files_sha256, "chat_template_sha256": s.model.chat_template_sha256,
        "scorer_sha256": s.scorer_sha256, "content_sha256": found.sha256,
    }  # fmt: skip


def score_rows(found: Scored) -> dict[str, list[dict[str, Any]]]:
    """The rows of a bundle in `scores`, `measures` and `personas`, means of tasks included."""
    conditions = dict.fromkeys(row["condition"] for row in found.scores)
    whole = [
        row
        for condition in conditions
        for given in [[row for row in found.scores if row["condition"] == condition]]
        for row in [*_means(given, condition), *given]
    ]
    key = lambda row: {"entry": found.where, "condition": row["condition"], "task": row["task"]}  # noqa: E731
    return {
        "scores": [
            {
                **key(row),
                "track": TRACKS.get(row["condition"]),
                "family": row.get("family") or family(row["task"]),
                **{name: row[name] for name in SCORES.names if name in row and name not in ("condition", "task")},
            }
            for row in whole
        ],
        "measures": [
            {**key(row), "measure": name, **values} for row in whole for name, values in row["measures"].items()
        ],
        "personas": [
            {**key(row), "persona": persona, "score": score, "adds": row["adds"][persona]}
            for row in whole
            for persona, score in row["by_persona"].items()
        ],
    }


def family(name: str) -> str:
    """The family of a task on the board: that of the suite, but open replies stand apart."""
    found = task(name)
    return "open" if found.base == "open" else found.family


def _means(given: Sequence[Mapping[str, Any]], condition: Condition) -> Iterator[dict[str, Any]]:
    """Means over tasks that are all there; the interval by what each persona adds, over personas with all of them."""
    rows = {row["task"]: row for row in given if row["score"] is not None}
    for name, (kind, tasks) in MEANS.items():
        if not all(t in rows for t in tasks):
            continue
        parts = [rows[t] for t in tasks]
        shared = sorted(set.intersection(*(set(row["adds"]) for row in parts)))
        if not shared:
            continue
        means = {what: _mean_by_persona(parts, what, shared) for what in ("adds", "by_persona")}
        limits = parts[0] if len(parts) == 1 else _limits(parts, list(means["adds"].values()))
        yield {
            "task": name,
            "condition": condition,
            "family": kind,
            **{what: limits[what] for what in ("score", "low", "high", "stderr")},
            "chance": None,
            "items": sum(row["items"] for row in parts),
            "samples": sum(row["samples"] for row in parts),
            "unparsed": sum(row["unparsed"] * row["samples"] for row in parts) / sum(row["samples"] for row in parts),
            "measures": {},
            **means,
        }


def _mean_by_persona(parts: Sequence[Mapping[str, Any]], what: str, shared: Sequence[str]) -> dict[str, float]:
    found = np.mean([[row[what][p] for p in shared] for row in parts], axis=0)
    return dict(zip(shared, found.round(6).tolist(), strict=True))


def _limits(parts: Sequence[Mapping[str, Any]], adds: Sequence[float]) -> dict[str, float | None]:
    """The mean score with the t interval over personas around it, on the scale."""
    score = float(np.mean([row["score"] for row in parts]))
    around = cluster_t(adds)
    low, high = (min(max(score + v - around.estimate, LOWEST), HIGHEST) for v in (around.low, around.high))
    se = round(around.se, 6) if isfinite(around.se) else None
    return {"score": round(score, 6), "low": round(low, 6), "high": round(high, 6), "stderr": se}
