"""A judge's figures corrected for its errors: formulas by hand, and intervals that hold the truth (simulated)."""

from __future__ import annotations

import numpy as np
import pytest

import judge_coverage
from persllm_bench.judging.correction import (
    MIN_ADJUDICATED,
    corrected,
    lang_reiczigel,
    prediction_powered,
    rogan_gladen,
)


def test_rogan_gladen_by_hand() -> None:
    # 40 % flagged by a judge that finds 80 % and is wrongly alarmed in 20 %: (0.4 + 0.8 - 1) / (0.8 + 0.8 - 1) = 1/3
    assert rogan_gladen(0.4, 0.8, 0.8) == pytest.approx(1 / 3)
    assert rogan_gladen(0.1, 0.8, 0.8) == 0
    assert rogan_gladen(0.9, 0.8, 0.8) == 1
    assert rogan_gladen(0.3, 1, 1) == pytest.approx(0.3)


def test_a_judge_no_better_than_a_coin_corrects_nothing() -> None:
    assert rogan_gladen(0.4, 0.5, 0.5) is None
    assert rogan_gladen(0.4, 0.2, 0.7) is None
    coin = {"a": [True, False], "b": [True, False]}
    assert corrected(coin, coin, coin) is None


def test_the_corrected_share_is_a_mean_over_persons() -> None:
    live = {"a": [True] * 3 + [False], "b": [False] * 8}
    hits = {"a": [True] * 4 + [False], "b": [True] * 4 + [False]}
    calm = {"a": [True] * 9 + [False], "b": [True] * 9 + [False]}
    found = corrected(live, hits, calm)
    assert found is not None
    assert found.estimate == pytest.approx((0.375 + 0.9 - 1) / (0.8 + 0.9 - 1))
    assert (found.low, found.clusters) == (0, 2)


def test_an_interval_does_not_collapse_where_nothing_went_wrong() -> None:
    people = [str(i) for i in range(24)]
    sure = {p: [True] * 4 for p in people}
    found = corrected({p: [False] * 24 for p in people}, sure, sure)
    assert found is not None
    assert found.low == found.estimate == 0
    assert found.high > 0.005


def test_one_person_says_nothing_of_others() -> None:
    found = corrected({"a": [True, False]}, {"a": [True]}, {"a": [True]})
    assert found is not None
    assert (found.estimate, found.low, found.high) == (0.5, 0, 1)


def test_no_labels_are_an_error() -> None:
    with pytest.raises(ValueError, match="no labels"):
        corrected({"a": [True]}, {"a": [True]}, {})


def test_lang_and_reiczigel_by_hand() -> None:
    # worked out with z = 1.96: p~ = 0.3042, se~ = 0.8846, sp~ = 0.9423; share (0.3042 + 0.9423 - 1) / 0.8269 = 0.2981
    low, high = lang_reiczigel(0.3, 0.9, 0.96, 178, 50, 50)
    assert (low, high) == (pytest.approx(0.196, abs=0.01), pytest.approx(0.397, abs=0.01))
    assert lang_reiczigel(0.5, 0.4, 0.5, 10, 10, 10) == (0, 1)


def test_prediction_powered_by_hand() -> None:
    judged = {"a": [True] * 50 + [False] * 50, "b": [True] * 50 + [False] * 50}
    drawn = {"a": [True] * 50 + [False] * 50, "b": [True] * 50 + [False] * 50}
    truth = {"a": [True] * 40 + [False] * 60, "b": [True] * 30 + [False] * 70}
    found = prediction_powered(judged, drawn, truth)
    assert found is not None
    assert found.estimate == pytest.approx(0.5 - 30 / 200)


def test_fewer_than_200_adjudicated_promise_nothing() -> None:
    few = {"a": [True] * 100, "b": [True] * (MIN_ADJUDICATED - 101)}
    assert prediction_powered({"a": [True], "b": [False]}, few, few) is None
    with pytest.raises(ValueError, match="same replies"):
        prediction_powered({"a": [True], "b": [False]}, few, {"a": [True]})


def test_only_the_right_correction_holds_the_truth() -> None:
    draws, held = 60, dict.fromkeys(judge_coverage.WAYS, 0)
    rng = np.random.default_rng(0)
    for _ in range(draws):
        for way, found in judge_coverage.draw(rng, 0.2, 0.9, 0.75).items():
            held[way] += found.low <= 0.2 <= found.high
    assert held["raw"] == held["gold as if drawn"] == 0
    assert held["corrected"] >= 0.88 * draws  # 1 in 400 of true 95 % intervals would do worse
    assert held["200 adjudicated"] >= 0.88 * draws
