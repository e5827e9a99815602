"""The ladder's tables: scores of every rung, paired differences between rungs, and PersLLM's distinction of replies.

A paired difference is over samples: the credit of each by `acc_pmi` (1 right, 0 wrong) in one run less that in another,
so that it is a difference of accuracies. Intervals are those of the trained track: personas are fixed strata, clusters
are items that share evidence. Identity is not pooled with the others: there always staying earns more than half of the
samples. Its difference is that of the scores (J) per persona, with a t interval over the personas.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import inf
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from persllm_bench.items import Data
from persllm_bench.reader import load
from persllm_bench.runs import RunFolder
from persllm_bench.scoring import Outcome, TaskScore
from persllm_bench.scoring.aggregate import percent
from persllm_bench.scoring.keys import evidence
from persllm_bench.scoring.score import sample_value
from persllm_bench.stats import Interval, cluster_t, evidence_clusters, stratified_mean

BASES = ("knowledge", "attitude", "premise")
"""Pooled: a fixed policy earns what chance does on each."""
ALL = (*BASES, "identity", "traits")
LIVE = ("pressure", "dialogue")
Scores = Mapping[str, TaskScore]
Key = tuple[str, str, str, str, str]
"""Task, persona, item, stage, variant."""


def scores(folder: Path, data: Data) -> dict[str, TaskScore]:
    """Every task of a run folder, scored from its replies."""
    return {found.task: found for found in RunFolder(folder).score(data)}


def credits(data: Data, runs: Sequence[Scores], bases: Sequence[str]) -> dict[Key, float]:
    """The credit of every sample of the likelihood twins of `bases`, the mean over runs of one thing (its seeds).

    Raises:
        ValueError: the runs have different samples.
    """
    found: dict[Key, list[float]] = defaultdict(list)
    for outcome in (o for run in runs for base in bases for o in run[f"persllm-ll_{base}"].outcomes):
        found[_key(outcome)].append(sample_value(data, outcome))
    if odd := [key for key, values in found.items() if len(values) != len(runs)]:
        raise ValueError(f"runs of different samples: {sorted(odd)[:3]}")
    return {key: fmean(values) for key, values in found.items()}


def _key(o: Outcome) -> Key:
    s = o.sample
    return s.task, s.persona, s.item, s.stage, s.variant


def difference(data: Data, a: Sequence[Scores], b: Sequence[Scores], bases: Sequence[str]) -> Interval:
    """Mean of b - a over the samples of the likelihood twins of `bases`, in points; identity stands alone. Each side is
    one run, or several of models that differ in their seed only.

    Raises:
        ValueError: the runs have different samples.
    """
    if list(bases) == ["identity"]:
        before, after = ([run["persllm-ll_identity"].by_persona for run in side] for side in (a, b))
        return cluster_t([fmean(r[who] for r in after) - fmean(r[who] for r in before) for who in before[0]])
    left, right = (credits(data, side, bases) for side in (a, b))
    if set(left) != set(right):
        raise ValueError(f"runs of different samples: {sorted(set(left) ^ set(right))[:3]}")
    cited = {}
    for outcome in (o for base in bases for o in a[0][f"persllm-ll_{base}"].outcomes):
        s, key = outcome.sample, _key(outcome)
        cited[key] = {f"{s.persona}/{s.stage}/{number}" for number in evidence(data, s)} or {"/".join(key)}
    gaps = np.array([right[key] - left[key] for key in left])
    labels = evidence_clusters([cited[key] for key in left])
    return percent(stratified_mean(gaps, [persona for _, persona, *_ in left], labels.tolist(), lo=-inf, hi=inf))


def tables(
    rungs: Mapping[str, tuple[str, Path]], starts: Mapping[str, str | None], first: str = "untrained-name"
) -> tuple[str, dict[str, Any]]:
    """Markdown and the same as figures. `starts` says which rung a rung goes on from; others are compared with the one
    before them."""
    data = load()
    found = {name: scores(folder, data) for name, (_, folder) in rungs.items()}
    names = list(rungs)
    before = {name: starts[name] or (names[i - 1] if i else None) for i, name in enumerate(names)}
    steps = {n: difference(data, [found[b]], [found[n]], BASES) for n, b in before.items() if b}
    whole = {n: difference(data, [found[first]], [found[n]], BASES) for n in names if n != first}
    by_task = {n: {base: difference(data, [found[first]], [found[n]], [base]) for base in ALL} for n in whole}
    replies = {n: found[n]["persllm_open"] for n in names}
    label = {name: what for name, (what, _) in rungs.items()}
    parts = [
        table(
            "Scores (0 chance, 100 perfect) on held-out items of the trained personas, likelihood twins by acc_pmi",
            ["rung", *ALL],
            [[label[n], *(interval(found[n][f"persllm-ll_{base}"].score) for base in ALL)] for n in names],
        ),
        table(
            f"Paired differences in points, all samples of {', '.join(BASES)} (acc_pmi)",
            ["rung", "compared with", "difference", f"against {label[first]}"],
            [[label[n], label.get(before[n] or "", ""), interval(steps.get(n)), interval(whole.get(n))] for n in names],
        ),
        table(
            f"Paired differences against {label[first]} by task, points",
            ["rung", *ALL],
            [[label[n], *(interval(by_task[n][base]) for base in ALL)] for n in whole],
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
                [label[n], *(interval(found[n][f"persllm_{base}"].score) for base in ALL)]
                + [interval(live and live.score) for live in map(found[n].get, (f"persllm_{base}" for base in LIVE))]
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


def interval(found: Interval | None) -> str:
    return "" if found is None else f"{found.estimate:.1f} [{found.low:.1f}, {found.high:.1f}]"


def _share(score: TaskScore, name: str) -> str:
    return _number(100 * (score.measures[name].value or 0.0))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
