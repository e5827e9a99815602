"""Intervals, tests and ranks for scores that come in clusters; formulas and measured error rates: docs/statistics.md.

Scores are numbers in [lo, hi]; estimates, limits and standard errors are in the same units. A cluster is a persona on
the prompted track, a group of items that share evidence on the trained track. Nothing is dropped or imputed: empty,
unequally long, non-finite or out-of-bounds input is a ValueError everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special

Row = ArrayLike
Labels = Iterable[Hashable]
Floats = NDArray[np.float64]
Statistic = Callable[[list[Any]], float]

PRIOR_ICC, EDGE_WEIGHT, EDGE_FREEDOM = 0.2, 8.0, 8.0
"""The intra-cluster correlation believed where the data cannot show one; the weight of that belief, in degrees of
freedom, per unit of 1 / (4 p (1 - p)) - 1 (none at p = 1/2, all at 0 and 1); what its units add to those of t."""


@dataclass(frozen=True)
class Interval:
    """An estimate and its limits. se: spread of the clusters alone, NaN with one; method: `wilson-t`, `t` or `none`."""

    estimate: float
    low: float
    high: float
    se: float
    clusters: int
    method: str


@dataclass(frozen=True)
class RankInterval:
    """Best and worst rank (1 = highest score) that are left open, and the rows that cannot be told apart from this."""

    best: int
    worst: int
    ties: tuple[int, ...]


def clustered_mean(values: Row, clusters: Labels, *, lo: float = 0, hi: float = 1, level: float = 0.95) -> Interval:
    """Macro average (mean of cluster means) of per-unit scores, with the wilson-t interval.

    values: (units,); clusters: (units,) labels. One cluster says nothing about others: its interval is (lo, hi).
    Sources: Miller 2024 (arXiv 2411.00640); Wilson 1927; effective sample size after Korn and Graubard 1998.
    """
    x = _row(values, lo, hi, level)
    codes = _codes(clusters, len(x))
    units = np.bincount(codes)
    means = np.bincount(codes, x) / units
    spread = float(((x - means.mean()) ** 2 / units[codes]).sum() / len(units))
    return _interval(means.mean(), _se(means), len(units), lo, hi, level, (spread, *effective_units(units)))


def stratified_mean(
    values: Row, strata: Labels, clusters: Labels, *, lo: float = 0, hi: float = 1, level: float = 0.95
) -> Interval:
    """Mean of the stratum means over fixed strata of equal weight (the six trained personas).

    values, strata, clusters: (units,); a cluster label is read within its stratum. Variance from linearised cluster
    totals (Cochran 1977), Satterthwaite degrees of freedom; in a stratum with a single cluster the variance of its
    units at PRIOR_ICC stands in, with one degree of freedom.
    """
    x = _row(values, lo, hi, level)
    s = _codes(strata, len(x))
    c = _codes(zip(s.tolist(), clusters, strict=True), len(x))
    of_cluster = s[np.unique(c, return_index=True)[1]]
    n, g = np.bincount(s), np.bincount(of_cluster)
    mean = np.bincount(s, x) / n
    off = x - mean[s]
    unit_variance = np.bincount(s, off**2) / n
    prior = (1 + (np.bincount(of_cluster, np.bincount(c) ** 2) / n - 1) * PRIOR_ICC) / n
    between = np.bincount(of_cluster, np.bincount(c, off / n[s]) ** 2) * g / np.maximum(g - 1, 1)
    v = np.where(g > 1, between, unit_variance * prior)
    df = 1 / ((v / v.sum()) ** 2 / np.maximum(g - 1, 1)).sum() if v.sum() > 0 else max(g.sum() - len(g), 1)
    design = (float(unit_variance.mean()), (1 / n).mean() / len(g), prior.mean() / len(g))
    return _interval(mean.mean(), sqrt(v.sum()) / len(g), int(g.sum()), lo, hi, level, design, float(df))


def cluster_t(
    per_cluster: Row, *, lo: float = -inf, hi: float = inf, units: float | None = None, level: float = 0.95
) -> Interval:
    """Interval of the mean of one number per cluster: a J value, a difference of J values, a gap.

    per_cluster: (clusters,). Without finite bounds the t interval with clusters - 1 degrees of freedom; with both the
    wilson-t interval. units: how many right/wrong units each number rests on (both terms of a J together), if known.
    """
    x = _row(per_cluster, lo, hi, level)
    design = () if units is None else (inf, *effective_units(np.full(len(x), units)))
    return _interval(x.mean(), _se(x), len(x), lo, hi, level, design)


def jackknife(
    by_cluster: Sequence[Any], statistic: Statistic, *, lo: float = -inf, hi: float = inf, level: float = 0.95
) -> Interval:
    """Delete-one-cluster jackknife of a statistic that is not a mean of clusters (Efron and Stein 1981).

    by_cluster: one entry per cluster, whatever `statistic` takes a list of. Interval as in `cluster_t`.
    """
    data = list(by_cluster)
    estimate = _row([statistic(data)] if data else [], lo, hi, level)[0]
    return _interval(estimate, _se(pseudo_values(data, statistic)), len(data), lo, hi, level, ())


def pseudo_values(by_cluster: Sequence[Any], statistic: Statistic) -> Floats:
    """Tukey's (1958) pseudo-values (clusters,), moved so that their mean is the statistic: what each adds to it.

    Of a mean they are its terms. Their spread gives the jackknife variance, so that what is no mean of clusters can be
    compared cluster by cluster. by_cluster, statistic: as in `jackknife`.
    """
    data, g = list(by_cluster), len(by_cluster)
    if g < 2:
        return np.array([statistic(data)])
    left_out = _row([statistic(data[:i] + data[i + 1 :]) for i in range(g)], -inf, inf)
    return statistic(data) + (g - 1) * (left_out.mean() - left_out)


def paired_difference(
    a: Row, b: Row, clusters: Labels, *, lo: float = 0, hi: float = 1, level: float = 0.95
) -> tuple[Interval, float]:
    """Macro-averaged a - b on the same units, and its two-sided p value: paired t on the clusters' mean differences.

    a, b: (units,) scores in [lo, hi] of two models; clusters: (units,). Limits are cut at +-(hi - lo). Where all
    clusters differ by the same amount t is undefined: the interval is the wilson-t one, and p is 1 for no difference,
    else 2 ** (1 - clusters), the least that a sign-flip test can give. One cluster: p is 1.
    """
    off, width = np.subtract(*np.stack([_row(a, lo, hi, level), _row(b, lo, hi, level)])), hi - lo
    codes = _codes(clusters, len(off))
    units = np.bincount(codes)
    gaps = np.bincount(codes, off) / units
    design = (float(off.var()), *effective_units(units)) if np.ptp(gaps) <= 1e-12 * width else None
    found = _interval(gaps.mean(), _se(gaps), len(gaps), -width, width, level, design)
    return found, float(paired_pvalues(gaps[None, :], width)[0])


def min_detectable_difference(se: float, clusters: int, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """The true difference that a two-sided t test with this standard error finds with the given power (Cohen 1988).

    se: of the paired difference, in score units like the result; power is at least 1/2. Infinite with one cluster.
    """
    if not (isfinite(se) and se >= 0 and 0 < alpha < 0.5 <= power < 1 and clusters > 0):
        raise ValueError(f"needs se >= 0, alpha < 0.5 <= power, got {se=}, {clusters=}, {alpha=}, {power=}")
    df = clusters - 1
    return se * float(special.nctdtrinc(df, 1 - power, special.stdtrit(df, 1 - alpha / 2))) if df else inf


def holm(pvalues: Row) -> Floats:
    """Holm's (1979) step-down adjusted p values in the order given; pvalues: (tests,), each in [0, 1]."""
    p = _row(pvalues, 0, 1) if np.size(pvalues) else np.empty(0)
    order = np.argsort(p, kind="stable")
    adjusted = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return np.asarray(adjusted[np.argsort(order)])


