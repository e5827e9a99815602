"""Ranks with their intervals for many entries at once: `stats.rank_intervals`, over all pairs in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import special

from persllm_bench.board.layout import CORE_MEAN, RANKS, TRACKS, TWIN_MEAN
from persllm_bench.stats import min_detectable_difference

ALPHA, BLOCK, FULL = 0.05, 32, 100.0
KEPT = (("prompted", CORE_MEAN), ("trained", CORE_MEAN), ("trained", TWIN_MEAN))
"""Rankings that `build` computes; the others are computed when they are asked for."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Vectors:
    """Entries with what each persona adds to their score, in points: (entries, personas), without gaps."""

    entries: list[str]
    values: Floats


def pairwise(values: Floats) -> tuple[Floats, NDArray[np.int8]]:
    """Holm-adjusted two-sided p values, each row's family being its comparisons with the others; and the sign of
    column minus row. values: (entries, personas); both results (entries, entries), 1 and 0 on the diagonal."""
    n, g = values.shape
    adjusted, sign = np.ones((n, n)), np.zeros((n, n), dtype=np.int8)
    for begin in range(0, n, BLOCK):
        rows = np.arange(begin, min(begin + BLOCK, n))
        gaps = values[None, :, :] - values[rows, None, :]
        mean = gaps.mean(axis=2)
        p = _pvalues(gaps, mean, g)
        p[np.arange(len(rows)), rows] = np.inf
        order = np.argsort(p, axis=1, kind="stable")
        stepped = np.take_along_axis(p, order, 1)[:, : n - 1] * np.arange(n - 1, 0, -1)
        np.put_along_axis(
            adjusted[rows[0] : rows[-1] + 1],
            order[:, : n - 1],
            np.minimum(1, np.maximum.accumulate(stepped, axis=1)),
            1,
        )
        sign[rows] = np.sign(mean)
    return adjusted, sign


def _pvalues(gaps: Floats, mean: Floats, g: int) -> Floats:
    """As `stats.paired_difference` has them: t, or where all personas differ by the same the least of a sign-flip."""
    flat = np.ptp(gaps, axis=2) <= 1e-12 * FULL
    se = np.where(flat, 1.0, gaps.std(axis=2, ddof=min(1, g - 1)) / np.sqrt(g))
    equal = np.abs(mean) <= 1e-12 * FULL
    return np.where(flat, np.where(equal, 1.0, 2.0 ** (1 - g)), 2 * special.stdtr(max(g - 1, 1), -np.abs(mean / se)))


def rank(found: Vectors, scores: pd.DataFrame) -> pd.DataFrame:
    """Entries from best to worst, with the ranks that are left open; `tie`: with the entry above.

    scores: entry, score, low, high of at least these entries. `detectable`, the same in every row: the difference of
    two entries that the test finds four times in five, at the median standard error of neighbours.
    """
    table = scores.set_index("entry").loc[found.entries, ["score", "low", "high"]].reset_index()
    order = np.lexsort((table["entry"].to_numpy(dtype=str), -table["score"].to_numpy()))
    table, values = table.iloc[order].reset_index(drop=True), found.values[order]
    adjusted, sign = pairwise(values)
    apart = adjusted <= ALPHA
    n = len(table)
    table.insert(1, "rank", table["score"].rank(method="min", ascending=False).astype("int64"))
    table.insert(2, "rank_low", 1 + (apart & (sign > 0)).sum(axis=1))
    table.insert(3, "rank_high", n - (apart & (sign < 0)).sum(axis=1))
    above = np.array([np.nan, *np.diagonal(adjusted, -1)]) if n else np.empty(0)
    table.insert(4, "tie", above > ALPHA)
    table.insert(5, "p_above", above)
    table["detectable"] = detectable(values)
    return table


def detectable(values: Floats) -> float:
    """Points; NaN for fewer than two entries or personas. values: (entries, personas), neighbours in rank adjoining."""
    if len(values) < 2 or values.shape[1] < 2:
        return float("nan")
    gaps = np.diff(values, axis=0)
    se = float(np.median(gaps.std(axis=1, ddof=1))) / np.sqrt(values.shape[1])
    return min_detectable_difference(float(se), values.shape[1])


def vectors(personas: pa.Table, entries: Sequence[str]) -> Vectors:
    """The entries that have every persona that any of them has. personas: entry, persona, adds of one task and
    condition."""
    chosen = personas.filter(pc.is_in(personas["entry"].cast(pa.string()), pa.array(list(entries), pa.string())))
    table = chosen.select(["entry", "persona", "adds"]).to_pandas()
    wide = table.pivot_table(index="entry", columns="persona", values="adds", observed=True).dropna()
    return Vectors(wide.index.astype(str).tolist(), wide.to_numpy(dtype=float))


def eligible(entries: pd.DataFrame, track: str) -> list[str]:
    """Who stands in a ranking by default: full submissions; on the trained track whatever is no calibration entry."""
    chosen = entries["ranked"] if track == "prompted" else ~entries["calibration"]
    return entries.loc[chosen.astype(bool), "entry"].tolist()


def condition_of(track: str) -> str:
    """Raises ValueError for an unknown track."""
    for condition, name in TRACKS.items():
        if name == track:
            return condition
    raise ValueError(f"unknown track {track!r}; there are {', '.join(TRACKS.values())}")


def all_ranks(entries: pa.Table, personas: pa.Table, scores: pa.Table) -> pa.Table:
    """The rankings that are kept, as one table."""
    people = entries.select(["entry", "ranked", "calibration"]).to_pandas()
    found = []
    for track, task in KEPT:
        here = (pc.field("condition") == condition_of(track)) & (pc.field("task") == task)
        rows = scores.filter(here).select(["entry", "score", "low", "high"]).to_pandas()
        table = rank(vectors(personas.filter(here), eligible(people, track)), rows)
        found.append(table.assign(track=track, task=task)[RANKS.names])
    return pa.Table.from_pandas(pd.concat(found), schema=RANKS, preserve_index=False)
