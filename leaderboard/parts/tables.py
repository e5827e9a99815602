"""Tables as HTML: text that can be read aloud, searched and copied, with intervals drawn in their cells."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from parts import text
from persllm_bench.board import csv_bytes

Row = dict[Any, Any]
"""A row of a frame: column -> value."""


@dataclass(frozen=True)
class Column:
    """A column: its heading (our own words), what a row shows in it as HTML, and how it is set."""

    title: str
    cell: Callable[[Row], str]
    kind: str = ""
    """CSS classes: `number` (right), `wide` (left out on phones), `bar`, `head` (names the row)."""
    sort: str = ""
    """Address of the table sorted by this column."""
    sorted: str = ""
    """`ascending` or `descending` where the table is sorted by it."""


def table(rows: Iterable[Row], columns: Sequence[Column], caption: str, *, classes: str = "") -> None:
    """Draw a table. `caption` names it for screen readers; tables wider than the page scroll by keyboard as well."""
    head = "".join(_head(c) for c in columns)
    body = "".join(f"<tr>{''.join(_cell(c, row) for c in columns)}</tr>" for row in rows)
    st.html(
        f'<div class="scroll" tabindex="0" role="region" aria-label="{html.escape(caption)}">'
        f'<table class="grid {classes}"><caption>{html.escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _head(column: Column) -> str:
    order = f' aria-sort="{column.sorted}"' if column.sorted else ""
    mark = {"ascending": " ↑", "descending": " ↓"}.get(column.sorted, "")
    title = html.escape(column.title)
    inner = f'<a class="go" href="{column.sort}">{title}{mark}</a>' if column.sort else title
    return f'<th scope="col" class="{column.kind}"{order}>{inner}</th>'


def _cell(column: Column, row: Row) -> str:
    if "head" in column.kind:
        return f'<th scope="row" class="{column.kind}">{column.cell(row)}</th>'
    return f'<td class="{column.kind}">{column.cell(row)}</td>'


def number(value: Any, digits: int = 1, unit: str = "") -> str:
    """A number with a true minus sign, or a dash."""
    if value is None or pd.isna(value):
        return "–"
    return f"{value:,.{digits}f}{unit}".replace("-", "−")


def count(value: Any) -> str:
    return number(value, 0)


def size(value: Any) -> str:
    """A number of parameters: 5.7 M, 7 B."""
    if value is None or pd.isna(value):
        return "–"
    for unit, step in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= step:
            return f"{value / step:.3g} {unit}"
    return f"{value:.0f}"


def interval(score: Any, low: Any, high: Any, axis: tuple[float, float] = (-20, 100), zero: float = 0) -> str:
    """A score with its interval, as a drawing and in figures. axis: what the width stands for; zero: a mark on it."""
    if score is None or pd.isna(score):
        return "–"
    span = axis[1] - axis[0]
    at = lambda value: f"{100 * min(max((value - axis[0]) / span, 0), 1):.1f}%"  # noqa: E731
    figures = f'<span class="value">{number(score)}</span>'
    drawn = f'<i class="zero" style="left:{at(zero)}"></i>'
    if low is not None and not pd.isna(low):
        drawn += f'<i class="range" style="left:{at(low)};right:calc(100% - {at(high)})"></i>'
        figures += f' <span class="limits">{number(low)} to {number(high)}</span>'
    drawn += f'<i class="dot" style="left:{at(score)}"></i>'
    return f'<span class="interval"><span class="track" aria-hidden="true">{drawn}</span>{figures}</span>'


def tint(value: Any, limit: float = 100) -> str:
    """Background of a heat map's cell: blue above chance (0), orange below, stronger further away."""
    if value is None or pd.isna(value):
        return ""
    strength = min(1.0, abs(value) / limit)
    colour = "0,114,178" if value >= 0 else "213,94,0"
    return f"background:rgba({colour},{0.55 * math.sqrt(strength):.2f})"


def badge(words: str, kind: str = "") -> str:
    """A small mark beside a name; our own words only."""
    return f'<span class="badge {kind}">{html.escape(words)}</span>'


def simple(frame: pd.DataFrame, caption: str, digits: int = 1, heads: int = 1) -> None:
    """Any small frame: texts left, numbers right; the first `heads` columns name the rows."""
    numeric = [pd.api.types.is_numeric_dtype(t) and not pd.api.types.is_bool_dtype(t) for t in frame.dtypes]
    whole = [pd.api.types.is_integer_dtype(t) for t in frame.dtypes]

    def column(i: int) -> Column:
        show = (
            (lambda row: number(row[i], 0 if whole[i] else digits)) if numeric[i] else (lambda row: text.markup(row[i]))
        )
        kind = ("number" if numeric[i] else "") + (" head tight" if i < heads else "")
        return Column(str(frame.columns[i]), show, kind)

    table(
        frame.set_axis(range(frame.shape[1]), axis=1).to_dict("records"),
        [column(i) for i in range(len(frame.columns))],
        caption,
        classes="loose",
    )


def download(frame: pd.DataFrame, name: str, label: str = "Download CSV") -> None:
    """A CSV of the frame; cells that a spreadsheet would run are escaped (`persllm_bench.board.csv_bytes`)."""
    st.download_button(label, csv_bytes(frame), f"{name}.csv", "text/csv", key=f"csv_{name}", on_click="ignore")
