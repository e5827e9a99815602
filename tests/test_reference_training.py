"""Reference recipes: what may be written in one, that every one runs, that a run goes on, and sharding."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

import sharded_worker

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
torch.set_num_threads(1)

from reference_models import backbone, recipe, train_dpo, train_sft  # noqa: E402
from reference_models.data import records  # noqa: E402
from trl import SFTTrainer  # noqa: E402

MINI = ROOT / "reference_models" / "mini" / "model"
RECIPES = sorted((ROOT / "reference_models" / "recipes").glob("*.yaml"))
BIG = [p for p in RECIPES if not p.name.startswith("mini_")]
BY_CLASS = [p for p in BIG if p.name.startswith(("qwen3_0.6b", "minicpm"))]
SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
}


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Random weights of each architecture, with the mini model's tokenizer."""
    words = AutoTokenizer.from_pretrained(MINI)
    found = {}
    for name, config, kind in (
        ("qwen3", Qwen3Config, Qwen3ForCausalLM),
        ("minicpm", LlamaConfig, LlamaForCausalLM),
    ):
        torch.manual_seed(1)
        model = kind(config(**SHAPE, vocab_size=len(words), tie_word_embeddings=True))
        found[name] = tmp_path_factory.mktemp(name)
        model.save_pretrained(found[name])
        words.save_pretrained(found[name])
    return found


