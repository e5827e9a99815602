"""What is right for whom: the one place that knows the key of every kind of sample."""

from __future__ import annotations

from typing import Any

from persllm_bench.items import Data
from persllm_bench.samples import Sample
from persllm_bench.schema import InventoryItem, Scenario, Stage

_PAIRED = {"false": "correct", "true": "along", "real": "out", "story": "stay", "bait": "stay"}


def item_of(data: Data, sample: Sample) -> Any:
    """The item that a sample asks."""
    return data.item(sample.item)


def right_choices(data: Data, sample: Sample, stage: Stage | None = None) -> frozenset[str]:
    """The choices that are right for this sample's person, as of `stage` (default: the sample's own)."""
    when, item = stage or sample.stage, item_of(data, sample)
    if sample.task in ("knowledge", "attitude"):
        return frozenset({str(item.answer.get(when, item.answer[sample.stage]))})
    if sample.task == "judge":
        return frozenset({"clean", "padded", sample.persona}) & frozenset(sample.choices)
    if sample.task != "traits":
        return frozenset({_PAIRED[sample.variant.split("/")[0]]})
    target = data.personas[sample.persona].head.stages[when].big_five[item.trait]
    if isinstance(item, Scenario):
        pole = "high" if target.high else "low"
        return frozenset({f"{pole}0", f"{pole}1"})
    return frozenset({str(round(6 - target.score if item.reverse else target.score))})


def chance(data: Data, sample: Sample) -> float:
    """Probability that a blind pick is right."""
    return len(right_choices(data, sample)) / len(sample.choices)


def evidence(data: Data, sample: Sample) -> frozenset[str]:
    """The statements, as `stage/E3`, that settle a sample; its item or trait where it rests on none."""
    item = item_of(data, sample)
    cited = getattr(item, "evidence", None)
    if isinstance(cited, dict):
        return frozenset(f"{sample.stage}/{s}" for s in cited[sample.stage])
    if cited:
        return frozenset(f"{sample.stage}/{s}" for s in cited)
    if isinstance(item, Scenario | InventoryItem):
        return frozenset({f"{sample.stage}/{item.trait}"})
    return frozenset({sample.item})
