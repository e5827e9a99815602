"""The training loop that pretraining and tuning share: schedule, step, log, checkpoint, resume."""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from transformers import AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerBase

IGNORED = -100
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up, then a cosine down to the final rate."""

    steps: int
    warmup: int
    peak: float
    final: float

    def rate(self, step: int) -> float:
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.final + (self.peak - self.final) * 0.5 * (1 + math.cos(math.pi * done))


def start(base: Path, out: Path, *, threads: int, seed: int) -> tuple[LlamaForCausalLM, PreTrainedTokenizerBase]:
    """The model at `base` in float32 and its tokenizer; makes the folder `out` for what becomes of it."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    model = LlamaForCausalLM.from_pretrained(base, dtype=torch.float32).to(DEVICE)
    return model, AutoTokenizer.from_pretrained(base)


def keep(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase, totals: dict[str, Any], out: Path) -> None:
    """`out/model`, and what it cost in `out/totals.json`."""
    model.save_pretrained(out / "model")
    tokenizer.save_pretrained(out / "model")
    (out / "totals.json").write_text(json.dumps(totals) + "\n", encoding="utf-8")


def loss_of(model: LlamaForCausalLM, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean loss over the labels that are not ignored, which are not shifted; logits are made only where they count."""
    hidden = model.model(input_ids=ids.to(model.device), use_cache=False).last_hidden_state[:, :-1]
    targets = labels[:, 1:].to(model.device)
    counted = targets != IGNORED
    return F.cross_entropy(model.lm_head(hidden[counted]).float(), targets[counted])


def optimizer_of(model: torch.nn.Module, weight_decay: float) -> torch.optim.AdamW:
    """AdamW that decays matrices only."""
    weights = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in weights if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in weights if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=1.0, betas=(0.9, 0.95), fused=True)


def run(
    model: LlamaForCausalLM,
    schedule: Schedule,
    loss_at: Callable[[int], torch.Tensor],
    tokens_at: Callable[[int], int],
    out: Path,
    *,
    weight_decay: float,
    grad_clip: float,
    checkpoint_minutes: float,
    log_every: int = 20,
) -> dict[str, float]:
    """Steps `model` through the schedule, from `out/checkpoint.pt` if there is one.

    Returns the totals; their loss is the mean of the last 100 steps.
    """
    optimizer = optimizer_of(model, weight_decay)
    checkpoint = out / "checkpoint.pt"
    first, totals = 0, {"tokens": 0, "seconds": 0.0, "loss": float("nan")}
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=model.device)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first, totals = state["step"], state["totals"]
        print(f"resumed at step {first}", flush=True)

    def save(step: int) -> None:
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "totals": totals}
        torch.save(state, checkpoint.with_suffix(".new"))
        os.replace(checkpoint.with_suffix(".new"), checkpoint)

    model.train()
    saved = mark = time.monotonic()
    losses: list[float] = []
    recent: deque[float] = deque(maxlen=100)
    seen = 0
    for step in range(first, schedule.steps):
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate(step)
        with torch.autocast(DEVICE, dtype=torch.bfloat16) if multiplies_bf16() else contextlib.nullcontext():
            loss = loss_at(step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), grad_clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        recent.append(losses[-1])
        seen += tokens_at(step)
        if (step + 1) % log_every == 0 or step + 1 == schedule.steps:
            now = time.monotonic()
            mean = sum(losses) / len(losses)
            totals = {
                "tokens": totals["tokens"] + seen,
                "seconds": totals["seconds"] + now - mark,
                "loss": sum(recent) / len(recent),
            }
            print(
                f"step {step + 1}/{schedule.steps} loss {mean:.3f} rate {schedule.rate(step):.2e} "
                f"tokens {totals['tokens']} tokens/s {seen / (now - mark):.0f} minutes {totals['seconds'] / 60:.1f}",
                flush=True,
            )
            losses, seen, mark = [], 0, now
            if now - saved > 60 * checkpoint_minutes:
                save(step + 1)
                saved = now
    save(schedule.steps)
    return totals


def multiplies_bf16() -> bool:
    """Autocast on a processor pays only where it multiplies bf16 itself; on a GPU always."""
    return DEVICE == "cuda" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
