"""What is asked: balanced positions, fixed slices, conditions that change what they should and nothing else."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from persllm_bench import prompts, suite
from persllm_bench.faces.settings import Settings
from persllm_bench.items import Data
from persllm_bench.scoring.keys import right_choices
from persllm_bench.suite import CORE, KINDS, QUICK_CAP, TASKS

LETTER_TASKS = [f"persllm_{base}" for base, kind in KINDS.items() if kind == "letter"]


@pytest.mark.parametrize("name", ["persllm_knowledge", "persllm_attitude"])
def test_every_position_holds_the_key_equally_often_in_every_order(data: Data, name: str) -> None:
    counts: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for s in suite.task(name).samples(data, "profile"):
        (key,) = right_choices(data, s)
        counts[s.persona, s.variant][s.choices.index(key)] += 1
    for positions in counts.values():
        assert max(positions.values()) - min(positions[i] for i in range(4)) <= 1


@pytest.mark.parametrize("name", LETTER_TASKS)
def test_the_second_order_is_the_first_reversed(data: Data, name: str) -> None:
    samples = {s.id: s for s in suite.task(name).samples(data, "profile")}
    for s in samples.values():
        if s.variant.endswith("order0"):
            assert samples[s.id.replace("order0", "order1")].choices == s.choices[::-1]


@pytest.mark.parametrize("name", [name for name, t in TASKS.items() if t.kind != "live"])
def test_sample_ids_are_unique_and_prompts_reproducible(data: Data, name: str) -> None:
    first, again = (suite.task(name).samples(data, "profile") for _ in range(2))
    assert len({s.id for s in first}) == len(first) > 0
    assert [(s.id, s.prompt_sha256) for s in first] == [(s.id, s.prompt_sha256) for s in again]


@pytest.mark.parametrize("base", list(KINDS))
def test_the_quick_slice_is_part_of_the_task_and_within_its_cap(data: Data, base: str) -> None:
    kind = "conversations" if KINDS[base] == "live" else "samples"
    whole = {a.id for a in getattr(suite.task(f"persllm_{base}"), kind)(data, "profile")}
    quick = getattr(suite.task(f"persllm-quick_{base}"), kind)(data, "profile")
    assert 0 < len(quick) <= QUICK_CAP[base]
    assert {a.id for a in quick} <= whole


def test_the_quick_slices_with_their_control_fit_the_budget_of_a_short_run(data: Data) -> None:
    letters = tokens = ratings = 0
    for spec in (t for t in TASKS.values() if t.quick):
        asked = Settings().asked(spec.name)
        calls = [*asked.samples]
        for talk in asked.conversations:
            calls += talk.samples(defaultdict(lambda: "x"))
        letters += sum(bool(s.choices) for s in calls)
        tokens += sum(s.max_tokens for s in calls if not s.choices and s.rated is None)
        ratings += sum(s.rated is not None for s in calls)
    assert 2 * letters <= 900
    assert 2 * tokens <= 12_000
    assert ratings <= 12


def test_the_short_run_writes_few_tokens(lm_eval_runs: Path) -> None:
    rows = [json.loads(line) for line in (lm_eval_runs / "profile" / "usage.jsonl").read_text().splitlines()]
    assert {row["task"] for row in rows} == {name for name, t in TASKS.items() if t.quick}
    assert 2 * sum(row["tokens"]["generated"] for row in rows) <= 12_000


def test_profile_shows_the_whole_dossier_and_name_none_of_it(data: Data) -> None:
    for persona in data.personas.values():
        for stage, statements in persona.dossiers.items():
            profile = prompts.system_message(data, persona, stage, "profile").content
            name = prompts.system_message(data, persona, stage, "name").content
            assert all(text in profile for text in statements.values())
            assert not any(text in name for text in statements.values())
            assert persona.name in name
            assert persona.head.stages[stage].label in name


def test_no_persona_condition_names_nobody(data: Data) -> None:
    for persona in data.personas.values():
        message = prompts.system_message(data, persona, "early", "none").content
        assert message == prompts.NO_PERSONA


def test_wrong_condition_is_somebody_elses_profile(data: Data) -> None:
    for persona in data.personas.values():
        other = prompts.stranger(data, persona)
        assert other.slug != persona.slug
        wrong = prompts.system_message(data, persona, "late", "wrong")
        assert wrong == prompts.system_message(data, other, "late", "profile")


def test_swapped_condition_leaves_no_name_of_the_pack_anywhere(data: Data) -> None:
    for name in ("persllm_knowledge", "persllm_premise", "persllm_open", "persllm-ll_knowledge"):
        for s in suite.task(name).samples(data, "swapped"):
            persona = data.personas[s.persona]
            text = "\n".join([*(m.content for m in s.messages), *s.continuations])
            assert persona.name not in text
            assert prompts.swapped(text, persona) == text, f"{s.id}: a replacement is itself a name to swap"


def test_the_name_condition_is_for_trained_personas_only(data: Data) -> None:
    asked = {s.persona for s in suite.task("persllm_knowledge").samples(data, "name")}
    assert asked == {slug for slug, p in data.personas.items() if p.head.trained}


def test_unknown_names_list_what_exists(data: Data) -> None:
    with pytest.raises(ValueError, match="there are profile, name, none, wrong, swapped"):
        suite.task("persllm_knowledge").samples(data, "profil")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="persllm_knowledge"):
        suite.task("persllm_knowlege")
    with pytest.raises(ValueError, match=next(iter(data.personas))):
        suite.task("persllm_knowledge").samples(data, "profile", ["nobody"])


def test_the_core_group_holds_scored_tasks_only() -> None:
    assert suite.GROUPS["persllm-core"] == tuple(f"persllm_{b}" for b in CORE)
    assert all(KINDS[base] != "free" for base in CORE)
