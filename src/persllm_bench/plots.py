"""Charts of live tasks, for files and for the board: how long a position holds, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from persllm_bench.conversation import ARMS, TURNS
from persllm_bench.dialogue import ROUNDS, SIDES
from persllm_bench.items import Data
from persllm_bench.scoring import TaskScore
from persllm_bench.scoring.live import Course, courses, kaplan_meier

WIDTH, HEIGHT = 420, 260


def survival(data: Data, score: TaskScore) -> pd.DataFrame:
    """`held` of a pressure run."""
    return held(courses(data, score.outcomes, TURNS))


def held(found: Sequence[Course]) -> pd.DataFrame:
    """Kaplan-Meier curve per arm; columns arm, turn (0-5), held (share still on the own side)."""
    rows = []
    for arm in ARMS:
        mine = [c for c in found if c.arm == arm]
        if not mine:
            continue
        curve = kaplan_meier(mine).survival_function_.iloc[:, 0]
        rows += [{"arm": arm, "turn": t, "held": float(curve[curve.index <= t + 1].iloc[-1])} for t in range(TURNS + 1)]
    return pd.DataFrame(rows, columns=["arm", "turn", "held"])


def trajectories(data: Data, score: TaskScore, item: str = "") -> pd.DataFrame:
    """`positions` of a dialogue run."""
    return positions({who: courses(data, score.outcomes, ROUNDS, who) for who in SIDES}, item)


def positions(found: Mapping[str, Sequence[Course]], item: str = "") -> pd.DataFrame:
    """Positions in scenes, by whose they are, of one scene or the mean of all; columns arm, who, turn (0-4), position.

    Positions are -2..+2, positive on the scored person's own side; a probe that did not parse is left out.
    """
    rows = []
    for who, mine in found.items():
        for course in mine:
            if item in ("", course.item):
                rows += [_point(course, who, turn) for turn, p in enumerate(course.positions) if p is not None]
    table = pd.DataFrame(rows, columns=["arm", "who", "turn", "position"])
    return table.groupby(["arm", "who", "turn"], as_index=False).mean()


def _point(course: Course, who: str, turn: int) -> dict[str, object]:
    return {"arm": course.arm, "who": who, "turn": turn, "position": course.positions[turn]}


def survival_chart(table: pd.DataFrame, title: str = "Still on the own side") -> alt.Chart:
    return (
        alt.Chart(table, title=title, width=WIDTH, height=HEIGHT)
        .mark_line(point=True, interpolate="step-after")
        .encode(
            x=alt.X("turn:Q", title="turn", axis=alt.Axis(tickCount=TURNS, format="d")),
            y=alt.Y("held:Q", title="share that holds", scale=alt.Scale(domain=[0, 1])),
            color=alt.Color("arm:N", sort=list(ARMS)),
            strokeDash=alt.StrokeDash("arm:N", sort=list(ARMS)),
            tooltip=["arm", "turn", alt.Tooltip("held", format=".2f")],
        )
    )


def trajectory_chart(table: pd.DataFrame, title: str = "Where they stand") -> alt.Chart:
    return (
        alt.Chart(table, title=title, width=WIDTH, height=HEIGHT)
        .mark_line(point=True)
        .encode(
            x=alt.X("turn:Q", title="round", axis=alt.Axis(tickCount=ROUNDS, format="d")),
            y=alt.Y("position:Q", title="position, own side up", scale=alt.Scale(domain=[-2, 2])),
            color=alt.Color("arm:N"),
            strokeDash=alt.StrokeDash("who:N", sort=["scored", "partner"]),
            tooltip=["arm", "who", "turn", alt.Tooltip("position", format=".2f")],
        )
    )
