"""Calibration of judges: what submissions that ran `persllm_judge`, given the dossiers, showed on the gold set.

A judge that has not passed its gate scores nothing on this board.
"""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from parts import board, tables, text
from parts.tables import Column, Row
from persllm_bench.judging.gate import Gate

COLUMNS = {
    "kappa": "Agreement with gold (kappa)",
    "swap_consistency": "Same verdict when swapped",
    "recall_at_5fpr": "Planted errors found at 5 % false alarms",
    "length_effect": "Length effect",
    "attack_success": "Attacks that worked",
}


def read() -> list[Row]:
    """One row for each entry that was asked as a judge: its name, its figures, and whether they pass the gate."""
    found = board.board().measures(task="persllm_judge", condition="profile")
    rows: list[Row] = []
    for entry, given in found.groupby("entry"):
        figures = given.set_index("measure")["value"].dropna().to_dict()
        rows.append({"name": board.entry_name(str(entry)), "passes": Gate.of(figures).passed, **figures})
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
    rows = read()
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
