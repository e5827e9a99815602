"""What a run will ask, in tokens, before any model is loaded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from persllm_bench.conversation import LIVE_TOKENS
from persllm_bench.faces.settings import Settings
from persllm_bench.prompts import Message
from persllm_bench.samples import Sample

CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True)
class Estimate:
    """What one task asks: `calls` to the model, `prompt` tokens in all, those of them that are `new` (a beginning that
    an earlier prompt had counts once) and at most so many `reply` tokens."""

    task: str
    calls: int
    prompt: int
    new: int
    reply: int


def estimate(tasks: Sequence[str], settings: Settings, model: str = "") -> tuple[list[Estimate], str]:
    """A row per task, and how tokens were counted.

    Every distinct message is tokenised once, with `tokenizer.json` of a local model folder; without one a token is
    taken for four characters. The few tokens that a chat template puts around each message are left out. A live
    conversation is counted as if every reply had its full length.

    Raises:
        ValueError: like `Settings.asked`; or a tokenizer.json that cannot be read.
    """
    calls: dict[str, list[Sample]] = {}
    for name in tasks:
        asked = settings.asked(name)
        calls[name] = [*asked.samples]
        for talk in asked.conversations:
            calls[name] += talk.samples(defaultdict(lambda: "word" * LIVE_TOKENS))
    return estimate_samples(calls, settings.reasoning, model)


def estimate_samples(
    calls: Mapping[str, Sequence[Sample]], reasoning: int = 0, model: str = ""
) -> tuple[list[Estimate], str]:
    """As `estimate`, of calls that are at hand, by name."""
    prompts = {name: [p for s in samples for p in _prompts(s)] for name, samples in calls.items()}
    replies = {
        name: sum(s.max_tokens + reasoning for s in samples if not s.continuations) for name, samples in calls.items()
    }
    size, how = _sizes({m.content for found in prompts.values() for p in found for m in p}, model)
    rows = []
    for name, found in prompts.items():
        beginnings = {p[:k] for p in found for k in range(1, len(p) + 1)}
        total = sum(size[m.content] for p in found for m in p)
        new = sum(size[p[-1].content] for p in beginnings)
        rows.append(Estimate(name, len(found), total, new, replies[name]))
    return rows, how


def _prompts(sample: Sample) -> list[tuple[Message, ...]]:
    """One per request; a likelihood is asked for every option, with and without the persona."""
    if not sample.continuations:
        return [sample.messages]
    options = [Message("assistant", text) for text in sample.continuations]
    return [(*messages, option) for messages in (sample.messages, sample.baseline) for option in options]


def _sizes(texts: Iterable[str], model: str) -> tuple[dict[str, int], str]:
    """Tokens per text, and how they were counted."""
    path, ordered = Path(model, "tokenizer.json"), sorted(texts)
    if not model or not path.is_file():
        sizes = {text: -(-len(text) // CHARACTERS_PER_TOKEN) for text in ordered}
        return sizes, f"no tokenizer.json in {model or 'a local folder'}: {CHARACTERS_PER_TOKEN} characters a token"
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more special
        raise ValueError(f"{path}: no tokenizer ({error})") from error
    encoded = tokenizer.encode_batch_fast(ordered, add_special_tokens=False)
    return {text: len(found) for text, found in zip(ordered, encoded, strict=True)}, f"tokens of {path}"
