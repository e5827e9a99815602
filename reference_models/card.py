"""The model card of a trained model, from the recipe and what training wrote down: fills in `card.md`."""

from __future__ import annotations

from typing import Any

import yaml
from reference_models.mini.card import SOURCES
from reference_models.recipe import HERE

LICENCES = {
    "Qwen/": "apache-2.0",
    "openbmb/MiniCPM": "other (General Model License of its publisher; code Apache-2.0)",
    "HuggingFaceH4/ultrachat_200k": "mit",
}
"""By the start of a hub name; whatever else is named has its own card to ask."""
WHAT = {
    "sft": "supervised tuning on their conversations",
    "dpo": "preference optimisation on pairs of their replies and others'",
    "contrast": "contrast between their contexts and replies",
}
ELSEWHERE = "see its own card"
CHATS = ("self_dialogue", "persona_chat", "instructions")
"""Of the mini model's corpus: what `data/export.py` takes."""


def card(told: dict[str, Any]) -> str:
    """The card's text; `told` is what `recipe.json` holds."""
    recipe, facts = told["recipe"], told["facts"]
    start = recipe["model"]["path"]
    losses = [float(row.get("loss", row.get("train_loss"))) for row in told["log"] if {"loss", "train_loss"} & set(row)]
    figures = {
        "device": told["device"],
        "seconds": f"{told['seconds']:.0f}",
        "parameters learned": "LoRA, merged" if recipe["lora"] else "all",
        "loss, first and last logged": f"{losses[0]:.2f}, {losses[-1]:.2f}" if losses else "not logged",
        **{name.replace("_", " "): count for name, count in facts.items() if name != "personas"},
    }
    return (
        (HERE / "card.md")
        .read_text(encoding="utf-8")
        .format(
            title=f"{start.rsplit('/', 1)[-1]}, {recipe['stage']} on persllm-bench's train split",
            licence=_licence(start, "cc-by-sa-4.0").split(" ")[0],
            start=start,
            personas=", ".join(facts["personas"]),
            what=WHAT[recipe["stage"]],
            data="\n".join(_rows(recipe, facts)),
            training="\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in figures.items())]),
            stage=recipe["stage"],
            recipe=yaml.safe_dump(recipe, sort_keys=False, width=120),
        )
    )


def _rows(recipe: dict[str, Any], facts: dict[str, Any]) -> list[str]:
    rows = [f"| conversations and speech of the train split | persllm-bench | CC BY 4.0 | {facts['records']} records |"]
    if recipe["general"]:
        path, count = recipe["general"]["path"], facts["general"]
        if path.endswith(".jsonl"):
            amount = f"a part of {count} examples together"
            rows += [f"| {SOURCES[name][0]} | `{SOURCES[name][1]}` | {SOURCES[name][2]} | {amount} |" for name in CHATS]
        else:
            rows.append(f"| general instructions | `{path}` | {_licence(path, ELSEWHERE)} | {count} examples |")
    return rows


def _licence(name: str, otherwise: str) -> str:
    return next((licence for start, licence in LICENCES.items() if name.startswith(start)), otherwise)
