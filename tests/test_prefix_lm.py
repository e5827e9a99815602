"""Kept key-value states change how much is computed, never what is replied."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval.evaluator import evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    MambaConfig,
    MambaForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from persllm_bench.faces.lm_eval_prefix import PrefixLM
from persllm_bench.reader import tasks_dir
from persllm_bench.suite import TASKS

LETTERS = "persllm-quick_identity"
LIVE = "persllm-quick_pressure"
SMALL = {"num_hidden_layers": 2, "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "head_dim": 8}
SPECIAL = {"vocab_size": 6144, "bos_token_id": None, "eos_token_id": 0, "pad_token_id": 0}
QWEN3 = Qwen3Config(**SMALL, **SPECIAL, num_key_value_heads=2, max_position_embeddings=4096)
GEMMA3 = Gemma3TextConfig(
    **SMALL, **SPECIAL, num_key_value_heads=1, max_position_embeddings=4096, sliding_window=64,
    layer_types=["sliding_attention", "full_attention"],
)  # fmt: skip
GPT2 = GPT2Config(n_layer=2, n_embd=32, n_head=4, n_positions=4096, **SPECIAL)
MAMBA = MambaConfig(num_hidden_layers=2, hidden_size=32, state_size=4, **SPECIAL)
RANDOM = {
    "Qwen3": (Qwen3ForCausalLM, QWEN3),
    "Gemma 3, window of 64": (Gemma3ForCausalLM, GEMMA3),
    "GPT-2": (GPT2LMHeadModel, GPT2),
}


def load(kind: type[HFLM], model: Any, mini: Path, **more: Any) -> Any:
    return kind(pretrained=model, tokenizer=str(mini), dtype="float32", device="cpu", batch_size=8, **more)


def random_model(kind: type, config: Any) -> Any:
    torch.manual_seed(0)
    return kind(config).eval()


def ask(lm: Any, name: str, limit: int | None = None, condition: str = "profile") -> list[dict[str, Any]]:
    manager = TaskManager(include_path=str(tasks_dir()), include_defaults=False, metadata={"condition": condition})
    found = evaluate(
        lm, manager.load([name]), apply_chat_template=True, log_samples=True, bootstrap_iters=0, limit=limit
    )
    return [row["score"] for row in found["samples"][name]]


@pytest.fixture(scope="module")
def stock(mini: Path) -> HFLM:
    return load(HFLM, str(mini), mini)


@pytest.fixture(scope="module")
def ours(mini: Path) -> PrefixLM:
    return load(PrefixLM, str(mini), mini)


@pytest.mark.parametrize("name", [name for name, t in TASKS.items() if t.quick])
def test_replies_are_those_of_stock_lm_eval(stock: HFLM, ours: PrefixLM, name: str) -> None:
    limit = 1 if TASKS[name].kind == "live" else 12
    before = ours.usage.reused
    assert ask(ours, name, limit) == ask(stock, name, limit)
    assert ours.usage.reused > before


def test_batches_of_tokens_are_those_of_stock_lm_eval(stock: HFLM, ours: PrefixLM) -> None:
    texts = ["One.", "A longer one, of more tokens.", "<|im_start|>user\nHm?<|im_end|>\n"]
    for options in ({}, {"left_truncate_len": 4}, {"left_truncate_len": 400}, {"padding_side": "right"}):
        for a, b in zip(*(lm.tok_batch_encode(texts, **options) for lm in (ours, stock)), strict=True):
            assert torch.equal(a, b), options


def test_likelihoods_are_those_of_stock_lm_eval(stock: HFLM, ours: PrefixLM) -> None:
    before = ours.usage.reused
    for a, b in zip(*(ask(lm, "persllm-ll_identity", 12) for lm in (ours, stock)), strict=True):
        assert a["given"] == pytest.approx(b["given"], abs=1e-3)
        assert a["baseline"] == pytest.approx(b["baseline"], abs=1e-3)
    assert ours.usage.reused > before


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("task", [LETTERS, LIVE])
def test_other_architectures_reply_as_in_stock_lm_eval(mini: Path, name: str, task: str) -> None:
    model = random_model(*RANDOM[name])
    lm, limit = load(PrefixLM, model, mini), 1 if task == LIVE else 12
    assert ask(lm, task, limit) == ask(load(HFLM, model, mini), task, limit)
    assert lm.usage.reused > 0


def test_a_dossier_is_computed_once_and_a_talk_goes_on_from_what_was_said(mini: Path) -> None:
    lm = load(PrefixLM, str(mini), mini)
    ask(lm, "persllm_identity", 12)
    used = lm.usage
    assert used.kept + used.prompt - used.reused < 0.3 * used.prompt
    talks = load(PrefixLM, str(mini), mini)
    ask(talks, LIVE, 4)
    used = talks.usage
    assert used.kept + used.prompt - used.reused < 0.2 * used.prompt


def test_a_model_without_key_value_states_says_what_it_costs_and_replies_as_stock(
    mini: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = random_model(MambaForCausalLM, MAMBA)
    with caplog.at_level(logging.WARNING, "persllm_bench"):
        lm = load(PrefixLM, model, mini)
    assert "no prefix cache" in caplog.text
    assert "every prompt is computed whole" in caplog.text
    assert ask(lm, LETTERS, 6) == ask(load(HFLM, model, mini), LETTERS, 6)
    assert lm.usage.reused == 0


def test_too_little_memory_says_what_it_costs_and_replies_as_stock(
    mini: Path, stock: HFLM, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "persllm_bench"):
        lm = load(PrefixLM, str(mini), mini, prefix_memory=1_000_000)
        assert ask(lm, LETTERS, 6) == ask(stock, LETTERS, 6)
    assert "bytes, 1,000,000 are free" in caplog.text


def test_running_out_of_memory_in_the_middle_goes_on_as_stock(
    mini: Path, stock: HFLM, ours: PrefixLM, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    lm = load(PrefixLM, str(mini), mini)

    def exhausted(*args: Any) -> Any:
        return torch.empty(2**55)

    monkeypatch.setattr("persllm_bench.faces.lm_eval_prefix.lay_out", exhausted)
    with caplog.at_level(logging.WARNING, "persllm_bench"):
        assert ask(lm, LETTERS, 6) == ask(stock, LETTERS, 6)
    assert "out of memory" in caplog.text
