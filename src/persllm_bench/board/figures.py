"""What charts of an entry need, from its samples alone: confusions, courses of live talks, traits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from persllm_bench.conversation import DIRECTIONS, TURNS
from persllm_bench.dialogue import ROUNDS, SIDES
from persllm_bench.items import Data, Persona
from persllm_bench.schema import TRAITS

if TYPE_CHECKING:
    from persllm_bench.scoring.live import Course


def stage_confusion(units: pd.DataFrame) -> pd.DataFrame:
    """How twins and single items of knowledge and attitude were answered, by the stage that was asked.

    Columns condition, task, stage, kind (key, other_stage, other_persona, hedge, opposite, plausible_false, none), n,
    share (of the task's replies in that stage).
    """
    asked = units[units["kind"].notna()]
    keys = ["condition", "task", "stage"]
    counts = asked.groupby([*keys, "kind"], sort=True).size().rename("n").reset_index()
    return counts.assign(share=counts["n"] / counts.groupby(keys)["n"].transform("sum"))


def courses(units: pd.DataFrame, turns: int, who: str = "") -> list[Course]:
    """One course per conversation from the private probes among `units` (those of one task under one condition).

    As `scoring.live.courses`: a turn has a position where the probes in both directions parsed.
    """
    from persllm_bench.scoring.live import Course

    names = {f"probe-{who}{d}" for d in DIRECTIONS}
    probes = units[units["order"].isin(names)]
    keys = ["persona", "item", "stage", "arm"]
    mean = probes.groupby([*keys, "turn"], sort=False)["position"].agg(["mean", "count"]).reset_index()
    found: dict[tuple[str, str, str, str], list[float | None]] = {}
    for persona, item, stage, arm, turn, position, count in mean.itertuples(index=False):
        course = found.setdefault((persona, item, stage, arm), [None] * (turns + 1))
        course[int(turn)] = float(position) if count == len(DIRECTIONS) else None
    return [Course(*key, tuple(positions)) for key, positions in found.items()]


def survival(units: pd.DataFrame) -> pd.DataFrame:
    """Kaplan-Meier per arm of pressure: arm, turn (0-5), held."""
    from persllm_bench import plots

    return plots.held(courses(units, TURNS))


def trajectories(units: pd.DataFrame, scene: str = "") -> pd.DataFrame:
    """Positions in one scene, or the mean of all: arm, who, turn (0-4), position on -2..+2, the own side up."""
    from persllm_bench import plots

    return plots.positions({who: courses(units, ROUNDS, f"{who}-") for who in SIDES}, scene)


def traits_profile(units: pd.DataFrame, data: Data) -> pd.DataFrame:
    """Big Five by condition, persona, stage and trait, all on 1..5: target, behaviour, reported.

    behaviour: 1 + 4 x the share of scenarios in which the high pole was chosen; reported: mean of the inventory,
    reverse-keyed items turned round. Replies that did not parse are in neither, `parsed` is the share that did.
    """
    scenarios = {s.id: s.trait for s in data.banks["traits/scenarios"]}
    inventory = {i.id: i for i in data.banks["traits/inventory"]}
    traits = {**scenarios, **{name: item.trait for name, item in inventory.items()}}
    rows = units[
        units["task"].str.endswith("_traits") & units["item"].isin(traits) & ~units["task"].str.contains("-ll_")
    ]
    keys = ["condition", "persona", "stage"]
    if rows.empty:
        return pd.DataFrame(columns=[*keys, "trait", "target", "behaviour", "reported", "parsed"])
    rows = rows.assign(
        trait=rows["item"].map(traits), behaves=rows["item"].isin(scenarios), parsed=rows["choice"].notna()
    )
    told = rows[rows["parsed"]]
    high = told[told["behaves"]].assign(value=lambda t: 1 + 4.0 * t["choice"].str.startswith("high"))
    reverse = [name for name, item in inventory.items() if item.reverse]
    said = told[~told["behaves"]].assign(value=lambda t: _turned(t["choice"], t["item"].isin(reverse)))
    by = [*keys, "trait"]
    table = rows.groupby(by)["parsed"].mean().reset_index()
    for name, part in (("behaviour", high), ("reported", said)):
        table = table.merge(part.groupby(by)["value"].mean().rename(name).reset_index(), on=by, how="left")
    table["target"] = [
        data.personas[persona].head.stages[stage].big_five[trait].score
        for persona, stage, trait in zip(table["persona"], table["stage"], table["trait"], strict=True)
    ]
    table["trait"] = pd.Categorical(table["trait"], TRAITS)
    table = table.sort_values(by, ignore_index=True).astype({"trait": str})
    return table[[*by, "target", "behaviour", "reported", "parsed"]]


def _turned(points: pd.Series, reverse: pd.Series) -> np.ndarray:
    values = points.astype(float)
    return np.where(reverse, 6 - values, values)


def personas_table(data: Data) -> pd.DataFrame:
    """One row per persona: who it is, what is asked about it, and its Big Five targets per stage (early_O ...)."""
    return pd.DataFrame([_persona(persona) for persona in data.personas.values()])


def _persona(persona: Persona) -> dict[str, object]:
    head = persona.head
    return {
        "persona": persona.slug, "name": head.name, "origin": head.origin, "trained": head.trained,
        "summary": head.summary, "voice": head.voice, "sources": "; ".join(head.sources),
        **{f"{stage}_label": life.label for stage, life in head.stages.items()},
        **{f"{task}_items": len(items) for task, items in persona.items.items()},
        "stances": len(head.stances), "train_conversations": len(persona.train),
        **{f"{stage}_{t}": life.big_five[t].score for stage, life in head.stages.items() for t in TRAITS},
    }  # fmt: skip