def rank_intervals(scores: ArrayLike, *, width: float = 1.0, level: float = 0.95) -> list[RankInterval]:
    """Rank intervals from paired t tests, Holm-adjusted over each model's comparisons with the others.

    scores: (models, personas), one mean each, of the same personas; width: hi - lo of the scale. The family is one
    model's row, so a difference may hold in one model's row and not in the other's.
    """
    x = np.asarray(scores, dtype=float)
    if x.ndim != 2 or not x.size or not np.isfinite(x).all():
        raise ValueError(f"scores must be models x personas without gaps, got shape {x.shape}")
    out = []
    for i in range(len(x)):
        others = np.delete(np.arange(len(x)), i)
        gaps = x[others] - x[i]
        apart = holm(paired_pvalues(gaps, width)) <= 1 - level
        above, below = (int((apart & (sign * gaps.mean(axis=1) > 0)).sum()) for sign in (1, -1))
        out.append(RankInterval(1 + above, len(x) - below, tuple(others[~apart].tolist())))
    return out


def evidence_clusters(items_evidence: Sequence[set[str]]) -> NDArray[np.int64]:
    """Labels 0, 1, ... (items,) of the connected components of items that share a statement; without one, alone."""
    n, ids = len(items_evidence), dict[str, int]()
    edges = [(i, n + ids.setdefault(s, len(ids))) for i, shared in enumerate(items_evidence) for s in shared]
    ends = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    graph = sparse.coo_array((np.ones(len(edges)), tuple(ends)), shape=(n + len(ids), n + len(ids)))
    return _codes(sparse.csgraph.connected_components(graph, directed=False)[1][:n].tolist(), n)


