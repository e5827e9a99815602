"""From units to a score with its interval (statistics: docs/statistics.md)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as _replace
from math import nan

import numpy as np

from persllm_bench.scoring.record import Measure, Unit
from persllm_bench.stats import Interval, clustered_mean, evidence_clusters, jackknife, pseudo_values, stratified_mean


@dataclass(frozen=True)
class Result:
    """What a task's scorer returns: units (0 chance, 1 perfect), their bounds, chance as a share, and measures."""

    units: Sequence[Unit]
    low: float
    chance: float | None
    measures: Mapping[str, Measure] = field(default_factory=dict)
    high: float = 1.0
    statistic: Callable[[Sequence[str]], float] | None = None
    """Where the score is not a mean of units: the score of a list of personas; units are empty then."""
    personas: tuple[str, ...] = ()


def summarise(result: Result, *, trained_track: bool) -> tuple[Interval, dict[str, float], dict[str, float]]:
    """Score (x 100) with its 95 % interval, the score per persona, and what each persona adds to the score.

    Prompted track: clusters are personas. Trained track: personas are fixed strata, clusters are items that share
    evidence.
    """
    people = list(result.personas)
    if not (people if result.statistic is not None else result.units):
        return Interval(nan, 100 * result.low, 100 * result.high, nan, 0, "nothing to score"), {}, {}
    if result.statistic is not None:
        interval = jackknife(people, result.statistic, lo=result.low, hi=result.high)
        adds = pseudo_values(people, result.statistic)
        alone = {p: 100 * result.statistic([p]) for p in people}
        return percent(interval), alone, {p: 100 * float(v) for p, v in zip(people, adds, strict=True)}
    values = np.array([u.value for u in result.units], dtype=float)
    personas = [u.persona for u in result.units]
    if trained_track:
        clusters = _evidence_labels(result.units)
        interval = stratified_mean(values, personas, clusters, lo=result.low, hi=result.high)
    else:
        interval = clustered_mean(values, personas, lo=result.low, hi=result.high)
    means = {p: 100 * v for p, v in by_cluster(values, personas).items()}
    return percent(interval), means, means


def percent(interval: Interval) -> Interval:
    return _replace(
        interval,
        estimate=100 * interval.estimate,
        low=100 * interval.low,
        high=100 * interval.high,
        se=100 * interval.se,
    )


def share(values: Iterable[tuple[str, float]]) -> Measure:
    """A share in [0, 1], macro-averaged over personas, from (persona, value) pairs; empty gives no value."""
    pairs = list(values)
    if not pairs:
        return Measure(None)
    interval = clustered_mean(np.array([v for _, v in pairs], dtype=float), [p for p, _ in pairs])
    return Measure(interval.estimate, interval, len(pairs))


def by_cluster(values: np.ndarray, clusters: Sequence[str]) -> dict[str, float]:
    groups: dict[str, list[float]] = defaultdict(list)
    for value, cluster in zip(values, clusters, strict=True):
        groups[cluster].append(float(value))
    return {cluster: float(np.mean(group)) for cluster, group in groups.items()}


def _evidence_labels(units: Sequence[Unit]) -> list[str]:
    """Units of one persona and stage that share a statement, directly or through others, get one label."""
    labels = evidence_clusters(
        [{f"{u.persona}/{u.stage}/{s}" for s in u.evidence} or {f"alone/{i}"} for i, u in enumerate(units)]
    )
    return [str(label) for label in labels]
