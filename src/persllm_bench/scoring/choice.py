"""Knowledge and attitude: twin pairs and single items among four options.

A unit is an item in one option order. A twin counts only when it is right in both stages (chance 1/16), a single
item when
it is right (chance 1/4); the value is (right - chance) / (1 - chance), so ignoring the stage earns nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from persllm_bench.items import Data
from persllm_bench.scoring.aggregate import Result, share
from persllm_bench.scoring.keys import evidence, item_of, right_choices
from persllm_bench.scoring.record import Measure, Outcome, Unit

SINGLE, TWIN = 1 / 4, 1 / 16


def knowledge(data: Data, outcomes: Sequence[Outcome]) -> Result:
    """Score `persllm_knowledge`: key by option number, kinds as the item says."""
    return _score(data, outcomes)


def attitude(data: Data, outcomes: Sequence[Outcome]) -> Result:
    """Score `persllm_attitude`: key by view role; the moderate and the deferring view are hedges where not the key."""
    return _score(data, outcomes)


def kind_of(data: Data, o: Outcome) -> str:
    """What was chosen in knowledge or attitude: an option kind of the item, `none` where nothing was."""
    item, stage = item_of(data, o.sample), o.sample.stage
    if o.choice is None:
        return "none"
    if o.sample.task == "knowledge":
        return str(item.kinds[stage][int(o.choice)])
    if o.choice == item.answer[stage]:
        return "key"
    if o.choice in item.answer.values():
        return "other_stage"
    return "hedge" if o.choice in ("moderate", "deferring") else "opposite"


def _score(data: Data, outcomes: Sequence[Outcome]) -> Result:
    items = {o.sample.item: item_of(data, o.sample) for o in outcomes}
    right = {o.sample.id: o.choice in right_choices(data, o.sample) for o in outcomes}
    groups: dict[tuple[str, str, str], list[Outcome]] = defaultdict(list)
    both_orders: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    for o in outcomes:
        groups[o.sample.persona, o.sample.item, o.sample.variant].append(o)
        both_orders[o.sample.persona, o.sample.item, o.sample.stage].append(right[o.sample.id])
    units = []
    for (persona, item, _), members in groups.items():
        chance = TWIN if len(items[item].answer) == 2 else SINGLE
        correct = all(right[o.sample.id] for o in members) and len(members) == len(items[item].answer)
        cited = frozenset[str]().union(*(evidence(data, o.sample) for o in members))
        units.append(Unit(persona, "", (correct - chance) / (1 - chance), cited))
    kinds = [(o, kind_of(data, o)) for o in outcomes]
    twins = [(o, k) for o, k in kinds if "other_stage" in _kinds_possible(items[o.sample.item], o)]
    measures: dict[str, Measure] = {
        "acc": share((o.sample.persona, right[o.sample.id]) for o in outcomes),
        "acc_all": share((persona, all(flags)) for (persona, _, _), flags in both_orders.items()),
        "pairs": share((p, _both(ms, right)) for (p, i, _), ms in groups.items() if len(items[i].answer) == 2),
        "stage_confusion": share((o.sample.persona, k == "other_stage") for o, k in twins),
        "hedge_rate": share((o.sample.persona, k == "hedge") for o, k in kinds),
    }
    for difficulty in ("direct", "inferred", "boundary"):
        chosen = [o for o in outcomes if items[o.sample.item].difficulty == difficulty]
        measures[f"acc_{difficulty}"] = share((o.sample.persona, right[o.sample.id]) for o in chosen)
    return Result(units, low=-SINGLE / (1 - SINGLE), chance=SINGLE, measures=measures)


def _kinds_possible(item: Any, o: Outcome) -> list[str]:
    if hasattr(item, "kinds"):
        return list(item.kinds[o.sample.stage])
    return ["other_stage"] if len(item.answer) == 2 else []


def _both(members: Sequence[Outcome], right: dict[str, bool]) -> bool:
    return len(members) == 2 and all(right[o.sample.id] for o in members)
