"""The ladder's tables: scores of every rung, paired differences between rungs, and PersLLM's distinction of replies.

A paired difference is over samples: the credit of each by `acc_pmi` (1 right, 0 wrong) in one run less that in another,
so that it is a difference of accuracies. Intervals are those of the trained track: personas are fixed strata, clusters
are items that share evidence. Identity is not pooled with the others: there always staying earns more than half of the
samples. Its difference is that of the scores (J) per persona, with a t interval over the personas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from persllm_bench.items import Data
from persllm_bench.reader import load
from persllm_bench.runs import RunFolder
from persllm_bench.scoring import TaskScore
from persllm_bench.scoring.aggregate import percent
from persllm_bench.scoring.keys import evidence
from persllm_bench.scoring.score import sample_value
from persllm_bench.stats import Interval, cluster_t, evidence_clusters, stratified_mean

BASES = ("knowledge", "attitude", "premise")
"""Pooled: a fixed policy earns what chance does on each."""
ALL = (*BASES, "identity", "traits")
LIVE = ("pressure", "dialogue")
Scores = Mapping[str, TaskScore]


def scores(folder: Path, data: Data) -> dict[str, TaskScore]:
    """Every task of a run folder, scored from its replies."""
    return {found.task: found for found in RunFolder(folder).score(data)}


def credits(data: Data, found: TaskScore) -> dict[tuple[str, ...], tuple[float, str, set[str]]]:
    """(task, persona, item, stage, variant) -> credit, persona, and the statements it rests on."""
    out = {}
    for o in found.outcomes:
        s = o.sample
        cited = {f"{s.persona}/{s.stage}/{number}" for number in evidence(data, s)}
        key = (found.task, s.persona, s.item, s.stage, s.variant)
        out[key] = (sample_value(data, o), s.persona, cited or {"/".join(key)})
    return out


def difference(data: Data, a: Scores, b: Scores, bases: Sequence[str]) -> Interval:
    """Mean of b - a over the samples of the likelihood twins of `bases`, in points; identity stands alone.

    Raises:
        ValueError: the two runs have different samples.
    """
    if list(bases) == ["identity"]:
        before, after = (found["persllm-ll_identity"].by_persona for found in (a, b))
        return cluster_t([after[who] - before[who] for who in before])
    left: dict[Any, Any] = {}
    right: dict[Any, Any] = {}
    for base in bases:
        left |= credits(data, a[f"persllm-ll_{base}"])
        right |= credits(data, b[f"persllm-ll_{base}"])
    if set(left) != set(right):
        raise ValueError(f"two runs of different samples: {sorted(set(left) ^ set(right))[:3]}")
    gaps = np.array([right[key][0] - left[key][0] for key in left])
    labels = evidence_clusters([cited for _, _, cited in left.values()])
    return percent(stratified_mean(gaps, [who for _, who, _ in left.values()], labels.tolist(), lo=-inf, hi=inf))


def tables(
    rungs: Mapping[str, tuple[str, Path]], starts: Mapping[str, str | None], first: str = "untrained-name"
) -> tuple[str, dict[str, Any]]:
    """Markdown and the same as figures. `starts` says which rung a rung goes on from; others are compared with the one
    before them."""
    data = load()
    found = {name: scores(folder, data) for name, (_, folder) in rungs.items()}
    names = list(rungs)
    before = {name: starts[name] or (names[i - 1] if i else None) for i, name in enumerate(names)}
    steps = {n: difference(data, found[b], found[n], BASES) for n, b in before.items() if b}
    whole = {n: difference(data, found[first], found[n], BASES) for n in names if n != first}
    by_task = {n: {base: difference(data, found[first], found[n], [base]) for base in ALL} for n in whole}
    replies = {n: found[n]["persllm_open"] for n in names}
    label = {name: what for name, (what, _) in rungs.items()}
    parts = [
        table(
            "Scores (0 chance, 100 perfect) on held-out items of the trained personas, likelihood twins by acc_pmi",
            ["rung", *ALL],
            [[label[n], *(_interval(found[n][f"persllm-ll_{base}"].score) for base in ALL)] for n in names],
        ),
        table(
            f"Paired differences in points, all samples of {', '.join(BASES)} (acc_pmi)",
            ["rung", "compared with", "difference", f"against {label[first]}"],
            [
                [label[n], label.get(before[n] or "", ""), _interval(steps.get(n)), _interval(whole.get(n))]
                for n in names
            ],
        ),
        table(
            f"Paired differences against {label[first]} by task, points",
            ["rung", *ALL],
            [[label[n], *(_interval(by_task[n][base]) for base in ALL)] for n in whole],
        ),
        table(
            "Accuracy on single samples by acc_pmi, per cent (chance 25, 25, 50, 50, 50)",
            ["rung", *ALL],
            [[label[n], *(_share(found[n][f"persllm-ll_{b}"], "acc_pmi") for b in ALL)] for n in names],
        ),
        table(
            "Letter answers, and the live tasks: score",
            ["rung", *ALL, *LIVE],
            [
                [label[n], *(_interval(found[n][f"persllm_{base}"].score) for base in ALL)]
                + [_interval(live and live.score) for live in map(found[n].get, (f"persllm_{base}" for base in LIVE))]
                for n in names
            ],
        ),
        table(
            "Distinction (BLEU between replies: other wording, other stage, other persons) and closeness (chrF++)",
            ["rung", "Intra", "Stage", "Inter", "chrF++"],
            [
                [
                    label[n],
                    *(_number(replies[n].measures[f"{m}_bleu"].value) for m in ("intra", "stage", "inter")),
                    _number(replies[n].score.estimate),
                ]
                for n in names
            ],
        ),
    ]
    figures = {
        n: {
            "scores": {task: asdict(score.score) for task, score in found[n].items()},
            "step": asdict(steps[n]) if n in steps else None,
            "against_first": asdict(whole[n]) if n in whole else None,
        }
        for n in names
    }
    return "\n\n".join(parts) + "\n", figures


def table(title: str, head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown below its title."""
    lines = [f"**{title}**", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _interval(found: Interval | None) -> str:
    return "" if found is None else f"{found.estimate:.1f} [{found.low:.1f}, {found.high:.1f}]"


def _share(score: TaskScore, name: str) -> str:
    return _number(100 * (score.measures[name].value or 0.0))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