def effective_units(units: NDArray[Any]) -> tuple[float, float]:
    """1 / effective units of a mean of cluster means, without clustering and at PRIOR_ICC; units: (clusters,)."""
    per_unit = float((1 / units).sum()) / len(units) ** 2
    return per_unit, per_unit * (1 - PRIOR_ICC) + PRIOR_ICC / len(units)


def wilson_t_limits(
    p: Any, variance: Any, spread: Any, floor: float, prior: float, df: float, level: float = 0.95
) -> tuple[Floats, Floats]:
    """The limits on the unit scale, for many samples at once: two arrays (...).

    p, variance, spread: (...), the estimate, its squared standard error and the variance of the units, p (1 - p) for
    right/wrong scores; floor, prior: from `effective_units`; df: clusters - 1.
    """
    pq = np.asarray(p * (1 - p))
    shape = (np.minimum(spread, pq) + prior / 4) / (pq + prior / 4)
    seen = np.clip(variance / np.maximum(pq, 1e-12), shape * floor, 1)
    pull = EDGE_WEIGHT * (0.25 - pq)
    freedom = df + EDGE_FREEDOM * pull / np.maximum(pq, 1e-12)
    inverse_n = (df * pq * seen + pull * shape * prior) / (df * pq + pull)
    c = special.stdtrit(freedom, 0.5 + level / 2) ** 2 * inverse_n
    half = np.sqrt(c * pq + c**2 / 4)
    return np.clip((p + c / 2 - half) / (1 + c), 0, p), np.clip((p + c / 2 + half) / (1 + c), p, 1)


def _interval(
    mean: Any, se: float, g: int, lo: float, hi: float, level: float, design: tuple[float, ...] | None, df: float = 0
) -> Interval:
    """design: variance of the units, floor, prior; empty: a cluster counts as one unit; None: t, cut at lo and hi."""
    mean, width, df = min(max(float(mean), lo), hi), hi - lo, df or g - 1
    if g == 1:
        return Interval(mean, float(lo), float(hi), nan, 1, "none")
    if design is None or not isfinite(width):
        half = float(special.stdtrit(df, 0.5 + level / 2)) * se
        return Interval(mean, max(mean - half, lo), min(mean + half, hi), se, g, "t")
    spread, floor, prior = design or (se**2 * (g - 1), 1 / g, 1 / g)
    limits = wilson_t_limits((mean - lo) / width, (se / width) ** 2, spread / width**2, floor, prior, df, level)
    low, high = (lo + width * float(limit) for limit in limits)
    return Interval(mean, min(low, mean), min(max(high, mean), hi), se, g, "wilson-t")


def paired_pvalues(gaps: Floats, width: float) -> Floats:
    """Two-sided p values (rows,) of mean 0 as in `paired_difference`; gaps: (rows, clusters) of differences of scores
    whose scale has that width."""
    g, mean = gaps.shape[1], gaps.mean(axis=1)
    flat = np.ptp(gaps, axis=1) <= 1e-12 * width
    se = np.where(flat, 1.0, gaps.std(axis=1, ddof=min(1, g - 1)) / sqrt(g))
    tied = np.abs(mean) <= 1e-12 * width
    return np.where(flat, np.where(tied, 1.0, 2.0 ** (1 - g)), 2 * special.stdtr(max(g - 1, 1), -np.abs(mean / se)))


def _se(x: Floats) -> float:
    return float(x.std(ddof=1)) / sqrt(len(x)) if len(x) > 1 else nan


def _row(values: Row, lo: float, hi: float, level: float = 0.95) -> Floats:
    x = np.asarray(values, dtype=float)
    if x.ndim != 1 or not x.size or not np.isfinite(x).all() or not lo < hi or not 0 < level < 1:
        raise ValueError(f"needs a row of finite numbers, lo < hi, 0 < level < 1: {x.shape}, {lo=}, {hi=}, {level=}")
    if np.abs(np.clip(x, lo, hi) - x).max() > 1e-9:
        raise ValueError(f"values must lie in [{lo}, {hi}], got {x.min()} to {x.max()}")
    return np.clip(x, lo, hi)


def _codes(labels: Labels, expected: int) -> NDArray[np.int64]:
    seen: dict[Hashable, int] = {}
    codes = [seen.setdefault(label, len(seen)) for label in labels]
    if len(codes) != expected:
        raise ValueError(f"{len(codes)} labels for {expected} values")
    return np.array(codes, dtype=np.int64)
