"""Calibration of judges, from `judges.json` in the board's folder: {"judges": [{name, and a figure per column}]}.

The page shows what is there. A judge that has not passed its gate scores nothing on this board.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from parts import board, tables, text
from parts.tables import Column, Row

COLUMNS = {
    "kappa": "Agreement with gold (kappa)",
    "swap_consistency": "Same verdict when swapped",
    "recall": "Planted errors found at 5 % false alarms",
    "length_effect": "Length effect",
    "attack_success": "Attacks that worked",
}


def read() -> list[dict[str, Any]]:
    """Rows of judges.json; raises ValueError where it is no such file."""
    path = board.folder() / "judges.json"
    if not path.is_file():
        return []
    found = json.loads(path.read_text())
    rows = found.get("judges") if isinstance(found, dict) else None
    if not isinstance(rows, list) or not all(isinstance(r, dict) and isinstance(r.get("name"), str) for r in rows):
        raise ValueError("judges.json must be an object with a list `judges` of objects that have a name")
    return rows


def show() -> None:
    st.title("Judges")
    st.html(
        '<p class="lede">No score in the ranking rests on a judge. Where a model is asked to judge free text, '
        "it is first calibrated on replies "
        "with planted errors; it counts when it agrees with the gold verdicts (kappa at least 0.6) and keeps "
        "its verdict when the order is "
        "swapped (at least 0.9).</p>"
    )
    try:
        rows = read()
    except ValueError as error:
        st.error(text.label(f"The calibration of judges cannot be read: {error}", 300))
        return
    if not rows:
        st.info("No judge has been calibrated on this board yet.")
        return

    def gate(row: Row) -> str:
        passed = row.get("passes")
        return tables.badge("passes" if passed else "fails") if isinstance(passed, bool) else "–"

    def value(name: str, row: Row) -> str:
        given = row.get(name)
        return tables.number(given, 2) if isinstance(given, (int, float)) and not isinstance(given, bool) else "–"

    there = {k: v for k, v in COLUMNS.items() if any(k in r for r in rows)}
    tables.table(
        rows,
        [
            Column("Judge", lambda r: text.markup(r["name"], 60), "head"),
            Column("Gate", gate),
            *[Column(v, partial(value, k), "number") for k, v in there.items()],
        ],
        "Calibration of judges",
    )
    tables.download(pd.DataFrame(rows), "judges")
