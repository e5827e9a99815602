"""General instruction data for the mix, from a JSONL file, a folder of them, or the hub."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from datasets import Dataset, load_dataset
from reference_models.recipe import General, RecipeError

from persllm_bench.prompts import NO_PERSONA


def rows(config: General, count: int, seed: int) -> list[dict[str, Any]]:
    """`count` rows of prompt and completion in random order, read again from the start where they run out.

    Raises:
        RecipeError: no data there, a column that the data lack, or a row that ends in no reply.
    """
    found = _load(config)
    columns = [config.prompt, config.answer] if config.prompt and config.answer else ["messages"]
    if missing := [c for c in columns if c not in found.column_names]:
        raise RecipeError(
            f"general.path: {config.path}: no column {', '.join(missing)}: there are {', '.join(found.column_names)}; "
            "name two of them as general.prompt and general.answer, or give a column messages"
        )
    if not len(found):
        raise RecipeError(f"general.path: {config.path}: no rows: at least one is needed")
    rng = random.Random(seed)
    order: list[int] = []
    while len(order) < count:
        order += rng.sample(range(len(found)), len(found))
    return [_chat(found[i], config, i) for i in order[:count]]


def _load(config: General) -> Dataset:
    path = Path(config.path)
    try:
        if path.suffix in (".jsonl", ".json"):
            return load_dataset("json", data_files=str(path), split="train")
        if path.is_dir():
            files = sorted(map(str, path.glob("*.jsonl")))
            if not files:
                raise RecipeError(f"general.path: {path}: a folder without .jsonl files")
            return load_dataset("json", data_files=files, split="train")
        return load_dataset(config.path, split=config.split)
    except RecipeError:
        raise
    except Exception as error:  # datasets raises many kinds, all with the reason in words
        raise RecipeError(f"general.path: {config.path}: cannot be read: {error}") from error


def _chat(row: dict[str, Any], config: General, number: int) -> dict[str, Any]:
    if config.prompt and config.answer:
        messages = [
            {"role": "user", "content": row[config.prompt]},
            {"role": "assistant", "content": row[config.answer]},
        ]
    else:
        messages = [{"role": m["role"], "content": m["content"]} for m in row["messages"] or []]
    while messages and messages[-1]["role"] != "assistant":
        messages.pop()
    if len(messages) < 2 or not all(m["content"] and str(m["content"]).strip() for m in messages):
        raise RecipeError(
            f"general.path: {config.path}: row {number}: {row!s:.80}: a question and a reply, neither empty"
        )
    if config.nobody and messages[0]["role"] != "system":
        messages = [{"role": "system", "content": NO_PERSONA}, *messages]
    return {"prompt": messages[:-1], "completion": messages[-1:]}
