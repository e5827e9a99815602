"""Token ids of every prompt that a run asked, rebuilt from its replies, and what of them a perfect cache would hit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from persllm_bench.prefixes import shareable
from persllm_bench.reader import load
from persllm_bench.runs import RunFolder
from persllm_bench.samples import Sample
from persllm_bench.suite import task


def samples_of(folder: RunFolder, name: str) -> list[Sample]:
    """Every call of a task of the run, those of a live task as its replies made them."""
    facts, data = folder.facts(), load()
    spec, given = task(name), {r.sample_id: r.reply for r in folder.replies(name)}
    talks = spec.conversations(data, facts.condition, facts.personas)
    if not talks:
        return spec.samples(data, facts.condition, facts.personas)
    return [s for talk in talks for s in talk.samples({n: given[f"{talk.id}/{n}"] for c in talk.rounds for n in c})]


def token_ids(tokenizer: Any, samples: list[Sample]) -> list[list[int]]:
    """The prompts as the chat template renders them."""
    chats = [[m.as_dict() for m in s.messages] for s in samples]
    texts = [tokenizer.apply_chat_template(c, tokenize=False, add_generation_prompt=True) for c in chats]
    return tokenizer(texts, add_special_tokens=False)["input_ids"]


def shares(path: Path, model: Path) -> tuple[int, int]:
    """(tokens of all prompts, tokens of them that need not be computed again) over all tasks of a run."""
    from transformers import AutoTokenizer

    tokenizer, folder = AutoTokenizer.from_pretrained(model), RunFolder(path)
    prompts = [ids for name in folder.done() for ids in token_ids(tokenizer, samples_of(folder, name))]
    return sum(map(len, prompts)), shareable(prompts)
