"""Traits: does behaviour in 30 scenarios lean the way of the person's Big Five, and does the self-report agree?

A unit is (persona, stage, trait): 1 if more than half of all picks lean to the target's pole, 1/2 if exactly half,
else 0;
scaled by (value - 1/2) / (1/2). An unparsed reply is no pick for the target and stays in the denominator.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from persllm_bench.items import Data
from persllm_bench.schema import Stage, Trait
from persllm_bench.scoring.aggregate import Result, share
from persllm_bench.scoring.record import Measure, Outcome, Unit

Key = tuple[str, Stage, Trait]


def traits(data: Data, outcomes: Sequence[Outcome]) -> Result:
    """Score `persllm_traits` over scenarios (the score) and inventory (measures beside it)."""
    scenarios = {s.id: s.trait for s in data.banks["traits/scenarios"]}
    picks: dict[Key, list[str | None]] = defaultdict(list)
    reports: list[Outcome] = []
    for o in outcomes:
        if trait := scenarios.get(o.sample.item):
            picks[o.sample.persona, o.sample.stage, trait].append(o.choice and o.choice[:-1])
        else:
            reports.append(o)
    units, leaning, agreement = [], {}, []
    for (persona, stage, trait), poles in picks.items():
        target = data.personas[persona].head.stages[stage].big_five[trait]
        toward = sum(pole == ("high" if target.high else "low") for pole in poles)
        direction = float(np.sign(2 * toward - len(poles)))
        units.append(Unit(persona, stage, direction, frozenset({trait})))
        leaning[persona, stage, trait] = sum(pole == "high" for pole in poles) / len(poles)
        agreement.append((persona, toward / len(poles)))
    measures = {"acc": share(agreement), **_inventory(data, reports, leaning)}
    return Result(units, low=-1.0, chance=0.5, measures=measures)


def _inventory(data: Data, reports: Sequence[Outcome], leaning: dict[Key, float]) -> dict[str, Measure]:
    """Self-report on 1-5 (reverse-keyed items turned round): error, reliability, symmetry, consistency, gap."""
    items = {i.id: i for i in data.banks["traits/inventory"]}
    answers: dict[Key, dict[tuple[str, str], float]] = defaultdict(dict)
    for o in reports:
        if o.choice is not None:
            item, point = items[o.sample.item], float(o.choice)
            key = (o.sample.persona, o.sample.stage, item.trait)
            answers[key][o.sample.item, o.sample.variant] = 6 - point if item.reverse else point
    error, symmetry, reverse, gap = [], [], [], []
    for (persona, stage, trait), points in answers.items():
        mean = float(np.mean(list(points.values())))
        error.append((persona, abs(mean - data.personas[persona].head.stages[stage].big_five[trait].score)))
        symmetry += [
            (persona, points[i, "order0"] == points[i, "order1"])
            for i, v in points
            if v == "order0" and (i, "order1") in points
        ]
        forward = [p for (i, _), p in points.items() if not items[i].reverse]
        backward = [p for (i, _), p in points.items() if items[i].reverse]
        if forward and backward:
            reverse.append((persona, 1 - abs(float(np.mean(forward)) - float(np.mean(backward))) / 4))
        if (persona, stage, trait) in leaning:
            gap.append((persona, (mean - 1) / 4 - leaning[persona, stage, trait]))
    return {
        "inventory_error": _mean(error),
        "inventory_split_half": _split_half(items, answers),
        "inventory_order_symmetry": _mean(symmetry),
        "inventory_reverse_consistency": _mean(reverse),
        "inventory_behaviour_gap": _mean([(p, abs(g)) for p, g in gap]),
    }


def _mean(pairs: Sequence[tuple[str, float]]) -> Measure:
    if not pairs:
        return Measure(None)
    groups: dict[str, list[float]] = defaultdict(list)
    for persona, value in pairs:
        groups[persona].append(float(value))
    return Measure(float(np.mean([np.mean(g) for g in groups.values()])), n=len(pairs))


def _split_half(items: dict, answers: dict[Key, dict[tuple[str, str], float]]) -> Measure:
    """Spearman-Brown corrected correlation, over (persona, stage, trait), of the means of odd and even items."""
    halves = []
    order = {name: rank for rank, name in enumerate(items)}
    for points in answers.values():
        odd = [p for (i, _), p in points.items() if order[i] % 2]
        even = [p for (i, _), p in points.items() if not order[i] % 2]
        if odd and even:
            halves.append((float(np.mean(odd)), float(np.mean(even))))
    if len(halves) < 3:
        return Measure(None, n=len(halves))
    a, b = np.array(halves).T
    if a.std() == 0 or b.std() == 0:
        return Measure(None, n=len(halves))
    r = float(np.corrcoef(a, b)[0, 1])
    return Measure(2 * r / (1 + r) if r > -1 else -1.0, n=len(halves))
