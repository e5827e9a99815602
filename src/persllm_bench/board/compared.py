"""Two entries beside each other: paired t over personas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from persllm_bench.board.layout import MEANS
from persllm_bench.board.ranking import FULL
from persllm_bench.stats import min_detectable_difference, paired_difference

COLUMNS = ("task", "score_a", "score_b", "difference", "low", "high", "p", "personas", "detectable")


def compare(both: pd.DataFrame, scores: pd.DataFrame, a: str, b: str) -> pd.DataFrame:
    """a minus b, in points, on every task that both have; interval and p by paired t over the personas that both have.

    both: rows of `personas` of both under one condition; scores: their scores. `detectable`: the true difference that
    this test finds four times in five. One persona says nothing: limits are none and p is 1.
    """
    wide = both.pivot_table(index=["task", "persona"], columns="entry", values="adds", sort=False)
    told = scores.pivot_table(index="task", columns="entry", values="score", sort=False)
    rows: list[dict[str, Any]] = []
    for task in told.index:
        if not {a, b} <= set(wide.columns) or task not in wide.index or told.loc[task, [a, b]].isna().any():
            continue
        pairs = wide.loc[task, [a, b]].dropna() if a != b else wide.loc[task, [a]].dropna()
        if pairs.empty:
            continue
        first, second = pairs[a].to_numpy(), pairs[b].to_numpy()
        bounds = min(-FULL, first.min(), second.min()), max(FULL, first.max(), second.max())
        found, p = paired_difference(first, second, pairs.index, lo=bounds[0], hi=bounds[1])
        se = found.se if np.isfinite(found.se) else 0.0
        rows.append(
            {
                "task": task,
                "score_a": told.loc[task, a],
                "score_b": told.loc[task, b],
                "difference": found.estimate,
                "low": found.low,
                "high": found.high,
                "p": p,
                "personas": len(pairs),
                "detectable": min_detectable_difference(se, len(pairs)),
            }
        )
    means = list(MEANS)
    rows.sort(key=lambda row: means.index(row["task"]) if row["task"] in MEANS else len(means))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def compare_personas(both: pd.DataFrame, a: str, b: str) -> pd.DataFrame:
    """Scores of a and b on one task by persona: persona, a, b, difference; the greatest difference first."""
    wide = both.pivot_table(index="persona", columns="entry", values="score").dropna()
    if not {a, b} <= set(wide.columns):
        return pd.DataFrame(columns=["persona", "a", "b", "difference"])
    table = pd.DataFrame({"persona": wide.index, "a": wide[a].to_numpy(), "b": wide[b].to_numpy()})
    return table.assign(difference=table["a"] - table["b"]).sort_values(
        "difference", ascending=False, kind="stable", ignore_index=True
    )
