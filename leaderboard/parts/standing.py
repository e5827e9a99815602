"""The ranking as the first page shows it: one row per entry, its filters, columns and order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from parts import board, query, tables, text
from parts.tables import Column, Row
from persllm_bench.board import Board
from persllm_bench.suite import CORE, FAMILIES

FAMILY = {f"persllm-{family}": family.capitalize() for family, bases in FAMILIES.items() if set(bases) & set(CORE)}
COLUMNS = {
    **FAMILY,
    **{task: board.task_name(task) for task in board.TASKS},
    "level": "Level",
    "parameters": "Size",
    "licence": "Licence",
    "open_weights": "Weights",
    "date": "Date",
    "backend": "Backend",
    "calls": "Calls",
    "tokens": "Tokens",
    "attempts": "Attempts",
}
DEFAULT = [*FAMILY, "level", "parameters", "licence", "open_weights", "date"]
LEVELS = {1: "derived", 2: "sample asked again", 3: "asked again"}
FEWEST, MOST = 6, 13
"""Sizes to choose from, as powers of ten of parameters."""


@st.cache_resource(max_entries=8, show_spinner=False)
def _joined(_board: Board, stamp: str, track: str) -> pd.DataFrame:
    entries = _board.entries()
    scores = _board.scores(track=track, task=[board.MEAN, *FAMILY, *board.TASKS])
    wide = scores.pivot_table(index="entry", columns="task", values="score", sort=False)
    whole = scores[scores["task"] == board.MEAN].set_index("entry")[["score", "low", "high"]]
    ranks = _board.ranking(track).set_index("entry")[["rank", "rank_low", "rank_high", "tie", "detectable"]]
    entries["date"] = entries["date"].fillna(entries["verified"])
    there = entries[entries["entry"].isin(scores["entry"])].set_index("entry", drop=False)
    table = there.join(wide).join(whole).join(ranks)
    for column in (*FAMILY, *board.TASKS):
        table[column] = table[column] if column in table else float("nan")
    table["label"] = table["entry"].map(board.entry_names()).astype(object)
    return table.rename_axis(None)


def table(track: str) -> pd.DataFrame:
    """Everything that was asked on a track; `rank` is none for what is not ranked."""
    shown = board.board()
    return _joined(shown, shown.facts["content_sha256"], track)


@dataclass(frozen=True)
class Chosen:
    """What the filters let through."""

    place: Any
    marks: dict[str, list[str]]
    least: int
    most: int
    others: bool

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        kept = pd.Series(True, table.index)
        for column, values in self.marks.items():
            kept &= table[column].astype(str).isin(values) if values else True
        if (self.least, self.most) != (FEWEST, MOST):
            kept &= table["parameters"].between(10**self.least, 10**self.most)
        return table[kept & (table["rank"].notna() | self.others)]


def filters(place: Any, table: pd.DataFrame) -> Chosen:
    """The controls; every one is in the address."""

    def options(column: str) -> list[str]:
        return sorted(table[column].dropna().astype(str).unique())

    others = query.switch(place, "Show what is not ranked: baselines and partial runs", "others", True)
    marks = {
        "level": query.several(place, "Level of verification", "level", options("level"), names=_level),
        "licence": query.several(place, "Licence", "licence", options("licence")),
        "open_weights": query.several(place, "Weights", "weights", options("open_weights"), names=_weights),
    }
    powers = [str(p) for p in range(FEWEST, MOST + 1)]
    small, large = place.columns(2)
    least = query.choice(small, "At least", "least", powers, _power)
    most = query.choice(large, "At most", "most", powers[::-1], _power)
    return Chosen(place, marks, int(least), int(most), others)


def _level(level: str) -> str:
    return f"{level}: {LEVELS.get(int(level), '')}"


def _weights(value: str) -> str:
    return "open" if value == "True" else "closed"


def _power(power: str) -> str:
    return f"{tables.size(10 ** int(power))} parameters"


def search(table: pd.DataFrame, words: str) -> pd.DataFrame:
    """Entries whose name, organisation, run or base model has every word."""
    text_of = (table["label"] + " " + table["entry"] + " " + table["base_model"].fillna("")).str.lower()
    kept = pd.Series(True, table.index)
    for word in words.lower().split():
        kept &= text_of.str.contains(word, regex=False)
    return table[kept]


def ordered(table: pd.DataFrame, by: str, order: str) -> pd.DataFrame:
    """By score, ranked and unranked together, or by the column and order of the address."""
    column = by if by in ("label", "score", *COLUMNS) else "score"
    first_up = column in ("label", "licence", "backend")
    rising = order == "ascending" if order in ("ascending", "descending") else first_up
    return table.sort_values([column, "label"], ascending=[rising, True], na_position="last", kind="stable")


def summary(table: pd.DataFrame, shown: pd.DataFrame, track: str) -> str:
    """A line of facts: how many there are, how small a difference can be seen, what a tie is."""
    ranked = int(table["rank"].notna().sum())
    words = [f"{ranked} ranked, {len(table) - ranked} beside the ranking, {len(shown)} shown."]
    least = table["detectable"].dropna()
    if len(least):
        words.append(
            f"Neighbours that differ by {least.iloc[0]:.1f} points are told apart four times in five; where the "
            f"paired test "
            "leaves a difference open, the ranks that are possible are given and = marks a tie with the model above."
        )
    if track == "trained":
        words.append("Name and stage only: the six personas that have a train split.")
    return f'<p class="small">{" ".join(words)}</p>'


def _rank(row: Row) -> str:
    if pd.isna(row["rank"]):
        return "–"
    low, high = row["rank_low"], row["rank_high"]
    spread = "" if low == high else f' <span class="small">{low:.0f}–{high:.0f}</span>'
    mark = "=" if row["tie"] is True else ""
    return f"{mark}{row['rank']:.0f}{spread}"


def _model(row: Row) -> str:
    name, _, more = row["label"].removeprefix(f"{row['org']}/").partition(" @ ")
    marks = "baseline" if row["calibration"] else "not ranked" if pd.isna(row["rank"]) else ""
    badges = "".join(tables.badge(b) for b in (marks, "" if row["data_current"] else "older data") if b)
    under = " @ ".join(p for p in (row["org"], more) if p)
    return (
        f'<span class="name">{text.link("model", name, 40, entry=row["entry"])}{badges}</span>'
        f'<span class="org">{text.markup(under, 50)}</span>'
    )


def _show(name: str, row: Row) -> str:
    value = row[name]
    if name == "parameters":
        return tables.size(value)
    if name == "open_weights":
        return "–" if row["harness"] == "policy" else "open" if value else "closed"
    if name in ("calls", "tokens", "attempts", "level"):
        return tables.count(value)
    return tables.number(value) if isinstance(value, float) else text.markup(value, 24)


def columns(chosen: list[str], table: pd.DataFrame) -> list[Column]:
    """The table's columns with their headings as links that sort."""
    here = {k: v for k, v in query.current().items() if k not in ("sort", "order", "page")}
    by, order = query.get("sort") or "score", query.get("order")

    def sorting(name: str) -> dict[str, str]:
        up = name in ("label", "licence", "backend")
        now = (order or ("ascending" if up else "descending")) if by == name else ""
        other = {"ascending": "descending", "descending": "ascending"}
        to = other.get(now, "ascending" if up else "descending")
        return {"sort": text.href("", **here, sort=name, order=to), "sorted": now}

    axis = (min(-10.0, float(table["low"].min(skipna=True)) if len(table) else 0.0), 100.0)
    found = [
        Column("Rank", _rank, "rank"),
        Column("Model", _model, "head", **sorting("label")),
        Column("Score", lambda r: tables.interval(r["score"], r["low"], r["high"], axis), "bar", **sorting("score")),
    ]
    kinds = dict.fromkeys(COLUMNS, "number wide") | dict.fromkeys(
        ("licence", "open_weights", "date", "backend"), "wide"
    )
    return found + [Column(COLUMNS[n], partial(_show, n), kinds[n], **sorting(n)) for n in chosen]


def exported(shown: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """What the table shows, with limits apart, for a file."""
    names = ["rank", "rank_low", "rank_high", "entry", "model", "score", "low", "high", *columns]
    return shown[names].reset_index(drop=True)
