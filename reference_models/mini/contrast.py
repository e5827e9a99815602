"""Which context does a reply belong to? A group of contexts and replies, every reply scored under every context.

Plain tuning teaches a small model replies by heart but hardly to let person, stage and question choose among them. Here
the contexts of a group differ in one of the three, and a reply must be likelier under its own context than under the
others. This is the likelihood variants' measure, practised on the train split.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from reference_models.mini.material import Voice
from reference_models.mini.practice import excerpt, kin, opening
from transformers import LlamaForCausalLM, PreTrainedTokenizerBase

from persllm_bench import prompts
from persllm_bench.items import Data
from persllm_bench.schema import TrainConversation


@dataclass(frozen=True)
class Group:
    """Contexts and replies as token ids, and for each reply the context that it belongs to."""

    contexts: list[list[int]]
    replies: list[list[int]]
    owners: list[int]


def groups(data: Data, voices: list[Voice], tokenizer: PreTrainedTokenizerBase, rng: random.Random) -> Iterator[Group]:
    """Endless groups of two questions to a person at a stage, one at the other stage and one to another person.

    The first question is put at the other stage too, and no reply belongs to that. Each of the others has two replies:
    its own, and a piece of its own or of one that rests on a statement it shares.
    """

    def context(voice: Voice, question: str) -> list[int]:
        system = prompts.system_message(data, voice.persona, voice.stage, "name")
        messages = [system.as_dict(), {"role": "user", "content": question}]
        return tokenizer(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))[
            "input_ids"
        ]

    def replies(voice: Voice, c: TrainConversation) -> list[list[int]]:
        other = rng.choice([c, *kin(voice, c)])
        return tokenizer([opening(c.response), excerpt(other.response, rng)])["input_ids"]

    while True:
        for voice in rng.sample(voices, len(voices)):
            twin = next(v for v in voices if v.persona is voice.persona and v is not voice)
            others = [v for v in voices if v.persona is not voice.persona] or [twin]
            asked = [(v, rng.choice(v.conversations)) for v in (voice, voice, twin, rng.choice(others))]
            contexts = [context(v, c.prompt) for v, c in asked]
            contexts.append(context(twin, asked[0][1].prompt))
            found = [(i, ids) for i, (v, c) in enumerate(asked) for ids in replies(v, c)]
            yield Group(contexts, [ids for _, ids in found], [i for i, _ in found])


@dataclass(frozen=True)
class Packed:
    """A group as tensors: one row per context, followed by all replies, none of which sees another."""

    ids: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    before: torch.Tensor
    """Row by row, where each reply token is predicted from."""
    targets: torch.Tensor
    reply_of: torch.Tensor
    owners: torch.Tensor

    @property
    def tokens(self) -> int:
        return self.ids.numel()

    def to(self, device: torch.device) -> Packed:
        return Packed(*(getattr(self, field.name).to(device) for field in fields(self)))


def pack(group: Group) -> Packed:
    """Contexts are padded on their left, so that replies stand at the same places in every row."""
    width = max(map(len, group.contexts))
    tail = [token for reply in group.replies for token in reply]
    length = width + len(tail)
    segment = torch.tensor([0] * width + [i + 1 for i, reply in enumerate(group.replies) for _ in reply])
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    seen = causal & ((segment[None, :] == 0) | (segment[None, :] == segment[:, None]))
    rows, positions, masks = [], [], []
    for context in group.contexts:
        pad = width - len(context)
        rows.append([0] * pad + context + tail)
        within = [j for reply in group.replies for j in range(len(reply))]
        positions.append([0] * pad + list(range(len(context))) + [len(context) + j for j in within])
        masks.append((seen & (torch.arange(length) >= pad)[None, :]) | torch.eye(length, dtype=torch.bool))
    before, at = [], width
    for reply in group.replies:
        before += [width - 1, *range(at, at + len(reply) - 1)]
        at += len(reply)
    return Packed(
        torch.tensor(rows),
        torch.tensor(positions),
        torch.stack(masks)[:, None],
        torch.tensor(before),
        torch.tensor(tail),
        segment[width:] - 1,
        torch.tensor(group.owners),
    )


def log_likelihoods(model: LlamaForCausalLM, packed: Packed) -> torch.Tensor:
    """(contexts, reply tokens) log-probability of every token of every reply under every context."""
    hidden = model.model(
        input_ids=packed.ids, attention_mask=packed.mask, position_ids=packed.positions, use_cache=False
    ).last_hidden_state[:, packed.before]
    logits = model.lm_head(hidden).float()
    rows = len(packed.ids)
    return -F.cross_entropy(logits.flatten(0, 1), packed.targets.repeat(rows), reduction="none").view(rows, -1)


def scores(model: LlamaForCausalLM, packed: Packed) -> torch.Tensor:
    """(contexts, replies) log-likelihood of every reply under every context; `packed` on the model's device."""
    found = log_likelihoods(model, packed)
    return found.new_zeros(len(found), len(packed.owners)).index_add(1, packed.reply_of, found)


def loss_of(model: LlamaForCausalLM, packed: Packed, scale: float) -> torch.Tensor:
    """Cross-entropy of the right context for each reply, plus the mean token loss of replies under their own."""
    packed = packed.to(model.device)
    found = scores(model, packed)
    own = found.gather(0, packed.owners[None])
    return F.cross_entropy(scale * found.T, packed.owners) - own.sum() / len(packed.targets)
