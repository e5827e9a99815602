"""The model card of the mini model, with the figures of the build that made it: fills in `card.md`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reference_models.mini.config import HERE, MiniConfig
from safetensors import safe_open

SOURCES = {
    "novels": (
        "96 English novels first published by 1928",
        "computationalstylistics/100_english_novels",
        "texts in the public domain in the US; the collection states no licence",
    ),
    "self_dialogue": ("chats written by people", "jfainberg/self_dialogue_corpus", "BSD-3-Clause"),
    "persona_chat": (
        "chats between two described people",
        "google-research-datasets/Synthetic-Persona-Chat",
        "CC BY 4.0",
    ),
    "task_dialogue": (
        "dialogues about errands",
        "google-research-datasets/dstc8-schema-guided-dialogue",
        "CC BY-SA 4.0",
    ),
    "instructions": ("seed instructions with answers", "yizhongw/self-instruct", "Apache-2.0"),
}

BACKBONE = """---
language: en
license: cc-by-sa-4.0
library_name: transformers
pipeline_tag: text-generation
---

# persllm-bench mini, backbone

The mini model before tuning: it has learned general text only. Shape, data, licences, compute of pretraining and limits
stand in [the card of the tuned model](../model/README.md). `reference_models/ladder.py` starts from it.
"""


def card(config: MiniConfig, totals: dict[str, dict[str, Any]], model: Path) -> str:
    """The card's text; `totals` are what the stages `pretrain` and `tune` wrote down."""
    with safe_open(model / "model.safetensors", framework="pt") as tensors:
        parameters = sum(tensors.get_tensor(name).numel() for name in tensors.keys())  # noqa: SIM118 - not a dict
    template = (HERE / "card.md").read_text(encoding="utf-8")
    return template.format(
        parameters=f"{parameters / 1e6:.1f}",
        megabytes=f"{(model / 'model.safetensors').stat().st_size / 1e6:.1f}",
        shape=config.model,
        vocabulary=config.tokenizer.vocab_size,
        sources="\n".join(
            f"| {what} | `{repository}` | {licence} | {config.mix.get(name, 0):.0%} |"
            for name, (what, repository, licence) in SOURCES.items()
        ),
        conversations=totals["tune"]["conversations"],
        personas=", ".join(f"`{slug}`" for slug in totals["tune"]["personas"]),
        contrast=f"{config.tune.contrast_share:.0%}",
        kinds=", ".join(f"{kind} {share:.0%}" for kind, share in config.tune.shares.items()),
        remarks="".join(f" {stage['remark']}" for stage in totals.values() if "remark" in stage),
        compute="\n".join(_compute(stage, totals[stage]) for stage in ("pretrain", "tune")),
    )


def _compute(stage: str, totals: dict[str, Any]) -> str:
    tokens, seconds = totals["tokens"], totals["seconds"]
    return f"| {stage} | {tokens / 1e6:.1f} M | {seconds / 60:.0f} | {tokens / seconds:.0f} | {totals['loss']:.2f} |"
