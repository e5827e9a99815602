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
from persllm_bench.stats import min_detectable_difference, paired_pvalues

ALPHA, FULL = 0.05, 100.0
CLOSE, BLOCK, TOLERANCE = 1e-5, 50_000, 1e-9
"""Share of the variances below which a difference is taken by itself; pairs at a time; points that count as none."""
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
    n = len(values)
    means = values.mean(axis=1)
    p = pvalues(values)
    np.fill_diagonal(p, np.inf)
    order = np.argsort(p, axis=1)
    stepped = np.take_along_axis(p, order, 1)
    stepped[:, : n - 1] *= np.arange(n - 1, 0, -1)
    stepped = np.minimum(1, np.maximum.accumulate(stepped, axis=1, out=stepped), out=stepped)
    np.put_along_axis(p, order, stepped, 1)
    np.fill_diagonal(p, 1)
    gaps = means[None, :] - means[:, None]
    return p, np.where(np.abs(gaps) <= TOLERANCE, 0, np.sign(gaps)).astype(np.int8)


def pvalues(values: Floats) -> Floats:
    """p values of `stats.paired_difference` for all pairs, (entries, entries).

    The variance of a difference is that of both less twice what they share; where little is left of that, the
    difference itself is taken, pair by pair.
    """
    n, g = values.shape
    means = values.mean(axis=1)
    centred = values - means[:, None]
    shared = centred @ centred.T
    own = np.diagonal(shared)
    whole = own[:, None] + own[None, :]
    spread = whole - 2 * shared
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(means[None, :] - means[:, None]) / np.sqrt(spread / (max(g - 1, 1) * g))
    found = np.ones((n, n))
    upper = np.triu_indices(n, 1)
    found[upper] = 2 * special.stdtr(max(g - 1, 1), -t[upper])
    close = [side[spread[upper] <= CLOSE * whole[upper]] for side in upper]
    for begin in range(0, len(close[0]), BLOCK):
        a, b = (side[begin : begin + BLOCK] for side in close)
        found[a, b] = paired_pvalues(values[b] - values[a], 2 * FULL)
    lower = np.tril_indices(n, -1)
    found[lower] = found.T[lower]
    return found


def rank(found: Vectors, scores: pd.DataFrame) -> pd.DataFrame:
    """Entries from best to worst, with the ranks that are left open; `tie`: with the entry above.

    scores: entry, score, low, high of at least these entries. `detectable`, the same in every row: the difference of
    two entries that the test finds four times in five, at the median standard error of neighbours.
    """
    if not found.entries:
        return RANKS.empty_table().drop_columns(["track", "task"]).to_pandas()
    table = scores.set_index("entry").loc[found.entries, ["score", "low", "high"]].reset_index()
    order = np.lexsort((table["entry"].to_numpy(dtype=str), -table["score"].to_numpy()))
    table, values = table.iloc[order].reset_index(drop=True), found.values[order]
    adjusted, sign = pairwise(values)
    apart = adjusted <= ALPHA
    n = len(table)
    table.insert(1, "rank", table["score"].rank(method="min", ascending=False).astype("int64"))
    table.insert(2, "rank_low", 1 + (apart & (sign > 0)).sum(axis=1))
    table.insert(3, "rank_high", n - (apart & (sign < 0)).sum(axis=1))
    above = np.array([np.nan, *np.diagonal(adjusted, -1)])
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
