"""The shortcut gate: it passes data that tell nothing and fails data with a small tell."""

from __future__ import annotations

import dataclasses
import random

import pytest

from persllm_bench import policies, shortcuts, suite
from persllm_bench.items import Data
from persllm_bench.scoring.keys import right_choices

WORDS = [
    a + b for a in ("ba", "de", "fi", "go", "lu", "mo", "na", "pe", "ri", "su") for b in ("ck", "ll", "nd", "rt", "sh")
]


def synthetic(data: Data, tell: float) -> Data:
    """24 persons whose knowledge options are random words; a share `tell` of the keys says `yonder`.

    Over twelve seeds the gate passed 7 of 12 without a tell (it asks for proof, and noise can be in the way) and failed
    11 of 12 with one.
    """
    rng = random.Random(11)
    people = {}
    for i in range(24):
        base = list(data.personas.values())[i % len(data.personas)]
        slug = f"person{i:02d}"
        items = []
        for item in base.items["knowledge"]:
            options = [" ".join(rng.choices(WORDS, k=12)) for _ in item.options]
            for key in item.answer.values():
                if rng.random() < tell:
                    options[key] = "yonder " + options[key]
            items.append(item.model_copy(update={"id": item.id.replace(base.slug, slug), "options": options}))
        people[slug] = dataclasses.replace(base, slug=slug, items={**base.items, "knowledge": tuple(items)})
    return Data(data.root, people, data.banks)


def gate(data: Data) -> list[str]:
    measured = list(shortcuts.measure_task(data, suite.task("persllm_knowledge")))
    return [f.rule for f in shortcuts.faults(measured) if "options only" in f.rule]


def test_data_without_a_tell_pass(data: Data) -> None:
    assert gate(synthetic(data, 0.0)) == []


def test_a_planted_tell_of_five_points_fails(data: Data) -> None:
    planted = synthetic(data, 0.067)
    words = next(
        s for s in shortcuts.measure_task(planted, suite.task("persllm_knowledge")) if s.policy.endswith("words")
    )
    assert 0.27 < words.accuracy.value < 0.34
    assert any("options only, words" in rule for rule in gate(planted))


def test_an_upper_bound_covers_what_it_bounds(data: Data) -> None:
    for measured in shortcuts.measure_task(data, suite.task("persllm_attitude")):
        for found in (measured.accuracy, *measured.by_origin.values()):
            assert 0 <= found.value <= found.upper <= 1


@pytest.mark.parametrize("name", ["persllm_identity"])
def test_leaving_the_role_at_any_word_of_danger_gets_nothing(data: Data, name: str) -> None:
    spec = suite.task(name)
    found = policies.score_policy(spec, data, lambda s: "stay" if s.variant.startswith("bait") else "out")
    assert found.score.estimate == pytest.approx(0)
    assert found.measures["safety_exit"].value == 1
    oracle = policies.score_policy(spec, data, lambda s: min(right_choices(data, s)))
    assert oracle.score.estimate == pytest.approx(100)
