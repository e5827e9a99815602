"""Log-likelihoods of given replies through an Inspect model, for the `persllm-ll_` tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import anyio.to_thread
from inspect_ai.model import Model

_one_at_a_time = anyio.Lock()


async def log_likelihoods(model: Model, prompts: Sequence[str], texts: Sequence[str]) -> list[list[float]]:
    """For each rendered prompt the summed log-probabilities (nats, shape (prompts, texts)) of every text after it.

    Raises:
        ValueError: the provider does not expose its weights (only `hf` does; use lm-eval with vllm otherwise).
    """
    if not hasattr(model.api, "hf_chat"):
        raise ValueError(
            f"{model} gives no likelihoods: persllm-ll_ tasks need the provider hf/, or lm-eval with hf or vllm"
        )
    async with _one_at_a_time:
        return await anyio.to_thread.run_sync(lambda: [_score(model.api, prompt, texts) for prompt in prompts])


def _score(api: Any, prompt: str, texts: Sequence[str]) -> list[float]:
    """One forward pass over prompt + text, padded on the right; the boundary is found as lm-eval does."""
    import torch

    def encode(text: str) -> list[int]:
        return api.tokenizer(text, **api.tokenizer_call_args)["input_ids"]

    start = len(encode(prompt.rstrip()))
    rows = [encode(prompt + text) for text in texts]
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)], mask[i, : len(row)] = torch.tensor(row), 1
    with torch.inference_mode():
        logits = api.model(input_ids=ids.to(api.model.device), attention_mask=mask.to(api.model.device)).logits
    found = []
    for i, row in enumerate(rows):
        log_p = torch.log_softmax(logits[i, start - 1 : len(row) - 1].float(), dim=-1)
        chosen = torch.tensor(row[start:], device=log_p.device).unsqueeze(-1)
        found.append(min(0.0, float(log_p.gather(1, chosen).sum())))
    return found
