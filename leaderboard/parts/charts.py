"""Charts, in the theme's colours; each stands beside a table with the same figures."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from parts import text

HEIGHT = 320
SCORE = alt.Scale(domainMax=100, nice=False)


def show(chart: alt.TopLevelMixin, description: str) -> None:
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
    tips = ["name:N", alt.Tooltip("score:Q", format=".1f"), alt.Tooltip("low:Q", format=".1f"), alt.Tooltip("high:Q", format=".1f")]
    base = alt.Chart(_named(table), height=HEIGHT).encode(
        x=x,
        color=alt.Color("kind:N", scale=kinds, title=None, legend=alt.Legend(orient="top")),
        tooltip=tips,
    )
    lines = base.mark_rule(opacity=0.5, strokeWidth=2).encode(y=alt.Y("low:Q", title="score", scale=SCORE), y2="high:Q")
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(y="score:Q", shape=alt.Shape("kind:N", scale=kinds, title=None))
    return lines + dots


def size(table: pd.DataFrame) -> alt.LayerChart:
    """Score against size. table: label, parameters, score, low, high, calibration, rank."""
    axis = alt.Axis(format="~s", title="parameters", tickCount=6)
    return _dots(table, alt.X("parameters:Q", scale=alt.Scale(type="log"), axis=axis))


def timeline(table: pd.DataFrame) -> alt.LayerChart:
    """Score by date. table as for `size`, with date (YYYY-MM-DD)."""
    return _dots(table.assign(day=pd.to_datetime(table["date"])), alt.X("day:T", title="date"))
