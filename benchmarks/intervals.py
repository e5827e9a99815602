"""How often the 95 % intervals and tests of `persllm_bench.stats` miss the truth, by simulation; prints Markdown.

Clusters are beta-binomial: a cluster's own rate is beta distributed around p, with intra-cluster correlation ICC, and
its units are right or wrong at that rate. A correct 95 % interval misses p in 5 % of the draws.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

import numpy as np
from scipy import special
from scipy import stats as scipy_stats

from persllm_bench.stats import effective_units, paired_difference, rank_intervals, stratified_mean, wilson_t_limits

SHARES = (0.25, 0.5, 0.75, 0.9, 0.97)
CLUSTERS = (6, 10, 24, 50)
Limits = tuple[np.ndarray, np.ndarray]
Rule = Callable[[np.ndarray, int], Limits]


def rates(rng: np.random.Generator, p: float, icc: float, shape: tuple[int, ...]) -> np.ndarray:
    if icc == 0:
        return np.full(shape, p)
    size = 1 / icc - 1
    return rng.beta(p * size, (1 - p) * size, shape)


def cluster_shares(p: float, clusters: int, units: int, icc: float, draws: int, seed: int) -> np.ndarray:
    """Shares right, (draws, clusters)."""
    rng = np.random.default_rng([seed, round(100 * p), clusters, units, round(100 * icc)])
    return rng.binomial(units, rates(rng, p, icc, (draws, clusters))) / units


def wilson_t(means: np.ndarray, units: int) -> Limits:
    g, p = means.shape[1], means.mean(1)
    return wilson_t_limits(p, means.var(1, ddof=1) / g, p * (1 - p), *effective_units(np.full(g, units)), g - 1)


def plain_t(means: np.ndarray, units: int) -> Limits:
    g = means.shape[1]
    half = scipy_stats.t.ppf(0.975, g - 1) * means.std(1, ddof=1) / np.sqrt(g)
    return means.mean(1) - half, means.mean(1) + half


def korn_graubard(means: np.ndarray, units: int) -> Limits:
    """Clopper-Pearson limits at the effective sample size, adjusted for degrees of freedom (as NCHS uses them)."""
    g, n, p = means.shape[1], means.shape[1] * units, means.mean(1)
    variance = means.var(1, ddof=1) / g
    effective = np.divide(p * (1 - p), variance, out=np.full_like(p, n), where=variance > 0)
    adjust = (scipy_stats.t.ppf(0.975, n - 1) / scipy_stats.t.ppf(0.975, g - 1)) ** 2
    size = np.minimum(effective * adjust, n)
    right, wrong = p * size, (1 - p) * size
    low = np.where(right > 0, special.betaincinv(np.maximum(right, 1e-9), wrong + 1, 0.025), 0)
    high = np.where(wrong > 0, special.betaincinv(right + 1, np.maximum(wrong, 1e-9), 0.975), 1)
    return low, high


RULES = {"wilson-t": wilson_t, "Korn-Graubard": korn_graubard, "plain t": plain_t}


def missed(limits: Limits, p: float) -> float:
    """Per cent of intervals that leave out p."""
    low, high = limits
    return 100 * float(((p < low - 1e-12) | (p > high + 1e-12)).mean())


def row(cells: Iterable[object]) -> str:
    return "| " + " | ".join(f"{c:.1f}" if isinstance(c, float) else str(c) for c in cells) + " |"


def heading(*names: str) -> None:
    print(row(names) + "\n" + row("---" for _ in names))


def main_table(draws: int, seed: int) -> None:
    print("\n### Misses of the truth, per cent (ICC 0.2; nominal 5)\n")
    heading("clusters", "p", *(f"{name}, {units} units" for name in RULES for units in (24, 12)))
    found: dict[str, list[float]] = {name: [] for name in RULES}
    for clusters in CLUSTERS:
        for p in SHARES:
            data = {units: cluster_shares(p, clusters, units, 0.2, draws, seed) for units in (24, 12)}
            cells = {name: [missed(rule(x, units), p) for units, x in data.items()] for name, rule in RULES.items()}
            for name in RULES:
                found[name] += cells[name]
            print(row([clusters, f"{p:g}", *(c for name in RULES for c in cells[name])]))
    for name, cells in found.items():
        outside = sum(not 2.5 <= c <= 7.5 for c in cells)
        print(f"\n{name}: {min(cells):.1f} to {max(cells):.1f} over {len(cells)} cells, {outside} outside 2.5 to 7.5.")


def span(rule: Rule, cells: Iterable[tuple[float, int, int, float]], draws: int, seed: int) -> str:
    values = [missed(rule(cluster_shares(p, g, m, icc, draws, seed), m), p) for p, g, m, icc in cells]
    return f"{min(values):.1f} to {max(values):.1f}"


def sensitivity_table(draws: int, seed: int) -> None:
    print("\n### Where the clusters are not as supposed: least and most misses over p, per cent (24 units)\n")
    heading("ICC", "clusters", *RULES)
    for icc in (0.0, 0.05, 0.1, 0.2, 0.3, 0.5):
        for group in ((3, 4), (6, 10), (24, 50)):
            cells = [(p, g, 24, icc) for p in SHARES for g in group]
            print(row([f"{icc:g}", f"{group[0]}, {group[1]}", *(span(f, cells, draws, seed) for f in RULES.values())]))


def stratified_table(draws: int, seed: int) -> None:
    sizes = (6, 4, 3, 3, 2, 2, 1, 1, 1, 1)
    print(
        f"\n### Six fixed strata, evidence clusters of {', '.join(map(str, sizes))} units (ICC 0.2): misses, per cent\n"
    )
    heading("mean p", "wilson-t", "plain t")
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    labels, strata = np.tile(clusters, 6).tolist(), np.repeat(np.arange(6), len(clusters)).tolist()
    for p in SHARES:
        rng = np.random.default_rng([seed, round(100 * p)])
        of_stratum = p + (1 - p) * 0.8 * np.array([-1, 1, -0.5, 0.5, 0, 0]) * min(1, p / (1 - p))
        misses, plain = 0, 0
        for _ in range(draws):
            own = np.concatenate([rates(rng, q, 0.2, (len(sizes),))[clusters] for q in of_stratum])
            found = stratified_mean((rng.random(len(own)) < own).astype(float), strata, labels)
            misses += not found.low <= p <= found.high
            plain += abs(found.estimate - p) > scipy_stats.t.ppf(0.975, 6 * (len(sizes) - 1)) * found.se
        print(row([f"{p:g}", 100 * misses / draws, 100 * plain / draws]))


def comparison_table(draws: int, seed: int) -> None:
    print("\n### Two equal models on the same clusters (ICC 0.2, 24 units): 'differ' at 5 %, per cent\n")
    heading("clusters", "p", "paired t", "rank interval of one of 8 equal models is not 1 to 8")
    for clusters in (6, 10, 24):
        labels = np.repeat(np.arange(clusters), 24).tolist()
        for p in (0.5, 0.9, 0.97):
            rng = np.random.default_rng([seed, clusters, round(100 * p)])
            differ = broken = 0
            for _ in range(draws):
                own = rates(rng, p, 0.2, (clusters,))
                a, b = (rng.random((2, clusters, 24)) < own[:, None]).reshape(2, -1).astype(float)
                differ += paired_difference(a, b, labels)[1] <= 0.05
                ranks = rank_intervals(rng.binomial(24, own, (8, clusters)) / 24)
                broken += (ranks[0].best, ranks[0].worst) != (1, 8)
            print(row([clusters, f"{p:g}", 100 * differ / draws, 100 * broken / draws]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=20_240_712)
    args = parser.parse_args()
    print(f"{args.draws} draws a cell (a fifth of that in the last two tables), seed {args.seed}")
    main_table(args.draws, args.seed)
    sensitivity_table(args.draws, args.seed)
    stratified_table(args.draws // 5, args.seed)
    comparison_table(args.draws // 5, args.seed)


if __name__ == "__main__":
    main()
