"""Kept states in Inspect: the same tokens as the stock model, fewer of them computed."""

from __future__ import annotations

import logging
from math import ceil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, Gemma3ForCausalLM, Qwen3ForCausalLM

from persllm_bench.drivers import even_batch
from persllm_bench.faces import inspect_prefix
from persllm_bench.faces.inspect_prefix import PrefixGenerate
from test_prefix_lm import GEMMA3, QWEN3, random_model

PAD = 0
SETTINGS = {"do_sample": False, "max_new_tokens": 6, "return_dict_in_generate": True, "pad_token_id": PAD}


def batch(shared: int, rests: list[int]) -> dict[str, torch.Tensor]:
    """Left-padded prompts: the same `shared` tokens, then as many of their own as `rests` says."""
    rng = torch.Generator().manual_seed(shared)
    start = torch.randint(10, 6000, (shared,), generator=rng)
    rows = [torch.cat([start, torch.randint(10, 6000, (n,), generator=rng)]) for n in rests]
    width = max(map(len, rows))
    ids = torch.stack([torch.cat([torch.full((width - len(r),), PAD), r]) for r in rows])
    return {"input_ids": ids, "attention_mask": (ids != PAD).long()}


def computed(model: Any) -> list[int]:
    """Filled with the number of tokens of each call into the model from now on."""
    seen: list[int] = []
    model.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append((kwargs.get("input_ids") if not args else args[0]).numel()),
        with_kwargs=True,
    )
    return seen


@pytest.fixture(params=["the mini model", "Qwen3"])
def model(request: pytest.FixtureRequest, mini: Path) -> Any:
    if request.param == "Qwen3":
        return random_model(Qwen3ForCausalLM, QWEN3)
    return AutoModelForCausalLM.from_pretrained(mini, dtype=torch.float32).eval()


def test_tokens_are_those_of_the_stock_model_and_what_is_shared_is_computed_once(model: Any) -> None:
    kept, seen = PrefixGenerate(model, PAD), computed(model)
    for rests in ([5, 30, 17], [9, 9, 2]):
        prompts = batch(400, rests)
        seen.clear()
        ours = kept(**prompts, **SETTINGS)
        fresh = sum(seen)
        assert torch.equal(ours.sequences, model.generate(**prompts, **SETTINGS).sequences)
        assert fresh < 400 + 3 * (max(rests) + 8)
    assert fresh < 400  # the second batch finds the first one's prefix
    assert kept.store is not None


def test_a_talk_goes_on_from_what_was_said_and_a_letter_is_forgotten(model: Any) -> None:
    kept, seen = PrefixGenerate(model, PAD), computed(model)
    first = batch(0, [300, 280])
    for new_tokens, remembered in ((12, True), (8, False)):
        settings = SETTINGS | {"max_new_tokens": new_tokens}
        found = kept(**first, **settings).sequences[:, : first["input_ids"].shape[1] + 6]
        on = torch.cat([found, torch.tensor([[new_tokens] * 5] * 2)], dim=1)
        more = {"input_ids": on, "attention_mask": (on != PAD).long()}
        seen.clear()
        ours = kept(**more, **SETTINGS)
        assert (sum(seen) < 100) == remembered, sum(seen)
        assert torch.equal(ours.sequences, model.generate(**more, **SETTINGS).sequences)
        kept = PrefixGenerate(model, PAD)
    assert kept.usage.reused == 0


@given(total=st.integers(1, 10_000), most=st.integers(1, 256))
def test_batches_are_about_equal_and_none_is_too_large(total: int, most: int) -> None:
    size = even_batch(total, most)
    assert 1 <= size <= most
    assert ceil(total / size) == ceil(total / most), "no more batches than are needed"


def test_prompts_that_share_nothing_are_answered_too(model: Any) -> None:
    kept, prompts = PrefixGenerate(model, PAD), batch(0, [40, 7])
    assert torch.equal(kept(**prompts, **SETTINGS).sequences, model.generate(**prompts, **SETTINGS).sequences)


def test_a_model_with_a_window_goes_on_whole_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    model = random_model(Gemma3ForCausalLM, GEMMA3)
    with caplog.at_level(logging.WARNING):
        kept = PrefixGenerate(model, PAD)
    assert "no prefix cache (layers with a window)" in caplog.text
    prompts = batch(200, [5, 9])
    assert torch.equal(kept(**prompts, **SETTINGS).sequences, model.generate(**prompts, **SETTINGS).sequences)


def test_without_memory_for_a_prefix_it_goes_on_whole_and_says_so(
    mini: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspect_prefix, "free_bytes", lambda device: 3000)
    model = AutoModelForCausalLM.from_pretrained(mini, dtype=torch.float32).eval()
    kept, prompts = PrefixGenerate(model, PAD), batch(400, [5, 9])
    with caplog.at_level(logging.WARNING):
        ours = kept(**prompts, **SETTINGS)
    assert "a shared prefix of 400 tokens needs" in caplog.text
    assert torch.equal(ours.sequences, model.generate(**prompts, **SETTINGS).sequences)
