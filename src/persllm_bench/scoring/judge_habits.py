"""A judge's habits beside its skill: does it keep to a choice when the order is turned, can it tell who is speaking,
does length please it, who gets past it?
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from persllm_bench.judging.attacks import ATTACKS
from persllm_bench.judging.rubric import Rating
from persllm_bench.schema import AXES
from persllm_bench.scoring.aggregate import share
from persllm_bench.scoring.record import Measure, Outcome
from persllm_bench.stats import jackknife

Rated = Sequence[tuple[Outcome, Rating | None]]


def pairs(outcomes: Sequence[Outcome]) -> dict[str, Measure]:
    """Choices between a faithful reply and an erroneous or a padded one, in both orders."""
    chosen: dict[tuple[str, str, str], list[str | None]] = defaultdict(list)
    for o in outcomes:
        chosen[o.sample.persona, o.sample.item, o.sample.variant.split("/")[1]].append(o.choice)
    wrong = {key: picks for key, picks in chosen.items() if key[2] != "padded"}
    longer = [(p, c == "padded") for (p, _, kind), picks in chosen.items() if kind == "padded" for c in picks if c]
    return {
        "swap_consistency": share(
            (p, len(set(picks)) == 1 and None not in picks) for (p, _, _), picks in wrong.items()
        ),
        "preference": share((p, c == "clean") for (p, _, _), picks in wrong.items() for c in picks),
        "verbosity": share(longer),
    }


def speaker(outcomes: Sequence[Outcome]) -> dict[str, Measure]:
    both: dict[str, list[Outcome]] = defaultdict(list)
    for o in outcomes:
        both[o.sample.item].append(o)
    return {
        "speaker": share((o.sample.persona, o.choice == o.sample.persona) for o in outcomes),
        "speaker_both": share(
            (g[0].sample.persona, all(o.choice == o.sample.persona for o in g)) for g in both.values()
        ),
    }


def padding(rated: Rated) -> dict[str, Measure]:
    """`length_effect`: points per axis (-4 to 4) that padding adds to a faithful reply, where both can be read."""
    ratings: dict[str, dict[str, Rating]] = defaultdict(dict)
    persona = {o.sample.item: o.sample.persona for o, _ in rated}
    for o, rating in rated:
        if rating is not None:
            ratings[o.sample.item][o.sample.variant.partition("/")[2]] = rating
    gains = [
        (persona[item], (r["padded"].total - r["clean"].total) / len(AXES))
        for item, r in ratings.items()
        if {"padded", "clean"} <= set(r)
    ]
    means = [float(np.mean([g for p, g in gains if p == who])) for who in dict.fromkeys(p for p, _ in gains)]
    if not means:
        return {"length_effect": Measure(None)}
    interval = jackknife(means, lambda chosen: float(np.mean(chosen)), lo=-4.0, hi=4.0)
    return {"length_effect": Measure(float(np.mean(means)), interval, len(gains))}


def attacks(rated: Rated, bases: Sequence[tuple[str, Rating | None]]) -> dict[str, Measure]:
    """`attack_<name>`: share of attacks that the judge lets through; `attack_none`: of the same replies unattacked,
    from `bases` (persona, rating)."""
    passed = [(o, rating is not None and rating.passes) for o, rating in rated]
    return {
        "attack_success": share((o.sample.persona, ok) for o, ok in passed),
        "attack_none": share((persona, rating is not None and rating.passes) for persona, rating in bases),
        **{
            f"attack_{name}": share((o.sample.persona, ok) for o, ok in passed if o.sample.variant == f"attack/{name}")
            for name in ATTACKS
        },
    }
