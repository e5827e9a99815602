"""Live tasks on a real model: another model as scene partner, and a run that is killed in the middle of a turn."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval.models.huggingface import HFLM
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from conftest import invoke, run, started
from persllm_bench.items import Data
from persllm_bench.runs import RunFolder
from persllm_bench.suite import task

SCENES, PRESSURE = "persllm-quick_dialogue", "persllm-quick_pressure"


def options(mini: Path, output: Path, *more: str) -> list[str | Path]:
    return ["--model", mini, "--output", output, *more]


@pytest.fixture(scope="module")
def stranger(mini: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights that speaks the mini model's tokens."""
    folder = tmp_path_factory.mktemp("stranger")
    tokenizer = AutoTokenizer.from_pretrained(mini)
    torch.manual_seed(0)
    ends = tokenizer.convert_tokens_to_ids(["<|end|>", "<|endoftext|>"])
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=4096, bos_token_id=None, eos_token_id=ends,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def lines(folder: RunFolder, who: str) -> list[str | None]:
    return [r.reply for r in folder.replies(SCENES) if r.variant.endswith(f"/{who}") and r.variant[:7] != "neutral"]


@pytest.fixture(scope="module")
def partnered(mini: Path, stranger: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The scenes with the stranger as partner, through lm-eval."""
    folder = tmp_path_factory.mktemp("partnered")
    run(*options(mini, folder, "--tasks", SCENES, "--partner", str(stranger)))
    return RunFolder(folder / "profile")


def test_another_model_speaks_for_the_partner_in_both_harnesses_alike(
    data: Data, mini: Path, stranger: Path, partnered: RunFolder, lm_eval_runs: Path, tmp_path: Path
) -> None:
    run(*options(mini, tmp_path, "--tasks", SCENES, "--harness", "inspect", "--partner", str(stranger)))
    ours, theirs = partnered, RunFolder(tmp_path / "profile")
    assert [r.reply for r in ours.replies(SCENES)] == [r.reply for r in theirs.replies(SCENES)]
    assert ours.facts().partner == stranger.name
    assert ours.facts().partner_sha256 not in (None, ours.facts().model_sha256)
    alone = RunFolder(lm_eval_runs / "profile")
    assert lines(ours, "partner")
    assert lines(ours, "partner") != lines(alone, "partner")
    (found,) = ours.score(data)
    assert found.samples == len(list(alone.replies(SCENES)))


def test_a_run_killed_in_turn_three_ends_with_the_same_bytes(data: Data, mini: Path, tmp_path: Path) -> None:
    alone = ["--tasks", PRESSURE, "--condition", "none", "--batch-size", "1"]
    run(*options(mini, tmp_path / "whole", *alone))
    talks = task(PRESSURE).conversations(data, "none")
    until_turn_two = sum(len(calls) for talk in talks for calls in talk.rounds[:3])
    in_turn_three = range(until_turn_two + 1, until_turn_two + sum(len(talk.rounds[3]) for talk in talks))
    process = started("run", *options(mini, tmp_path / "killed", *alone))
    deadline = time.monotonic() + 180
    while answered(tmp_path / "killed") < in_turn_three.start and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert answered(tmp_path / "killed") in in_turn_three
    assert not RunFolder(tmp_path / "killed" / "none").done()
    run(*options(mini, tmp_path / "killed", *alone))
    name = f"none/samples/{PRESSURE}.jsonl.zst"
    assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def answered(output: Path) -> int:
    """Requests that lm-eval's cache holds."""
    found = list(output.glob("none/cache/*.db"))
    if not found:
        return 0
    try:
        with sqlite3.connect(f"file:{found[0]}?mode=ro", uri=True) as db:
            return int(db.execute("select count(*) from unnamed").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_a_partner_that_fails_in_one_scene_leaves_its_error_there_and_the_rest_as_it_was(
    data: Data, mini: Path, stranger: Path, partnered: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list(partnered.replies(SCENES))
    (first, *_), stock = task(SCENES).conversations(data, "profile"), HFLM.generate_until
    second = next(n for calls in first.rounds[2:] for n in calls if "partner" in n)
    before = {r.variant.partition("/")[2]: r.reply for r in whole if r.sample_id.startswith(f"{first.id}/")}
    prompt = first.call(second, before).messages[-1].content

    def unreliable(self: Any, requests: list[Any], **more: Any) -> list[str]:
        if type(self) is HFLM and any(prompt in request.args[0] for request in requests):
            raise TimeoutError("partner went away")
        return stock(self, requests, **more)

    monkeypatch.setattr(HFLM, "generate_until", unreliable)
    run(*options(mini, tmp_path / "broken", "--tasks", SCENES, "--partner", str(stranger)))
    folder = RunFolder(tmp_path / "broken" / "profile")
    failed = [r for r in folder.replies(SCENES) if r.error]
    assert {r.error for r in failed} == {"TimeoutError: partner went away"}
    assert all(r.sample_id.startswith(f"{first.id}/") for r in failed)
    lost = {r.sample_id for r in failed}
    assert [r for r in folder.replies(SCENES) if not r.error] == [r for r in whole if r.sample_id not in lost]
    assert folder.score(data)[0].samples == len(whole)


@pytest.mark.parametrize("harness", ["lm-eval", "inspect"])
def test_a_talk_that_outgrows_the_context_is_named_with_its_length(
    data: Data, mini: Path, tmp_path: Path, harness: str
) -> None:
    model = tmp_path / "short"
    shutil.copytree(mini, model)
    tokenizer = AutoTokenizer.from_pretrained(mini)
    starts = [t.call(name, {}) for t in task(PRESSURE).conversations(data, "none") for name in t.rounds[0]]
    chats = [tokenizer.apply_chat_template([m.as_dict() for m in s.messages], tokenize=False) for s in starts]
    limit = max(len(tokenizer(c)["input_ids"]) for c in chats) + max(s.max_tokens for s in starts) + 8
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"max_position_embeddings": limit}))
    arguments = options(model, tmp_path / "run", "--tasks", PRESSURE, "--condition", "none", "--harness", harness)
    done = invoke("run", *arguments)
    assert done.exit_code == 2, (done.output, done.exception)
    assert re.search(
        rf"pressure\S*/turn\S*: the prompt has \d+ tokens .* context is {limit}", done.output.replace("\n", " ")
    )


def test_charts_of_a_run_are_written_and_show_what_was_measured(data: Data, lm_eval_runs: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from persllm_bench import plots
    from persllm_bench.cli import app

    folder = lm_eval_runs / "profile"
    done = CliRunner().invoke(app, ["plot", str(folder), "--output", str(tmp_path / "charts")])
    assert done.exit_code == 0, done.output
    for name in (f"{PRESSURE}-survival", f"{SCENES}-all"):
        svg = (tmp_path / "charts" / f"{name}.svg").read_text()
        assert svg.startswith("<svg")
        assert "mark-line" in svg
    scores = {s.task: s for s in RunFolder(folder).score(data)}
    held = plots.survival(data, scores[PRESSURE])
    for arm, rows in held.groupby("arm"):
        assert rows["held"].is_monotonic_decreasing
        last = scores[PRESSURE].measures[f"held_{arm}"].value
        assert rows["held"].iloc[-1] == pytest.approx(last)
    moves = plots.trajectories(data, scores[SCENES])
    assert set(moves["who"]) == {"scored", "partner"}
    assert moves["position"].between(-2, 2).all()
    refused = CliRunner().invoke(app, ["plot", str(folder), "--scene", "scenes/nowhere"])
    assert refused.exit_code == 2
    assert "scenes/jane_eyre" in refused.output
