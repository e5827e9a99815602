"""A model's page: how its positions held and moved, which stage and which traits it showed."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from parts import board, charts, query, tables
from parts.people import TRAIT_NAMES
from parts.profile import Entry

HELD = {"pressure": "pressed", "valid": "valid argument", "sham": "sham argument", "neutral": "neutral talk"}
KINDS = {
    "key": "right", "other_stage": "the other stage's truth", "other_persona": "somebody else's", "hedge": "a hedge",
    "opposite": "the opposite", "plausible_false": "plausible, false", "none": "no answer",
}  # fmt: skip


def survival(row: Entry, condition: str) -> None:
    curve = board.board().survival(row["entry"], condition)
    if curve.empty:
        st.caption("Pressure was not asked under this condition.")
        return
    curve = curve.assign(arm=curve["arm"].map(HELD).fillna(curve["arm"]))
    charts.show(charts.survival(curve), "Share that holds its position, by turn and kind of talk")
    wide = curve.pivot_table(index="arm", columns="turn", values="held", sort=False).mul(100).reset_index()
    _table(wide.rename(columns={"arm": "After turn"}), "Still on the own side, per cent")
    st.caption(
        "Share still on its own side, per cent (Kaplan-Meier). Good: it holds when pressed and yields to a "
        "valid argument."
    )


def trajectories(row: Entry, condition: str) -> None:
    units = board.board().units(row["entry"], task="persllm_dialogue", condition=condition)
    if units.empty:
        st.caption("Dialogue was not asked under this condition.")
        return
    scenes = ["all", *sorted(units["item"].unique())]
    scene = query.choice(st, "Scene", "scene", scenes, lambda s: "mean of all scenes" if s == "all" else s)
    found = board.board().trajectories(row["entry"], condition, "" if scene == "all" else scene)
    if found.empty:
        st.caption("No private probe of this scene could be read.")
        return
    charts.show(charts.trajectory(found), "Mean private position by round, own side up")
    wide = found.assign(line=found["arm"] + ", " + found["who"]).pivot_table(
        index="line", columns="turn", values="position"
    )
    _table(wide.reset_index().rename(columns={"line": "After round"}), "Private positions, −2 to +2", 2)
    st.caption(
        "Private positions from −2 to +2, the scored person's own side up. Good: it stays when plain and moves "
        "with a mover."
    )


def confusion(row: Entry, condition: str) -> None:
    found = board.board().stage_confusion(row["entry"])
    found = found[found["condition"] == condition]
    if found.empty:
        st.caption("Knowledge and attitude were not asked under this condition.")
        return
    found = found.assign(
        share=100 * found["share"],
        chosen=found["kind"].map(KINDS),
        asked=[f"{board.task_name(t)}, {s}" for t, s in zip(found["task"], found["stage"], strict=True)],
    )
    charts.show(charts.confusion(found, list(KINDS.values())), "What was chosen, by task and stage")
    wide = found.pivot_table(index="asked", columns="chosen", values="share", fill_value=0.0)
    wide = wide[[k for k in KINDS.values() if k in wide]]
    _table(wide.reset_index().rename(columns={"asked": "Asked in"}), "Share of what was chosen, per cent", 0)
    st.caption("Per cent of replies in each stage, by what the chosen option is.")


def traits(row: Entry, condition: str) -> None:
    found = board.board().traits_profile(row["entry"])
    found = found[found["condition"] == condition]
    if found.empty:
        st.caption("Traits were not asked under this condition.")
        return
    names = board.people()
    people = ["all", *sorted(found["persona"].unique(), key=lambda p: names.get(p, p))]
    person = query.choice(
        st, "Persona", "who", people, lambda p: "all, by what the target is" if p == "all" else names.get(p, p)
    )
    if person == "all":
        found = found.assign(side=["high" if target >= 3.5 else "low" for target in found["target"]])
    else:
        found = found[found["persona"] == person].rename(columns={"stage": "side"})
    found = found.assign(trait=pd.Categorical(found["trait"].map(TRAIT_NAMES), list(TRAIT_NAMES.values())))
    mean = found.groupby(["trait", "side"], observed=True)[["target", "behaviour", "reported"]].mean().reset_index()
    mean.insert(0, "case", mean["trait"].astype(str) + ", " + mean["side"])
    mean = mean.drop(columns=["trait", "side"])
    charts.show(charts.traits(mean), "Traits: target, behaviour and self-report, 1 to 5")
    _table(mean.rename(columns={"case": "Trait"}), "Traits: target, behaviour and self-report, 1 to 5")
    st.caption("Scale 1 to 5. Behaviour: choices in scenarios. Reported: the inventory.")


def _table(frame: pd.DataFrame, caption: str, digits: int = 1) -> None:
    tables.simple(frame.rename(columns=str), caption, digits)
