"""One rule, one test named for it; golden numbers are worked out by hand beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from persllm_bench.stats import (
    Interval,
    cluster_t,
    clustered_mean,
    effective_units,
    evidence_clusters,
    holm,
    jackknife,
    min_detectable_difference,
    paired_difference,
    rank_intervals,
    stratified_mean,
    wilson_t_limits,
)

unit = st.floats(0, 1, allow_nan=False) | st.sampled_from([0.0, 0.5, 1.0])
samples = st.lists(st.lists(unit, min_size=1, max_size=6), min_size=2, max_size=8)
probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def flat(sample: Sequence[Sequence[float]]) -> tuple[list[float], list[int]]:
    return [v for values in sample for v in values], [i for i, values in enumerate(sample) for _ in values]


def limits(interval: Interval) -> tuple[float, float, float]:
    return interval.low, interval.estimate, interval.high


# --- clustered means ------------------------------------------------------------------------------------------------


def test_estimate_is_the_mean_of_cluster_means_and_se_their_spread():
    found = clustered_mean([1, 0, 1, 1, 0, 0], ["a", "a", "a", "b", "c", "c"])
    # means 2/3, 1, 0; mean 5/9; squared deviations 1/81 + 16/81 + 25/81 = 42/81; se = sqrt(42/81 / 2 / 3)
    assert found.estimate == pytest.approx(5 / 9)
    assert found.se == pytest.approx(math.sqrt(7 / 81))
    assert (found.clusters, found.method) == (3, "wilson-t")


def test_in_the_middle_the_interval_is_wilsons_with_the_t_quantile():
    low, high = wilson_t_limits(0.5, 0.05**2, 0.25, *effective_units(np.full(6, 24)), df=5)
    # t(5) = 2.570582; c = t^2 * 0.0025 / 0.25 = 0.0660789; half = sqrt(c / (1 + c)) / 2 = 0.124483
    assert (low, high) == (pytest.approx(0.375517, abs=1e-6), pytest.approx(0.624483, abs=1e-6))


def test_at_the_edge_the_interval_rests_on_the_prior_correlation():
    found = clustered_mean([1] * 24, [i // 4 for i in range(24)])
    # 1 / effective units = 0.8 / 24 + 0.2 / 6 = 1/15; c = 1.959964^2 / 15 = 0.256097; low = 1 / (1 + c)
    assert limits(found) == (pytest.approx(0.796117, abs=1e-6), 1.0, 1.0)
    assert found.se == 0


def test_far_from_the_edges_many_clusters_give_the_plain_t_interval():
    rng = np.random.default_rng(1)
    values, clusters = rng.uniform(0, 1, 4000), np.arange(4000) // 10
    found = clustered_mean(values, clusters.tolist())
    half = scipy_stats.t.ppf(0.975, 399) * found.se
    assert limits(found) == pytest.approx((found.estimate - half, found.estimate, found.estimate + half), abs=2e-3)


@pytest.mark.parametrize("value", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("groups", [2, 3, 6, 50])
def test_equal_values_do_not_collapse_the_interval(value: float, groups: int):
    found = clustered_mean([value] * 4 * groups, [i % groups for i in range(4 * groups)])
    assert found.high - found.low > 0.5 / (4 * groups)


def test_one_cluster_leaves_everything_open():
    found = clustered_mean([0.2, 0.4], ["a", "a"], lo=-1 / 15, hi=1)
    assert limits(found) == (-1 / 15, pytest.approx(0.3), 1)
    assert math.isnan(found.se)
    assert (found.clusters, found.method) == (1, "none")


def test_three_clusters_give_a_wide_interval():
    found = clustered_mean([1, 1, 0, 1, 0, 0], [0, 0, 1, 1, 2, 2])
    assert found.low < 0.1
    assert found.high > 0.9


def test_the_rule_is_continuous_at_the_edge_and_in_the_middle():
    clusters = [i // 4 for i in range(24)]
    for base in ([1.0] * 24, [0.5] * 24, [1.0, 0.0] * 12):
        moved = [base[0] - 1e-7, *base[1:]]
        assert limits(clustered_mean(moved, clusters)) == pytest.approx(
            limits(clustered_mean(base, clusters)), abs=1e-4
        )


def test_scores_of_little_spread_get_a_shorter_interval_than_right_and_wrong_ones():
    clusters = [i // 4 for i in range(24)]
    short, long = clustered_mean([0.45, 0.55] * 12, clusters), clustered_mean([0.0, 1.0] * 12, clusters)
    assert short.high - short.low < (long.high - long.low) / 2


@given(samples)
def test_the_interval_holds_the_estimate_and_keeps_to_the_scale(sample: list[list[float]]):
    values, clusters = flat(sample)
    found = clustered_mean(values, clusters)
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    assert found.high > found.low


@given(samples, st.randoms())
def test_order_and_names_of_clusters_do_not_matter(sample: list[list[float]], random):
    values, clusters = flat(sample)
    pairs = [(v, f"persona {c}") for v, c in zip(values, clusters, strict=True)]
    random.shuffle(pairs)
    shuffled = clustered_mean([v for v, _ in pairs], [c for _, c in pairs])
    assert limits(shuffled) == pytest.approx(limits(clustered_mean(values, clusters)), abs=1e-6)


@given(samples)
def test_the_interval_of_the_mirrored_scores_is_mirrored(sample: list[list[float]]):
    values, clusters = flat(sample)
    low, mid, high = limits(clustered_mean(values, clusters))
    mirrored = clustered_mean([1 - v for v in values], clusters)
    assert (mirrored.high, mirrored.estimate, mirrored.low) == pytest.approx((1 - low, 1 - mid, 1 - high), abs=1e-6)


@given(samples, st.floats(-2, 2), st.floats(0.1, 3))
def test_a_stretched_scale_stretches_the_interval(sample: list[list[float]], lo: float, width: float):
    values, clusters = flat(sample)
    stretched = clustered_mean([lo + width * v for v in values], clusters, lo=lo, hi=lo + width)
    expected = [lo + width * x for x in limits(clustered_mean(values, clusters))]
    assert limits(stretched) == pytest.approx(expected, abs=1e-5)


@given(samples)
def test_a_higher_level_gives_a_longer_interval(sample: list[list[float]]):
    values, clusters = flat(sample)
    inner, outer = (clustered_mean(values, clusters, level=level) for level in (0.8, 0.99))
    assert outer.low <= inner.low + 1e-9
    assert inner.high <= outer.high + 1e-9


@pytest.mark.parametrize(
    ("values", "clusters", "options"),
    [
        ([], [], {}),
        ([0.5, math.nan], [0, 1], {}),
        ([0.5, 1.1], [0, 1], {}),
        ([0.5, 0.5], [0], {}),
        ([[0.5]], [0], {}),
        ([0.5], [0], {"level": 95}),
        ([0.5], [0], {"lo": 1, "hi": 1}),
    ],
)
def test_bad_input_is_an_error_and_not_a_default(values: list, clusters: list, options: dict):
    with pytest.raises(ValueError, match=r"finite|lie in|labels"):
        clustered_mean(values, clusters, **options)


@pytest.mark.parametrize("p", [0.5, 0.9, 0.97])
def test_the_truth_is_missed_five_times_in_a_hundred(p: float):
    rng = np.random.default_rng(3)
    means = rng.binomial(24, rng.beta(4 * p, 4 * (1 - p), (4000, 10))) / 24
    mean = means.mean(1)
    low, high = wilson_t_limits(
        mean, means.var(1, ddof=1) / 10, mean * (1 - mean), *effective_units(np.full(10, 24)), 9
    )
    assert 0.025 <= ((low > p) | (high < p)).mean() <= 0.075


# --- strata ---------------------------------------------------------------------------------------------------------


def test_strata_weigh_the_same_and_only_spread_within_them_counts():
    found = stratified_mean([1, 0, 1, 1, 0, 0, 1, 1], list("aaaabbbb"), [0, 0, 1, 1, 0, 0, 1, 1])
    # a: mean 3/4, cluster totals of deviations / 4: -1/8, 1/8; v = 2 * 2/64 = 1/16; b: mean 1/2, -1/4, 1/4; v = 1/4
    assert found.estimate == pytest.approx(5 / 8)
    assert found.se == pytest.approx(math.sqrt((1 / 16 + 1 / 4) / 4))
    assert found.clusters == 4
    # Satterthwaite: (5/16)^2 / (1/256 + 1/16) = 25/17; unit variances 3/16 and 1/4; 1/n = 1/4 and prior 1.2/4, halved
    expected = wilson_t_limits(5 / 8, found.se**2, 7 / 32, 1 / 8, 0.15, 25 / 17)
    assert (found.low, found.high) == pytest.approx(expected)


def test_differences_between_strata_do_not_widen_the_interval():
    values = [0.1, 0.3, 0.2, 0.2, 0.1, 0.3, 0.7, 0.9, 0.8, 0.8, 0.7, 0.9]
    fixed = stratified_mean(values, [0] * 6 + [1] * 6, [0, 0, 1, 1, 2, 2] * 2)
    drawn = clustered_mean(values, [0] * 6 + [1] * 6)
    assert fixed.se < 1e-12 < drawn.se
    assert fixed.high - fixed.low < drawn.high - drawn.low


def test_a_stratum_of_one_cluster_takes_the_prior_correlation():
    found = stratified_mean([1, 0, 1, 0, 1, 0, 1, 1], list("aaaabbbb"), [0, 0, 0, 0, 0, 0, 1, 1])
    # a: unit variance 1/4, four units in one cluster: (1 + 3 * 0.2) / 4 = 0.4, v = 0.1; b: -1/8, 1/8, v = 1/16
    assert found.se == pytest.approx(math.sqrt((0.1 + 1 / 16) / 4))


def test_a_cluster_label_is_read_within_its_stratum():
    values, strata = [1, 0, 1, 1, 0, 0, 1, 1], list("aaaabbbb")
    same = stratified_mean(values, strata, [0, 0, 1, 1, 0, 0, 1, 1])
    assert same == stratified_mean(values, strata, [0, 0, 1, 1, 2, 2, 3, 3])


@given(samples, samples)
def test_the_stratified_interval_holds_the_estimate_keeps_to_the_scale_and_does_not_collapse(first, second):
    (a, in_a), (b, in_b) = flat(first), flat(second)
    found = stratified_mean(a + b, [0] * len(a) + [1] * len(b), in_a + in_b)
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    assert found.high > found.low
    assert found.estimate == pytest.approx((np.mean(a) + np.mean(b)) / 2)


# --- one number per cluster -----------------------------------------------------------------------------------------


def test_numbers_per_cluster_get_the_t_interval():
    found = cluster_t([0.1, 0.2, 0.3])
    # sd 0.1, se 0.0577350, t(2) = 4.302653, half = 0.248414
    assert limits(found) == pytest.approx((-0.048414, 0.2, 0.448414), abs=1e-6)
    assert found.method == "t"


def test_bounded_numbers_do_not_collapse_and_known_units_narrow_them():
    vague, known = cluster_t([1] * 6, lo=-1, hi=1), cluster_t([1] * 6, lo=-1, hi=1, units=16)
    assert -1 < vague.low < known.low < 1 == known.high
    pooled = clustered_mean([1] * 96, [i // 16 for i in range(96)], lo=-1, hi=1)
    assert known.low == pytest.approx(pooled.low)


def test_the_jackknife_of_a_ratio_is_the_hand_computed_one():
    found = jackknife([(1, 2), (2, 2), (3, 4)], lambda pairs: sum(a for a, _ in pairs) / sum(b for _, b in pairs))
    # all: 6/8; one left out: 5/6, 4/6, 3/4, mean 3/4; se = sqrt(2/3 * 2/144)
    assert found.estimate == pytest.approx(0.75)
    assert found.se == pytest.approx(math.sqrt(1 / 108))


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=10))
def test_the_jackknife_of_a_mean_is_the_t_interval(values: list[float]):
    found = jackknife(values, lambda kept: float(np.mean(kept)))
    assert limits(found) == pytest.approx(limits(cluster_t(values)), abs=1e-6)


def test_the_jackknife_of_one_cluster_leaves_everything_open():
    assert limits(jackknife([3.0], max, lo=0, hi=5)) == (0, 3, 5)
    with pytest.raises(ValueError, match="finite"):
        jackknife([], len)


# --- comparisons ----------------------------------------------------------------------------------------------------


def test_a_paired_difference_is_the_t_test_on_cluster_differences():
    a, b, clusters = [0.6, 0.6, 0.7, 0.8], [0.5, 0.5, 0.5, 0.5], ["x", "x", "y", "z"]
    interval, p = paired_difference(a, b, clusters)
    # differences 0.1, 0.2, 0.3; t = 0.2 / 0.0577350 = 3.464102 with 2 degrees of freedom
    assert limits(interval) == pytest.approx((-0.048414, 0.2, 0.448414), abs=1e-6)
    assert p == pytest.approx(0.074180, abs=1e-6)


def test_equal_models_do_not_differ():
    interval, p = paired_difference([1, 0, 1, 1], [1, 0, 1, 1], [0, 0, 1, 1])
    assert p == 1
    assert interval.low < 0 < interval.high


def test_a_constant_difference_is_no_surer_than_a_sign_flip_test():
    interval, p = paired_difference([1] * 6, [0] * 6, range(6))
    assert p == 2**-5
    assert 0 < interval.low < 1 == interval.high
    assert paired_difference([1], [0], [0]) == (Interval(1, -1, 1, pytest.approx(math.nan, nan_ok=True), 1, "none"), 1)


@given(st.lists(st.tuples(unit, unit, st.integers(0, 3)), min_size=2, max_size=12))
def test_swapping_the_models_turns_the_difference_round(rows: list[tuple[float, float, int]]):
    a, b, clusters = (list(column) for column in zip(*rows, strict=True))
    (there, p), (back, q) = paired_difference(a, b, clusters), paired_difference(b, a, clusters)
    assert limits(there) == pytest.approx([-x for x in reversed(limits(back))], abs=1e-9)
    assert p == pytest.approx(q)
    assert -1 <= there.low <= there.estimate <= there.high <= 1


def test_paired_scores_of_unequal_length_are_an_error():
    with pytest.raises(ValueError, match="shape"):
        paired_difference([1, 0], [1], [0, 1])


@pytest.mark.parametrize("clusters", [3, 6, 24, 200])
def test_the_detectable_difference_is_found_with_the_power_asked_for(clusters: int):
    found = min_detectable_difference(0.02, clusters) / 0.02
    cut = scipy_stats.t.ppf(0.975, clusters - 1)
    power = scipy_stats.nct.sf(cut, clusters - 1, found) + scipy_stats.nct.cdf(-cut, clusters - 1, found)
    assert power == pytest.approx(0.8, abs=1e-3)


def test_the_detectable_difference_nears_the_normal_one_and_is_infinite_for_one_cluster():
    assert min_detectable_difference(1, 100_000) == pytest.approx(1.959964 + 0.841621, abs=1e-3)
    assert min_detectable_difference(0.1, 1) == math.inf
    assert min_detectable_difference(0, 6) == 0
    with pytest.raises(ValueError, match="power"):
        min_detectable_difference(0.1, 6, power=0.2)


def test_holm_multiplies_by_the_tests_that_are_left_and_never_falls():
    # ordered 0.005 * 4, 0.01 * 3, 0.03 * 2, then 0.04 * 1 raised to 0.06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert len(holm([])) == 0
    with pytest.raises(ValueError, match="lie in"):
        holm([1.2])


@given(probabilities)
def test_holm_lies_between_the_raw_and_the_bonferroni_values_and_keeps_their_order(pvalues: list[float]):
    raw, adjusted = np.array(pvalues), holm(pvalues)
    assert (adjusted >= raw).all()
    assert (adjusted <= np.minimum(1, len(raw) * raw) + 1e-15).all()
    assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= 0).all()


# --- ranks ----------------------------------------------------------------------------------------------------------


def test_ranks_follow_the_differences_that_hold_and_ties_are_named():
    best, second, third = rank_intervals([[0.9, 0.8, 0.85, 0.9], [0.5, 0.42, 0.5, 0.45], [0.51, 0.4, 0.5, 0.46]])
    assert (best.best, best.worst, best.ties) == (1, 1, ())
    assert (second.best, second.worst, second.ties) == (2, 3, (2,))
    assert (third.best, third.worst, third.ties) == (2, 3, (1,))


def test_one_persona_ties_every_model():
    assert [(r.best, r.worst) for r in rank_intervals([[0.1], [0.9], [0.5]])] == [(1, 3)] * 3


def test_a_missing_score_is_an_error():
    with pytest.raises(ValueError, match="gaps"):
        rank_intervals([[0.1, math.nan], [0.2, 0.3]])


@settings(max_examples=50)
@given(st.integers(1, 6), st.integers(1, 6), st.randoms(use_true_random=False))
def test_a_rank_interval_covers_the_rank_of_the_mean_and_one_rank_per_tie(models: int, personas: int, random):
    scores = np.array([[random.random() for _ in range(personas)] for _ in range(models)])
    means = scores.mean(axis=1)
    for i, found in enumerate(rank_intervals(scores)):
        assert found.best <= 1 + (means > means[i]).sum() <= found.worst
        assert found.worst - found.best == len(found.ties)
        assert i not in found.ties


# --- evidence clusters ----------------------------------------------------------------------------------------------


def test_items_that_share_a_statement_directly_or_through_others_are_one_cluster():
    found = evidence_clusters([{"E1"}, {"E2"}, {"E1", "R1"}, set(), {"R1", "O1"}, {"O1"}, set()])
    assert found.tolist() == [0, 1, 0, 2, 0, 0, 3]
    assert evidence_clusters([]).tolist() == []


@given(st.lists(st.sets(st.sampled_from("abcdefgh"), max_size=3), max_size=10))
def test_no_two_evidence_clusters_share_a_statement(items: list[set[str]]):
    labels = evidence_clusters(items)
    seen: dict[str, int] = {}
    for label, evidence in zip(labels.tolist(), items, strict=True):
        assert all(seen.setdefault(s, label) == label for s in evidence)
    for label in set(labels.tolist()):
        members = [items[i] for i in np.flatnonzero(labels == label)]
        reached, rest = set(members[0]), members[1:]
        while linked := [m for m in rest if m & reached]:
            reached |= set().union(*linked)
            rest = [m for m in rest if m not in linked]
        assert not rest


@given(samples)
def test_more_of_the_same_data_does_not_lengthen_the_interval(sample: list[list[float]]):
    values, clusters = flat(sample)
    found = clustered_mean(values, clusters)
    assume(found.estimate not in (0, 1))
    copies = clustered_mean(values * 4, clusters + [c + len(sample) * k for k in (1, 2, 3) for c in clusters])
    assert copies.high - copies.low <= found.high - found.low + 1e-6
