"""A judge earns its place or is refused: known judges through the real prompts, parser and scorer, both harnesses."""

from __future__ import annotations

from dataclasses import replace

import pytest

import policies as known_policies
from persllm_bench.items import Data
from persllm_bench.judging import policies
from persllm_bench.judging.attacks import ATTACKS
from persllm_bench.judging.gate import Gate
from persllm_bench.judging.policies import Judge
from persllm_bench.judging.questions import attacks_on
from persllm_bench.judging.rubric import sentences
from persllm_bench.samples import Sample
from persllm_bench.schema import AXES
from persllm_bench.scoring import Reply, TaskScore, score_samples
from persllm_bench.scoring.judge import planted
from persllm_bench.suite import CORE, task

WHOLE, QUICK = "persllm_judge", "persllm-quick_judge"


@pytest.fixture(scope="module")
def samples(data: Data) -> list[Sample]:
    return task(WHOLE).samples(data, "profile")


def scored(data: Data, samples: list[Sample], judge: Judge) -> TaskScore:
    replies = [Reply.to(s, "profile", reply=judge(s)) for s in samples]
    return score_samples(task(WHOLE), data, samples, replies, "profile")


def gate(score: TaskScore) -> Gate:
    return Gate.of({name: m.value for name, m in score.measures.items()})


def test_an_oracle_is_perfect_and_passes_the_gate(data: Data, samples: list[Sample]) -> None:
    found = scored(data, samples, policies.oracle(data))
    assert found.score.estimate == pytest.approx(100)
    assert gate(found).passed
    ones = ["kappa", "kappa_kind", "kind", "location", "recall_at_5fpr", "sensitivity", "specificity", "preference"]
    ones += ["swap_consistency", "speaker", "speaker_both"]
    ones += [f"{name}_{axis}" for axis in AXES for name in ("sensitivity", "specificity", "kappa", "qwk")]
    assert {name: found.measures[name].value for name in ones} == {name: pytest.approx(1) for name in ones}
    zeros = ["attack_success", "attack_none", "length_effect", "verbosity", "unparsed"]
    assert {name: found.measures[name].value for name in zeros} == dict.fromkeys(zeros, 0.0)


@pytest.mark.parametrize(
    ("judge", "swap"),
    [
        (policies.constant(), 0.0),
        (policies.constant(1, policies.error_in(1, "style")), 0.0),
        (policies.coin(), 0.5),
        (policies.length(), 1.0),
        (policies.length(longer_is_better=False), 1.0),
        (policies.keyword(), 1.0),
    ],
    ids=["lets all through", "finds an error in all", "coin", "length", "shortness", "keyword"],
)
def test_who_judges_nothing_fails_the_gate(data: Data, samples: list[Sample], judge: Judge, swap: float) -> None:
    found = scored(data, samples, judge)
    assert not gate(found).passed
    assert abs(found.score.estimate) < 40
    assert found.measures["swap_consistency"].value == pytest.approx(swap, abs=0.1)


def test_constant_judges_get_exactly_nothing(data: Data, samples: list[Sample]) -> None:
    for judge in (policies.constant(), policies.constant(1, policies.error_in(1, "style"))):
        found = scored(data, samples, judge)
        assert found.score.estimate == pytest.approx(0)
        assert found.measures["kappa_kind"].value == pytest.approx(0)
        assert found.measures["recall_at_5fpr"].value == 0
    assert scored(data, samples, policies.constant()).measures["attack_success"].value == 1


def test_what_cannot_be_read_is_a_mistake_on_both_sides(data: Data, samples: list[Sample]) -> None:
    found = scored(data, samples, lambda s: "I would give it a five, with some praise.")
    assert found.score.estimate == -100
    assert found.unparsed == 1
    assert found.measures["kappa_kind"].value <= 0
    assert found.measures["qwk_style"].value == 0
    assert found.measures["attack_success"].value == 0
    half = policies.oracle(data)
    silent = scored(data, samples, lambda s: "" if s.variant == "rate/clean" else half(s))
    assert silent.measures["specificity"].value == 0
    assert silent.measures["recall_at_5fpr"].value == 0
    assert silent.score.estimate == pytest.approx(0)


def test_a_judge_who_turns_with_the_order_fails_on_that_alone(data: Data, samples: list[Sample]) -> None:
    oracle = policies.oracle(data)
    found = scored(data, samples, lambda s: "A" if s.variant.startswith("pair/") else oracle(s))
    assert gate(found).faults == ("swap consistency is 0.00, at least 0.9 is needed",)


def test_what_was_not_measured_does_not_pass() -> None:
    assert len(Gate.of({}).faults) == 2


def test_every_planted_error_lies_in_a_numbered_sentence(data: Data) -> None:
    for persona in data.personas.values():
        for item in persona.items["gold"]:
            for version in item.versions:
                found = planted(version)
                assert bool(found) == (version.error is not None)
                assert found <= set(range(1, len(sentences(version.reply)) + 1))


def test_each_person_meets_every_attack_once_and_every_letter_as_speaker(data: Data, samples: list[Sample]) -> None:
    assert sorted(a for number in range(4) for a in attacks_on(number)) == sorted(ATTACKS)
    for slug in data.personas:
        mine = [s for s in samples if s.persona == slug]
        assert sorted(s.variant for s in mine if s.variant.startswith("attack/")) == sorted(
            f"attack/{a}" for a in ATTACKS
        )
        places = [s.choices.index(slug) for s in mine if s.variant == "speaker/order0"]
        assert sorted(places) == list(range(len(places)))


def test_sentences_keep_their_number_when_names_are_swapped(data: Data, samples: list[Sample]) -> None:
    other = {s.id: s for s in task(WHOLE).samples(data, "swapped")}
    assert {s.id: s.rated for s in samples} == {name: s.rated for name, s in other.items()}


def test_the_judges_family_stands_outside_the_core() -> None:
    assert "judge" not in CORE
    assert task(WHOLE).family == "fidelity"


@pytest.mark.parametrize("make", [policies.oracle, lambda data: policies.coin()], ids=["oracle", "coin"])
def test_a_known_judge_earns_the_same_in_both_harnesses(data: Data, make) -> None:
    judge, asked = make(data), task(QUICK).samples(data, "profile")
    texts = {known_policies.key_of([m.as_dict() for m in s.messages]): judge(s) for s in asked}
    faces = [face(QUICK, texts) for face in (known_policies.by_lm_eval, known_policies.by_inspect)]
    expected = [
        Reply.to(s, "profile", reply=texts[known_policies.key_of([m.as_dict() for m in s.messages])]) for s in asked
    ]
    core = score_samples(task(QUICK), data, asked, expected, "profile")
    for found in faces:
        assert [o.status for o in found.outcomes] == [o.status for o in core.outcomes]
        assert replace(found.score, low=0, high=0, se=0) == replace(core.score, low=0, high=0, se=0)
        assert {k: m.value for k, m in found.measures.items()} == {k: m.value for k, m in core.measures.items()}
