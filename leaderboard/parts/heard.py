"""The list of a model's replies: a row per sample, or per talk in a live task."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from parts import board, query, tables, text
from parts.compared import talk
from parts.tables import Column, Row
from persllm_bench.board import Board

SIZE = 25
OUTCOMES = {
    "all": "all",
    "right": "right",
    "partly": "partly right",
    "wrong": "wrong",
    "open": "not right or wrong",
    "failed": "no usable reply",
}
ORDERS = {"asked": "as asked", "worst": "worst first", "divided": "models divided first", "hard": "hardest items first"}


def tasks(entry: str, condition: str) -> list[str]:
    """Tasks of an entry under a condition, in the order of the suite."""
    asked = set(board.board().scores(entry=entry, condition=condition)["task"])
    known = [t for t in board.NAMES if "_" in t]
    return [t for t in known if t in asked] + sorted(t for t in asked if "_" in t and t not in known)


@st.cache_resource(max_entries=32, show_spinner="Reading the replies …")
def _listed(_board: Board, stamp: str, entry: str, condition: str, task: str) -> pd.DataFrame:
    rows = _board.units(entry, condition=condition, task=task)
    rows["id"] = [talk(s) for s in rows["sample"]]
    failed = ~rows["outcome"].eq("parsed")
    rows["failed"] = failed
    found = rows.groupby("id", sort=False).agg(
        persona=("persona", "first"), stage=("stage", "first"), item=("item", "first"), variant=("variant", "first"),
        reply=("reply", "first"), calls=("id", "size"), right=("right", "mean"), failed=("failed", "max"),
    ).reset_index()  # fmt: skip
    hard = _board.difficulty()
    hard = hard[hard["task"] == task][["persona", "item", "mean"]]
    found = found.merge(hard, on=["persona", "item"], how="left")
    return found.assign(divided=found["mean"] * (1 - found["mean"]))


def listed(entry: str, condition: str, task: str) -> pd.DataFrame:
    """id, persona, stage, item, variant, reply, calls, right in [0, 1], failed, mean (of full submissions), "
    "divided."""
    shown = board.board()
    return _listed(shown, shown.facts["content_sha256"], entry, condition, task)


def chosen(rows: pd.DataFrame, persona: str, stage: str, outcome: str, order: str) -> pd.DataFrame:
    kept = pd.Series(True, rows.index)
    if persona != "all":
        kept &= rows["persona"] == persona
    if stage != "both":
        kept &= rows["stage"] == stage
    right = rows["right"]
    kept &= {
        "all": True, "right": right > 0.99, "wrong": right < 0.01, "partly": right.between(0.01, 0.99),
        "open": right.isna(), "failed": rows["failed"],
    }[outcome]  # fmt: skip
    found = rows[kept]
    by = {"worst": ("right", True), "divided": ("divided", False), "hard": ("mean", True)}.get(order)
    return found.sort_values(by[0], ascending=by[1], kind="stable", na_position="last") if by else found


def verdict(right: float | None, failed: bool = False) -> str:
    """What a reply was worth, in a word; our own words only."""
    if failed and not (right and right > 0):
        return "no usable reply"
    if right is None or pd.isna(right):
        return "–"
    return "right" if right > 0.99 else "wrong" if right < 0.01 else f"{100 * right:.0f} %"


def table(rows: pd.DataFrame, entry: str, condition: str, task: str, opened: str) -> None:
    if rows.empty:
        st.info("No reply fits. Choose another outcome, persona or stage.")
        return
    st.html(f'<p class="small">{len(rows):,} replies. Divided: full submissions disagree most about the item.</p>')
    names = board.people()
    here = {k: v for k, v in query.current().items() if k != "reply"}
    here |= {"entry": [entry], "condition": [condition], "task": [task]}

    def reply(row: Row) -> str:
        shown = f"talk of {row['calls']} calls" if row["calls"] > 1 else row["reply"]
        mark = ' aria-current="true"' if row["id"] == opened else ""
        return f"<span{mark}>{text.link('replies', shown, 60, **here, reply=row['id'])}</span>"

    shown = rows[query.page(len(rows), SIZE)]
    tables.table(
        shown.to_dict("records"),
        [
            Column("Reply", reply, "head"),
            Column("Worth", lambda r: verdict(r["right"], r["failed"]), "tight"),
            Column("Item", lambda r: text.markup(r["item"].split("/", 1)[-1])),
            Column("Persona", lambda r: text.markup(names.get(r["persona"], r["persona"])), "tight"),
            Column("Stage", lambda r: text.markup(r["stage"]), "wide"),
            Column("Asked as", lambda r: text.markup(r["variant"].split("/")[0]), "wide"),
            Column("Models right", lambda r: tables.number(100 * r["mean"], 0, " %"), "number wide"),
        ],
        "Replies",
    )