@pytest.fixture(scope="session")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of the trained packs with their first conversations only, and without items."""
    folder = tmp_path_factory.mktemp("tasks")
    trained = sorted(p.parent for p in (ROOT / "tasks" / "personas").glob("*/train"))[:2]
    for pack in trained:
        copy = folder / "personas" / pack.name
        (copy / "train").mkdir(parents=True)
        for name in ("persona.yaml", "early.md", "late.md", "speech.jsonl"):
            shutil.copy(pack / name, copy / name)
        for path in (pack / "train").iterdir():
            lines = path.read_text().splitlines(keepends=True)
            (copy / "train" / path.name).write_text("".join(lines[:5]))
    return folder


@pytest.fixture(scope="session")
def general(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("general") / "chats.jsonl"
    chat = [{"role": "user", "content": "What is a lamp for?"}, {"role": "assistant", "content": "It gives light."}]
    path.write_text((json.dumps({"messages": chat}) + "\n") * 3)
    return path


def short(path: Path, model: Path, packs: Path, general: Path, **more: object) -> recipe.Recipe:
    """The recipe as it is, but for the model and data that it names, ten steps and small batches."""
    changes = {"model__path": str(model), "data__tasks": str(packs), "train__steps": 10, "train__warmup_steps": 0}
    changes |= {"train__batch": 2, "train__micro_batch": 2, "train__learning_rate": 1e-2, **more}
    if recipe.load(path).general is not None:
        changes |= {"general__path": str(general), "general__split": "train"}
    return recipe.load(path, **changes)


class Stopped(SFTTrainer):
    """Stops in the seventh step."""

    def training_step(self, *args: object, **more: object) -> torch.Tensor:
        if self.state.global_step == 6:
            raise KeyboardInterrupt
        return super().training_step(*args, **more)


@pytest.mark.parametrize("path", BY_CLASS, ids=lambda p: p.stem)
def test_ten_steps_of_every_recipe_change_the_weights(
    path: Path, small: dict[str, Path], packs: Path, general: Path, tmp_path: Path
) -> None:
    start = small["minicpm" if path.stem.startswith("minicpm") else "qwen3"]
    config = short(path, start, packs, general)
    (train_dpo if config.stage == "dpo" else train_sft).train(config, tmp_path / "out")
    before, after = (AutoModelForCausalLM.from_pretrained(p).state_dict() for p in (start, tmp_path / "out"))
    assert before.keys() == after.keys(), "an adapter must be merged: whatever loads models loads the result"
    assert not torch.equal(before["model.layers.0.mlp.up_proj.weight"], after["model.layers.0.mlp.up_proj.weight"])
    told = json.loads((tmp_path / "out" / "recipe.json").read_text())
    assert told["recipe"]["model"]["path"] == start.name, "no path of this machine is told"
    card = (tmp_path / "out" / "README.md").read_text()
    for part in ("CC BY 4.0", "## Limits", "## Intended use", f"stage: {config.stage}", *told["facts"]["personas"]):
        assert part in card
    assert str(tmp_path) not in card
    assert not list(tmp_path.glob("*.part-*"))


@pytest.mark.parametrize("path", [p for p in BIG if p not in BY_CLASS], ids=lambda p: p.stem)
def test_other_sizes_differ_from_the_one_that_runs_in_the_model_only(path: Path) -> None:
    size = path.stem.split("_")[1]
    tried, other = (recipe.load(p).model_dump() for p in (path.with_name(path.name.replace(size, "0.6b")), path))
    assert tried.pop("model") != other.pop("model")
    assert tried == other


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_every_recipe_is_valid(path: Path) -> None:
    assert recipe.load(path).stage in ("sft", "dpo", "contrast")


def test_unknown_keys_and_bad_values_are_all_told_with_what_is_allowed() -> None:
    with pytest.raises(recipe.RecipeError) as error:
        recipe.load(BIG[0], train__rate=1, data__kinds=["lie"], sedd=3)
    lines = str(error.value).splitlines()
    assert len(lines) == 3
    assert all(str(BIG[0]) in line for line in lines)
    assert "train.rate: 1: unknown key; allowed are batch, micro_batch" in str(error.value)
    assert "'question', 'opinion' or 'induced'" in str(error.value)


def test_an_interrupted_run_goes_on_and_ends_with_the_same_weights(
    small: dict[str, Path], packs: Path, general: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ROOT / "reference_models" / "recipes" / "qwen3_0.6b.yaml"
    config = short(path, small["qwen3"], packs, general, train__checkpoint_steps=4)
    train_sft.train(config, tmp_path / "whole")
    monkeypatch.setattr(train_sft, "SFTTrainer", Stopped)
    with pytest.raises(KeyboardInterrupt):
        train_sft.train(config, tmp_path / "broken")
    assert not (tmp_path / "broken").exists(), "nothing half-written stands where the result goes"
    monkeypatch.undo()
    train_sft.train(config, tmp_path / "broken")
    whole, again = (AutoModelForCausalLM.from_pretrained(tmp_path / n).state_dict() for n in ("whole", "broken"))
    assert all(torch.allclose(whole[k], again[k], atol=1e-6) for k in whole)
    stamp = (tmp_path / "broken" / "model.safetensors").stat().st_mtime_ns
    train_sft.train(config, tmp_path / "broken")
    assert (tmp_path / "broken" / "model.safetensors").stat().st_mtime_ns == stamp, "what is done is not done again"
    with pytest.raises(recipe.RecipeError, match="holds something else"):
        train_sft.train(short(path, small["qwen3"], packs, general, seed=8), tmp_path / "broken")


def test_stage_tokens_are_told_apart_and_learned(
    small: dict[str, Path], packs: Path, general: Path, tmp_path: Path
) -> None:
    path = ROOT / "reference_models" / "recipes" / "qwen3_0.6b.yaml"
    config = short(path, small["qwen3"], packs, general, data__stage_tokens=True)
    start, words = backbone.load(config)
    train_sft.train(config, tmp_path / "out")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    after = AutoTokenizer.from_pretrained(tmp_path / "out")
    ids = [after.convert_tokens_to_ids(token) for token in records.STAGE_TOKENS.values()]
    assert ids == [words.convert_tokens_to_ids(token) for token in records.STAGE_TOKENS.values()]
    assert len(set(ids)) == 2
    assert after.unk_token_id not in ids
    before, grown = (m.get_input_embeddings().weight for m in (start, model))
    assert grown.shape[0] == len(after)
    assert not torch.equal(before[ids[0]], before[ids[1]])
    assert not torch.equal(before[ids], grown[ids])


def test_two_processes_with_sharded_weights_lose_what_one_process_loses(tmp_path: Path) -> None:
    config = recipe.load(ROOT / "reference_models" / "recipes" / "mini_induced.yaml", general=None)
    words = AutoTokenizer.from_pretrained(MINI)
    rows = train_sft.mixture(config)[0][:4]
    ids, labels = [], []
    for row in rows:
        start = words.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
        whole = words.apply_chat_template(row["prompt"] + row["completion"], tokenize=False)
        head, tail = words(start)["input_ids"], words(whole[len(start) :])["input_ids"]
        ids.append(torch.tensor([*head, *tail]))
        labels.append(torch.tensor([*[-100] * len(head), *tail]))
    pad = torch.nn.utils.rnn.pad_sequence
    batch = {"ids": pad(ids, True, words.pad_token_id), "labels": pad(labels, True, -100)}
    torch.save(batch, tmp_path / "batch.pt")
    one = sharded_worker.train(str(MINI), str(tmp_path / "batch.pt"), 0, 1)
    two = _in_processes(tmp_path, 2)
    assert one["sharded"] == 0
    assert two["sharded"] == two["parameters"] > 0, "every parameter must be a DTensor, else this is plain DDP"
    assert one["losses"] == pytest.approx(two["losses"], abs=1e-3)
    assert one["losses"][-1] < one["losses"][0]


def _in_processes(folder: Path, processes: int) -> dict:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    out = folder / f"{processes}.json"
    command = [sys.executable, str(ROOT / "tests" / "sharded_worker.py"), str(MINI), str(folder / "batch.pt"), str(out)]
    rendezvous = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(processes)}
    running = [
        subprocess.Popen(command, env={**os.environ, **rendezvous, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(processes)
    ]
    assert [process.wait(timeout=120) for process in running] == [0] * processes
    return json.loads(out.read_text())
