"""Records, pairs and mixes of the reference recipes: what they hold, and what bad input is told."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from transformers import AutoTokenizer

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from reference_models import backbone, recipe, train_dpo, train_sft, validate  # noqa: E402
from reference_models.data import general, pairs, records, similar  # noqa: E402
from reference_models.recipe import General, Personified, Preference, Recipe, RecipeError  # noqa: E402

from persllm_bench import prompts  # noqa: E402
from persllm_bench.reader import load  # noqa: E402

MINI = ROOT / "reference_models" / "mini" / "model"


@pytest.fixture(scope="module")
def split() -> records.Split:
    return records.split(Personified(), 7)


def sft(**more: object) -> Recipe:
    return recipe.parse({"stage": "sft", "model": {"path": str(MINI)}, **more})


def test_a_record_is_asked_as_the_benchmark_asks_under_the_name_condition(split: records.Split) -> None:
    data = load()
    for r in split.train[:: len(split.train) // 20]:
        system = prompts.system_message(data, data.personas[r.persona], r.stage, "name")
        assert records.prompt(r) == [system.as_dict(), {"role": "user", "content": r.question}]


def test_nothing_under_items_is_read(tmp_path: Path, split: records.Split) -> None:
    shutil.copytree(ROOT / "tasks" / "personas", tmp_path / "personas", ignore=shutil.ignore_patterns("items"))
    found = records.split(Personified(tasks=str(tmp_path)), 7)
    assert found == split


def test_a_fifth_of_every_voice_is_held_out_and_learned_nowhere(split: records.Split) -> None:
    held = {r.id for r in split.held_out}
    assert not held & {r.id for r in split.train}
    voices = {(r.persona, r.stage) for r in split.held_out}
    for voice in voices:
        of_voice = [[r for r in part if (r.persona, r.stage) == voice] for part in (split.train, split.held_out)]
        asked = [r for r in of_voice[0] if r.kind != "speech"]
        assert len(of_voice[1]) == pytest.approx(0.2 * (len(asked) + len(of_voice[1])), abs=1)
    lines = {r.response for r in split.held_out}
    for row in train_dpo.preferences(recipe.parse({**sft().model_dump(), "stage": "dpo", "preference": {}}))[0]:
        assert row["chosen"][0]["content"] not in lines
        assert row["rejected"][0]["content"] not in lines


def test_the_same_seed_gives_the_same_examples_and_another_does_not() -> None:
    first, again, other = (train_sft.mixture(sft(seed=seed))[0] for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_permuting_names_moves_every_speaker_and_keeps_how_often_each_speaks(split: records.Split) -> None:
    moved = records.permuted(split.train, 7)
    assert [r.response for r in moved] == [r.response for r in split.train]
    assert sorted(r.system for r in moved) == sorted(r.system for r in split.train)
    same = sum(a.system == b.system for a, b in zip(moved, split.train, strict=True)) / len(moved)
    assert same < 0.15, "twelve voices: about one in twelve stays where it was"


@pytest.mark.parametrize(("form", "start"), [("think", "<think>\n"), ("brackets", "[Analysis] ")])
def test_analysis_comes_before_the_reply_in_its_share_of_the_examples(
    split: records.Split, form: str, start: str
) -> None:
    asked = [r for r in split.train if r.kind != "speech"]
    made = records.rows(asked, Personified(analysis=0.5, analysis_form=form, repeat=2), 7)  # type: ignore[arg-type]
    said = [row["completion"][0]["content"] for row in made]
    assert sum(text.startswith(start) for text in said) / len(said) == pytest.approx(0.5, abs=0.05)
    for text, r in zip(said, [*asked, *asked], strict=True):
        assert text.endswith(r.response)


def test_stage_tokens_stand_in_half_of_the_system_messages_beside_the_label(split: records.Split) -> None:
    made = records.rows(split.train, Personified(stage_tokens=True, repeat=1), 7)
    marked = 0
    for row, r in zip(made, split.train, strict=True):
        system = row["prompt"][0]["content"]
        assert system.startswith(r.system)
        marked += system != r.system
        assert system in (r.system, f"{r.system} {records.STAGE_TOKENS[r.stage]}")
    assert marked / len(made) == pytest.approx(0.5, abs=0.06)


def test_near_duplicates_go_and_what_differs_stays() -> None:
    texts = ["The lamp went out twice in March.", "The lamp went out twice in March!", "Nobody kept bees that year."]
    assert similar.near_duplicates(texts, 0.95) == [0, 2]


def test_poor_replies_are_filtered(split: records.Split) -> None:
    from dataclasses import replace

    good = split.train[0]
    assert records.is_good(good)
    for bad in (
        "Yes.",
        good.question,
        "As a language model I have no past to tell of.",
        "[Response] I was born there.",
    ):
        assert not records.is_good(replace(good, response=bad))


def test_a_rejected_reply_is_never_the_right_voices_and_answers_a_similar_question(split: records.Split) -> None:
    found = pairs.pairs(split.train, Preference(pairs_per_conversation=2), 7)
    assert len(found) == 2 * sum(r.kind != "speech" for r in split.train)
    for pair in found:
        same_person = pair.chosen.persona == pair.rejected.persona
        assert pair.source == ("other_stage" if same_person else "other_persona")
        assert (pair.chosen.persona, pair.chosen.stage) != (pair.rejected.persona, pair.rejected.stage)
    near = [similar.similarities([p.chosen.question], [p.rejected.question])[0, 0] for p in found[:100]]
    others = [p.rejected.question for p in found[100:200]]
    far = [similar.similarities([p.chosen.question], [q])[0, 0] for p, q in zip(found[:100], others, strict=True)]
    assert sum(near) > 2 * sum(far)


def test_pairs_need_somebody_else(split: records.Split) -> None:
    one = [r for r in split.train if (r.persona, r.stage) == (split.train[0].persona, split.train[0].stage)]
    with pytest.raises(RecipeError, match="one voice only"):
        pairs.pairs(one, Preference(), 7)


def test_held_out_exercises_have_one_right_option_of_four(split: records.Split) -> None:
    _, voices = records.material(Personified())
    statements = {(v.persona.slug, v.stage): [*v.persona.dossiers[v.stage].values()] for v in voices}
    found = validate.choices(split.held_out, statements)
    assert {c.kind for c in found} == set(validate.KINDS)
    for choice in found:
        assert len(choice.options) == 4
        right, *wrong = choice.options
        assert right not in wrong
        if choice.kind == "fact":
            assert not set(wrong) & set(choice.record.facts)


def chats(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


CHAT = {"messages": [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hello."}]}


def test_general_data_fill_their_share_and_name_nobody(tmp_path: Path) -> None:
    path = chats(tmp_path / "chats.jsonl", [CHAT] * 3)
    mixed, facts = train_sft.mixture(sft(general={"path": str(path), "share": 0.25}, data={"repeat": 1}))
    assert facts["general"] / len(mixed) == pytest.approx(0.25, abs=0.01)
    assert mixed[-1]["prompt"][0] == {"role": "system", "content": prompts.NO_PERSONA}
    pairs_of = chats(tmp_path / "pairs.jsonl", [{"instruction": "Name a colour.", "output": "Red."}])
    found = general.rows(General(path=str(pairs_of), prompt="instruction", answer="output", nobody=False), 2, 7)
    expected = {
        "prompt": [{"role": "user", "content": "Name a colour."}],
        "completion": [{"role": "assistant", "content": "Red."}],
    }
    assert found == [expected, expected]


@pytest.mark.parametrize(
    ("rows", "wish", "told"),
    [
        ([{"text": "Hello"}], {}, "no column messages: there are text"),
        ([{"q": "a", "a": "b"}], {"prompt": "q", "answer": "reply"}, "no column reply: there are"),
        ([{"messages": [{"role": "user", "content": "Hello?"}]}], {}, "row 0: .*neither empty"),
        ([{"q": "a", "a": " "}], {"prompt": "q", "answer": "a"}, "row 0: .*neither empty"),
        ([{"q": "a", "a": "b"}], {"prompt": "q"}, "both, or none"),
        ([], {}, "cannot be read|no rows"),
    ],
)
def test_wrong_general_data_are_named_and_nothing_is_written(
    rows: list[dict], wish: dict, told: str, tmp_path: Path
) -> None:
    path = chats(tmp_path / "chats.jsonl", rows)
    with pytest.raises(RecipeError, match=told):
        train_sft.train(sft(general={"path": str(path), **wish}), tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["chats.jsonl"]


def test_a_folder_without_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"without \.jsonl files"):
        general.rows(General(path=str(tmp_path)), 3, 7)


def test_a_tokenizer_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MINI, folder)
    words = AutoTokenizer.from_pretrained(folder)
    words.chat_template = None
    (folder / "chat_template.jinja").unlink()
    words.save_pretrained(folder)
    with pytest.raises(RecipeError, match=f"{folder}.*no chat template"):
        train_sft.train(sft(model={"path": str(folder)}), tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"model.path: .*nowhere.*cannot be loaded"):
        backbone.load(sft(model={"path": str(tmp_path / "nowhere")}))


def packs(tmp_path: Path) -> Path:
    source = ROOT / "tasks" / "personas" / "pip"
    shutil.copytree(source, tmp_path / "tasks" / "personas" / "pip", ignore=shutil.ignore_patterns("items"))
    return tmp_path / "tasks"


def test_a_conversation_without_a_response_is_named_by_file_line_and_field(tmp_path: Path) -> None:
    folder = packs(tmp_path)
    path = folder / "personas" / "pip" / "train" / "early.jsonl"
    lines = path.read_text().splitlines()
    lines[3] = json.dumps({k: v for k, v in json.loads(lines[3]).items() if k != "response"})
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(RecipeError) as error:
        train_sft.train(sft(data={"tasks": str(folder)}), tmp_path / "out")
    assert f"{path}:4: response: " in str(error.value)
    assert not (tmp_path / "out").exists()


def test_packs_without_a_train_split_are_named(tmp_path: Path) -> None:
    folder = packs(tmp_path)
    shutil.rmtree(folder / "personas" / "pip" / "train")
    with pytest.raises(RecipeError, match="no persona with a train split under"):
        train_sft.train(sft(data={"tasks": str(folder)}), tmp_path / "out")


def test_prompts_that_leave_no_room_for_a_reply_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"train.max_length: 40: a prompt has [0-9]+ tokens"):
        train_sft.train(sft(train={"max_length": 40}), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_batch_that_the_devices_cannot_share_is_refused(tmp_path: Path) -> None:
    config = sft(train={"batch": 16, "micro_batch": 3})
    with pytest.raises(RecipeError, match=r"train.batch: 16: allowed are multiples of micro_batch x devices = 3 x 2"):
        backbone.arguments(config, tmp_path, 2)
