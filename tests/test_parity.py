"""lm-eval and Inspect ask the same prompt token ids and earn the same per-item scores."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.model._providers.hf import HuggingFaceAPI
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from transformers import AutoTokenizer

from persllm_bench.faces.inspect_tasks import build, chat
from persllm_bench.faces.settings import NoSystemRole, PromptTooLong, Settings
from persllm_bench.items import Data
from persllm_bench.reader import tasks_dir
from persllm_bench.runs import RunFolder
from persllm_bench.scoring import score
from persllm_bench.scoring.score import join, parse, sample_value
from persllm_bench.suite import TASKS

QUICK = ",".join(name for name, task in TASKS.items() if task.quick)


def lm_eval_model(tokenizer: Any, max_length: int = 1_000_000) -> Any:
    """lm-eval's own template and tokenisation code around a tokenizer, without weights."""
    lm = HFLM.__new__(HFLM)
    lm.tokenizer, lm.chat_template_args, lm.add_bos_token, lm._max_length = tokenizer, {}, None, max_length
    lm.backend, lm.truncation, lm._rank, lm._world_size = "causal", False, 0, 1
    return lm


def inspect_api(tokenizer: Any) -> Any:
    """Inspect's own template code around a tokenizer, without weights."""
    api = HuggingFaceAPI.__new__(HuggingFaceAPI)
    api.tokenizer, api.chat_template, api.use_chat_template, api.enable_thinking = tokenizer, None, None, None
    api.tokenizer_call_args, api.model_name = {"add_special_tokens": False}, "test"
    return api


def with_bos(tokenizer: Any) -> Any:
    """The same tokenizer as models with a BOS have it: written by the template and added by the tokenizer as well."""
    from tokenizers.processors import TemplateProcessing

    bos = tokenizer.eos_token
    tokenizer.bos_token = bos
    tokenizer.chat_template = "{{ bos_token }}" + tokenizer.chat_template
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{bos} $A", special_tokens=[(bos, tokenizer.convert_tokens_to_ids(bos))]
    )
    return tokenizer


@pytest.mark.parametrize("bos", [False, True], ids=["no BOS", "BOS in template and tokenizer"])
@pytest.mark.parametrize("condition", ["profile", "name", "none", "wrong", "swapped"])
def test_both_faces_send_the_same_token_ids_for_every_sample(data: Data, mini: Path, condition: str, bos: bool) -> None:
    tokenizer = AutoTokenizer.from_pretrained(mini)
    tokenizer = with_bos(tokenizer) if bos else tokenizer
    lm, api = lm_eval_model(tokenizer), inspect_api(tokenizer)
    manager = TaskManager(include_path=str(tasks_dir()), include_defaults=False, metadata={"condition": condition})
    for name, spec in TASKS.items():
        if spec.quick:
            continue
        task = manager.load([name])["tasks"][name]
        task.build_all_requests(rank=0, world_size=1, apply_chat_template=True, chat_template=lm.apply_chat_template)
        inspect_task = build(name, condition)
        ids: dict[str, list[list[int]]] = {}
        for instance in task.instances:
            ids.setdefault(instance.doc["id"], []).append(lm.tok_encode(instance.args[0]))
        assert [s.id for s in inspect_task.dataset] == list(ids)
        for sample in task.samples:
            prompts = [sample.messages] * max(1, len(sample.continuations)) + [sample.baseline] * len(
                sample.continuations
            )
            rendered = [api.hf_chat(chat(messages), []) for messages in prompts]
            encoded = [tokenizer(text, **api.tokenizer_call_args)["input_ids"] for text in rendered]
            assert ids[sample.id] == encoded, sample.id
            assert encoded[0].count(tokenizer.eos_token_id) == (1 if bos else 0)


def run(mini: Path, output: Path, harness: str, *more: str) -> None:
    command = [sys.executable, "-m", "persllm_bench.cli", "run", "--model", str(mini), "--harness", harness]
    done = subprocess.run(
        [*command, "--output", str(output), *more], capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="session")
def quick_runs(mini: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The quick slice through both harnesses."""
    paths = {}
    for harness in ("lm-eval", "inspect"):
        paths[harness] = tmp_path_factory.mktemp(harness)
        run(mini, paths[harness], harness, "--tasks", QUICK + ",persllm-ll_premise")
    return {harness: path / "profile" for harness, path in paths.items()}


def test_both_faces_earn_the_same_per_item_scores(data: Data, quick_runs: dict[str, Path]) -> None:
    a, b = (RunFolder(path) for path in quick_runs.values())
    assert a.done() == b.done() == sorted([*QUICK.split(","), "persllm-ll_premise"])
    for name in a.done():
        samples = TASKS[name].samples(data, "profile")
        values = [
            [sample_value(data, parse(s, r)) for s, r in join(samples, list(folder.replies(name)))] for folder in (a, b)
        ]
        assert values[0] == pytest.approx(values[1]), name
        assert [r.reply for r in a.replies(name)] == [r.reply for r in b.replies(name)], name
        first, second = (score(name, data, folder.replies(name), "profile") for folder in (a, b))
        assert first.score.estimate == pytest.approx(second.score.estimate)


def test_a_template_without_a_system_role_is_refused(data: Data, mini: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(mini)
    tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "{{ m.content }}{% endfor %}"
    )
    task = TaskManager(include_path=str(tasks_dir()), include_defaults=False).load(["persllm-quick_open"])["tasks"]
    template = lm_eval_model(tokenizer).apply_chat_template
    with pytest.raises(NoSystemRole, match="no system role"):
        task["persllm-quick_open"].build_all_requests(
            rank=0, world_size=1, apply_chat_template=True, chat_template=template
        )


def test_a_prompt_longer_than_the_context_is_refused_by_name(data: Data, mini: Path) -> None:
    lm = lm_eval_model(AutoTokenizer.from_pretrained(mini), max_length=300)
    task = TaskManager(include_path=str(tasks_dir()), include_defaults=False).load(["persllm-quick_knowledge"])["tasks"]
    with pytest.raises(PromptTooLong, match=r"/knowledge/.*context is 300"):
        task["persllm-quick_knowledge"].build_all_requests(
            rank=0, world_size=1, apply_chat_template=True, chat_template=lm.apply_chat_template
        )


def test_a_misspelt_setting_is_refused_although_model_arguments_pass() -> None:
    assert Settings.from_mixed({"pretrained": "x", "condition": "name", "version": 1}).condition == "name"
    with pytest.raises(ValueError, match="did you mean 'condition'"):
        Settings.from_mixed({"conditon": "name"})


def test_plain_prompts_without_a_chat_template_are_refused(data: Data) -> None:
    task = TaskManager(include_path=str(tasks_dir()), include_defaults=False).load(["persllm-quick_open"])["tasks"]
    with pytest.raises(ValueError, match="--apply_chat_template"):
        task["persllm-quick_open"].build_all_requests(rank=0, world_size=1)
