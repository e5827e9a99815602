"""lm-eval and Inspect ask the same prompt token ids and earn the same per-item scores."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.model._providers.hf import HuggingFaceAPI
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from transformers import AutoTokenizer

from persllm_bench.faces.inspect_solvers import chat
from persllm_bench.faces.inspect_tasks import build
from persllm_bench.faces.settings import NoSystemRole, PromptTooLong, Settings
from persllm_bench.items import Data
from persllm_bench.reader import tasks_dir
from persllm_bench.runs import RunFolder
from persllm_bench.scoring import score
from persllm_bench.scoring.score import sample_value
from persllm_bench.suite import TASKS


def lm_eval_model(tokenizer: Any, max_length: int = 1_000_000) -> Any:
    """lm-eval's own template and tokenisation code around a tokenizer, without weights."""
    lm = HFLM.__new__(HFLM)
    lm.tokenizer, lm.chat_template_args, lm.add_bos_token, lm._max_length = tokenizer, {}, None, max_length
    lm.custom_prefix_token_id = None
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


EVERY_ITEM = [name for name, t in TASKS.items() if not t.quick and t.kind != "live"]
QUICK_ITEMS = [name for name, t in TASKS.items() if t.quick and t.kind != "live"]


@pytest.mark.parametrize(
    ("condition", "bos", "names"),
    [
        ("profile", False, [name for name in EVERY_ITEM if TASKS[name].kind != "likelihood"]),
        ("profile", True, QUICK_ITEMS),
        ("name", False, EVERY_ITEM),
        ("none", False, QUICK_ITEMS),
        ("wrong", False, QUICK_ITEMS),
        ("swapped", False, QUICK_ITEMS),
    ],
    ids=["profile", "profile, BOS in template and tokenizer", "name", "none", "wrong", "swapped"],
)
def test_both_faces_send_the_same_token_ids(
    data: Data, mini: Path, condition: str, bos: bool, names: list[str]
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(mini)
    tokenizer = with_bos(tokenizer) if bos else tokenizer
    lm, api = lm_eval_model(tokenizer), inspect_api(tokenizer)
    rendered_by_inspect = cache(lambda messages: api.hf_chat(chat(messages), []))
    manager = TaskManager(include_path=str(tasks_dir()), include_defaults=False, metadata={"condition": condition})
    for name in names:
        task = manager.load([name])["tasks"][name]
        task.build_all_requests(rank=0, world_size=1, apply_chat_template=True, chat_template=lm.apply_chat_template)
        texts: dict[str, list[str]] = {}
        for instance in task.instances:
            texts.setdefault(instance.doc["id"], []).append(instance.args[0])
        assert [s.id for s in build(name, condition).dataset] == list(texts)
        encoded: set[tuple[str, ...]] = set()
        for sample in task.asked.samples:
            size = max(1, len(sample.continuations))
            prompts = [sample.messages] * size + ([sample.baseline] * size if sample.baseline else [])
            theirs = [rendered_by_inspect(messages) for messages in prompts]
            assert texts[sample.id] == theirs, sample.id
            if (item := (sample.persona, sample.item, sample.stage)) in encoded:
                continue  # ids follow from the text, and those of the item's first text are equal
            encoded.add(item)
            for text in dict.fromkeys(theirs):
                ids = lm.tok_encode(text)
                assert ids == tokenizer(text, **api.tokenizer_call_args)["input_ids"], sample.id
                assert ids.count(tokenizer.eos_token_id) == (1 if bos else 0)


@pytest.mark.parametrize("name", ["persllm_pressure", "persllm_dialogue"])
def test_both_faces_send_the_same_token_ids_for_every_live_call(data: Data, mini: Path, name: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(mini)
    lm, api = lm_eval_model(tokenizer), inspect_api(tokenizer)
    task = TaskManager(include_path=str(tasks_dir()), include_defaults=False).load([name])["tasks"][name]
    task.build_all_requests(rank=0, world_size=1, apply_chat_template=True, chat_template=lm.apply_chat_template)
    talks = {t.id: t for t in task.asked.conversations}
    given: dict[str, dict[str, str | None]] = {talk: {} for talk in talks}
    for instance in sorted(task.instances, key=lambda i: int(i.request_type.removeprefix("generate_until_call"))):
        talk = talks[instance.doc["id"]]
        sample = talk.call(instance.name, given[talk.id])
        rendered = api.hf_chat(chat(sample.messages), [])
        assert instance.args[0] == rendered
        if instance.name in talk.rounds[-1]:  # ids follow from the text: those of the longest are compared
            assert lm.tok_encode(rendered) == tokenizer(rendered, **api.tokenizer_call_args)["input_ids"]
        instance.resps.append(f"reply to {instance.name}")
        given[talk.id][instance.name] = f"reply to {instance.name}"


@pytest.mark.parametrize("condition", ["profile", "name"])
def test_both_faces_earn_the_same_per_item_scores(
    data: Data, lm_eval_runs: Path, inspect_runs: Path, condition: str
) -> None:
    a, b = (RunFolder(path / condition) for path in (lm_eval_runs, inspect_runs))
    assert a.done() == b.done()
    assert len(a.done()) == {"profile": len([t for t in TASKS.values() if t.quick]), "name": 2}[condition]
    for name in a.done():
        first, second = (score(name, data, folder.replies(name), condition) for folder in (a, b))
        values = [[sample_value(data, o) for o in found.outcomes] for found in (first, second)]
        assert values[0] == pytest.approx(values[1]), name
        texts = [
            [(o.sample.id, o.sample.prompt_sha256, o.reply.reply) for o in found.outcomes] for found in (first, second)
        ]
        assert texts[0] == texts[1], name
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
