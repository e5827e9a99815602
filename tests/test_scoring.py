"""Scores: known policies land where theory says, failures count, nothing in a reply decides what is right."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from persllm_bench import policies, suite
from persllm_bench.items import Data
from persllm_bench.scoring import Reply, free, score_samples
from persllm_bench.scoring.induction import signal_detection
from persllm_bench.scoring.keys import right_choices
from persllm_bench.scoring.record import LogLikelihoods
from persllm_bench.scoring.score import ReplyMismatch, score
from persllm_bench.suite import KINDS

LETTER_TASKS = [f"persllm_{base}" for base, kind in KINDS.items() if kind == "letter"]


@pytest.mark.parametrize("name", LETTER_TASKS)
def test_the_oracle_gets_100(data: Data, name: str) -> None:
    found = policies.score_policy(suite.task(name), data, policies.oracle(data))
    assert found.score.estimate == pytest.approx(100)
    assert found.unparsed == 0


@pytest.mark.parametrize("name", ["persllm_knowledge", "persllm_attitude"])
def test_ignoring_the_stage_scores_nothing_on_pairs(data: Data, name: str) -> None:
    found = policies.score_policy(suite.task(name), data, policies.stage_blind(data))
    assert found.measures["pairs"].value == 0
    assert found.measures["acc"].value == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", LETTER_TASKS)
@pytest.mark.parametrize("letter", range(4))
def test_a_constant_letter_gets_about_nothing(data: Data, name: str, letter: int) -> None:
    found = policies.score_policy(suite.task(name), data, policies.constant_letter(letter))
    assert found.score.estimate <= 5


@pytest.mark.parametrize("name", ["persllm_premise", "persllm_identity"])
@pytest.mark.parametrize("stubborn", [True, False])
def test_always_correcting_and_always_going_along_get_exactly_nothing(data: Data, name: str, stubborn: bool) -> None:
    choice = {"persllm_premise": ("correct", "along"), "persllm_identity": ("stay", "out")}[name][0 if stubborn else 1]
    found = policies.score_policy(suite.task(name), data, lambda s: choice)
    assert found.score.estimate == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", LETTER_TASKS)
def test_a_failure_counts_as_wrong_and_stays_in_the_denominator(data: Data, name: str) -> None:
    spec = suite.task(name)
    samples = spec.samples(data, "profile")
    replies = policies.answer(samples, policies.oracle(data))
    broken = [r.model_copy(update={"reply": "I would rather not."}) for r in replies]
    found = score_samples(spec, data, samples, broken, "profile")
    assert found.unparsed == 1
    assert found.samples == len(samples)
    assert found.score.estimate < 0


def test_an_errored_reply_is_an_outcome(data: Data) -> None:
    spec = suite.task("persllm-quick_knowledge")
    samples = spec.samples(data, "profile")
    replies = [Reply.to(s, "profile", error="server went away") for s in samples]
    found = score_samples(spec, data, samples, replies, "profile")
    assert {o.status for o in found.outcomes} == {"error"}


def test_replies_must_be_those_of_the_samples_once_each(data: Data) -> None:
    spec = suite.task("persllm-quick_identity")
    replies = policies.answer(spec.samples(data, "profile"), policies.oracle(data))
    stranger = replies[0].model_copy(update={"item": "nobody/identity/none"})
    edited = replies[1].model_copy(update={"prompt_sha256": "0" * 64})
    with pytest.raises(ReplyMismatch) as caught:
        score(spec.name, data, [replies[0], *replies[2:], replies[2], stranger, edited], "profile")
    for word in ("asked 2 times", "no such sample", "another prompt"):
        assert word in str(caught.value)
    with pytest.raises(ReplyMismatch, match="no reply"):
        score(spec.name, data, replies[1:], "profile")


def test_likelihood_credit_by_hand(data: Data) -> None:
    spec = suite.task("persllm-ll_knowledge")
    samples = spec.samples(data, "profile")
    oracle, flat, length = [], [], []
    for s in samples:
        (key,) = right_choices(data, s)
        best = [0.0 if c == key else -5.0 for c in s.choices]
        oracle.append(
            Reply.to(s, "profile", loglikelihoods=LogLikelihoods(given=[-9 + b for b in best], baseline=[-9.0] * 4))
        )
        flat.append(Reply.to(s, "profile", loglikelihoods=LogLikelihoods(given=[-9.0] * 4, baseline=[-9.0] * 4)))
        sums = [-float(len(o.encode())) for o in s.continuations]
        length.append(Reply.to(s, "profile", loglikelihoods=LogLikelihoods(given=sums, baseline=sums)))
    perfect = score_samples(spec, data, samples, oracle, "profile")
    assert perfect.score.estimate == pytest.approx(100)
    assert all(perfect.measures[rule].value == 1 for rule in ("acc", "acc_norm", "acc_pmi"))
    ties = score_samples(spec, data, samples, flat, "profile")
    assert ties.measures["acc_pmi"].value == pytest.approx(0.25)
    assert ties.score.estimate == pytest.approx(0, abs=1e-9)
    per_byte = score_samples(spec, data, samples, length, "profile")
    assert per_byte.measures["acc_norm"].value == pytest.approx(0.25)


def test_open_replies_equal_to_the_references_are_perfect(data: Data) -> None:
    spec = suite.task("persllm_open")
    samples = spec.samples(data, "profile")
    items = {i.id: i for p in data.personas.values() for i in p.items["open"]}
    replies = [Reply.to(s, "profile", reply=items[s.item].references[s.stage][0]) for s in samples]
    found = score_samples(spec, data, samples, replies, "profile")
    assert found.score.estimate == pytest.approx(100)
    assert found.measures["bleu"].value == pytest.approx(100)
    assert found.measures["intra_bleu"].value == pytest.approx(100)
    assert found.measures["inter_bleu"].value < found.measures["stage_bleu"].value + 5
    assert found.measures["attribution"].value > 0.5
    silent = score_samples(spec, data, samples, [r.model_copy(update={"reply": ""}) for r in replies], "profile")
    assert silent.unparsed == 1
    assert silent.score.estimate == 0


def test_d_prime_and_criterion_match_a_worked_example() -> None:
    # 20 of 25 hits, 10 of 25 false alarms, log-linear: z(20.5/26) = 0.8010, z(10.5/26) = -0.2428
    d_prime, criterion = signal_detection(20, 25, 10, 25)
    assert d_prime == pytest.approx(1.0438, abs=2e-3)
    assert criterion == pytest.approx(-0.2791, abs=2e-3)


def test_scores_do_not_depend_on_the_order_of_replies(data: Data) -> None:
    spec = suite.task("persllm-quick_attitude")
    samples = spec.samples(data, "profile")
    replies = policies.answer(samples, policies.coin(3))
    a = score_samples(spec, data, samples, replies, "profile")
    b = score_samples(spec, data, samples, replies[::-1], "profile")
    assert dataclasses.replace(a, outcomes=()) == dataclasses.replace(b, outcomes=())


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_rouge_is_that_of_the_library(first: list[str], second: list[str]) -> None:
    words = {"a": "running", "b": "sea", "c": "Churches,"}
    a, b = (" ".join(words[w] for w in text) for text in (first, second))
    theirs = RougeScorer(["rougeL"], use_stemmer=True).score(a, b)["rougeL"].fmeasure
    assert free.Rouge().f_measure(a, b) == pytest.approx(theirs)


def test_a_part_of_a_run_on_which_nothing_can_be_scored_is_no_error(data: Data) -> None:
    """Inspect scores what has come in so far, which may be self-report alone, or one kind of bait."""
    for name, part in (("persllm_traits", "inventory/"), ("persllm_identity", "/identity/")):
        spec = suite.task(name)
        samples = [s for s in spec.samples(data, "profile") if part in s.item and "real" not in s.variant]
        found = score_samples(spec, data, samples, policies.answer(samples, policies.oracle(data)), "profile")
        assert math.isnan(found.score.estimate)
        assert found.samples == len(samples)
