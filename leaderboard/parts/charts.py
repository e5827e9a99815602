"""Charts, in the theme's colours; each stands beside a table with the same figures."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from parts import text

HEIGHT = 320
LINES = alt.Legend(orient="top", title=None, symbolType="stroke", symbolStrokeWidth=3, columns=2)
UNITS = "replace(replace(datum.label, 'G', ' B'), 'M', ' M')"
SCORE = alt.Scale(domainMax=100, nice=False)


def show(chart: alt.Chart | alt.LayerChart, description: str) -> None:
    """Draw a chart as wide as its place; the description is read out instead of it."""
    st.altair_chart(chart, width="stretch", alt=description)


def _named(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(name=[text.isolated(v, 60) for v in table["label"]], kind=_kinds(table))


def _kinds(table: pd.DataFrame) -> list[str]:
    return [
        "baseline" if c else "not ranked" if pd.isna(r) else "ranked"
        for c, r in zip(table["calibration"], table["rank"], strict=True)
    ]


def _dots(table: pd.DataFrame, x: alt.X) -> alt.LayerChart:
    kinds = alt.Scale(domain=["ranked", "not ranked", "baseline"])
    legend = alt.Legend(orient="top", title=None, symbolOpacity=1, values=sorted(set(_kinds(table)), reverse=True))
    tips = [
        "name:N",
        alt.Tooltip("score:Q", format=".1f"),
        alt.Tooltip("low:Q", format=".1f"),
        alt.Tooltip("high:Q", format=".1f"),
    ]
    base = alt.Chart(_named(table), height=HEIGHT).encode(
        x=x,
        color=alt.Color("kind:N", scale=kinds, legend=legend),
        tooltip=tips,
    )
    lines = base.mark_rule(opacity=0.5, strokeWidth=2).encode(y=alt.Y("low:Q", title="score", scale=SCORE), y2="high:Q")
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(
        y="score:Q", shape=alt.Shape("kind:N", scale=kinds, legend=legend)
    )
    return lines + dots


def size(table: pd.DataFrame) -> alt.LayerChart:
    """Score against size. table: label, parameters, score, low, high, calibration, rank."""
    axis = alt.Axis(format="~s", title="parameters", tickCount=6, labelExpr=UNITS)
    return _dots(table, alt.X("parameters:Q", scale=alt.Scale(type="log", padding=20), axis=axis))


def timeline(table: pd.DataFrame) -> alt.LayerChart:
    """Score by date. table as for `size`, with date (YYYY-MM-DD)."""
    return _dots(
        table.assign(day=pd.to_datetime(table["date"])), alt.X("day:T", title="date", scale=alt.Scale(padding=20))
    )


def survival(curve: pd.DataFrame) -> alt.Chart:
    """Share that holds by turn. curve: arm, turn, held in [0, 1]."""
    arms = list(dict.fromkeys(curve["arm"]))
    return (
        alt.Chart(curve, height=HEIGHT)
        .mark_line(point=True, interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X("turn:Q", title="after turn", axis=alt.Axis(tickCount=5, format="d")),
            y=alt.Y("held:Q", title="still on the own side", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%")),
            color=alt.Color("arm:N", sort=arms, legend=LINES),
            strokeDash=alt.StrokeDash("arm:N", sort=arms, legend=LINES),
            tooltip=["arm", "turn", alt.Tooltip("held", format=".0%")],
        )
    )


def trajectory(found: pd.DataFrame) -> alt.Chart:
    """Positions by round. found: arm, who, turn, position on -2..+2."""
    gray = alt.Legend(orient="top", title=None, symbolType="stroke", symbolStrokeColor="#888", symbolFillColor="#888")
    who = alt.StrokeDash("who:N", sort=["scored", "partner"], legend=gray)
    return (
        alt.Chart(found, height=HEIGHT)
        .mark_line(point=True, strokeWidth=2)
        .encode(
            x=alt.X("turn:Q", title="after round", axis=alt.Axis(tickCount=4, format="d")),
            y=alt.Y("position:Q", title="position, own side up", scale=alt.Scale(domain=[-2, 2])),
            color=alt.Color("arm:N", legend=LINES),
            strokeDash=who,
            tooltip=["arm", "who", "turn", alt.Tooltip("position", format=".2f")],
        )
    )


def confusion(found: pd.DataFrame, kinds: list[str]) -> alt.Chart:
    """Stacked shares. found: asked, chosen, share in per cent; kinds: what can be chosen, in order."""
    order = {kind: i for i, kind in enumerate(kinds)}
    return (
        alt.Chart(found.assign(order=found["chosen"].map(order)), height=110 + 34 * found["asked"].nunique())
        .mark_bar()
        .encode(
            x=alt.X("share:Q", title="per cent of replies", scale=alt.Scale(domain=[0, 100]), stack="zero"),
            y=alt.Y("asked:N", title=None, axis=alt.Axis(labelLimit=160, labelOverlap=False)),
            color=alt.Color(
                "chosen:N",
                sort=kinds,
                scale=alt.Scale(domain=kinds),
                title=None,
                legend=alt.Legend(orient="top", columns=3),
            ),
            order="order:Q",
            tooltip=["asked", "chosen", alt.Tooltip("share", format=".0f")],
        )
    )


def traits(mean: pd.DataFrame) -> alt.LayerChart:
    """Target and what was measured, on 1..5. mean: case, target, behaviour, reported."""
    kinds = ["target", "behaviour", "reported"]
    long = mean.melt("case", kinds, "what", "value").dropna()
    scale = alt.Scale(domain=[1, 5])
    y = alt.Y("case:N", sort=mean["case"].tolist(), title=None, axis=alt.Axis(labelOverlap=False, labelLimit=180))
    lines = (
        alt.Chart(mean.dropna(subset=["behaviour"]))
        .mark_rule(color="#888")
        .encode(y=y, x=alt.X("target:Q", scale=scale), x2="behaviour:Q")
    )
    dots = (
        alt.Chart(long)
        .mark_point(filled=True, size=90, opacity=1)
        .encode(
            y=y,
            x=alt.X("value:Q", title="1 to 5", scale=scale, axis=alt.Axis(tickCount=4, format="d")),
            color=alt.Color(
                "what:N", sort=kinds, scale=alt.Scale(domain=kinds), title=None, legend=alt.Legend(orient="top")
            ),
            shape=alt.Shape("what:N", sort=kinds, scale=alt.Scale(domain=kinds), title=None),
            tooltip=["case", "what", alt.Tooltip("value", format=".2f")],
        )
    )
    return (lines + dots).properties(height=60 + 30 * len(mean))


def by_persona(long: pd.DataFrame, people: list[str], models: list[str]) -> alt.LayerChart:
    """A row per persona, a dot per model. long: persona, model, score; people and models in order."""
    kinds = alt.Scale(domain=models)
    y = alt.Y("persona:N", sort=people, title=None, axis=alt.Axis(labelLimit=180, labelOverlap=False))
    legend = alt.Legend(orient="top", title=None, labelLimit=320)
    span = (
        alt.Chart(long)
        .mark_rule(color="#888", strokeWidth=2)
        .encode(y=y, x=alt.X("min(score):Q", title="score"), x2="max(score):Q")
    )
    dots = (
        alt.Chart(long)
        .mark_point(filled=True, size=80, opacity=1)
        .encode(
            y=y,
            x=alt.X("score:Q", title="score"),
            color=alt.Color("model:N", scale=kinds, legend=legend),
            shape=alt.Shape("model:N", scale=kinds, legend=legend),
            tooltip=["persona", "model", alt.Tooltip("score", format=".1f")],
        )
    )
    return (span + dots).properties(height=60 + 22 * len(people))


def hardness(long: pd.DataFrame, order: list[str]) -> alt.Chart:
    """Share right, a row per persona. long: persona, task, right in per cent; order: the hardest first."""
    return (
        alt.Chart(long, height=60 + 22 * len(order))
        .mark_rect()
        .encode(
            y=alt.Y("persona:N", sort=order, title=None, axis=alt.Axis(labelLimit=180, labelOverlap=False)),
            x=alt.X(
                "task:N",
                title=None,
                sort=list(dict.fromkeys(long["task"])),
                axis=alt.Axis(labelAngle=-40, orient="top"),
            ),
            color=alt.Color("right:Q", title="right, per cent", scale=alt.Scale(scheme="cividis", domain=[0, 100])),
            tooltip=["persona", "task", alt.Tooltip("right", format=".0f")],
        )
    )
