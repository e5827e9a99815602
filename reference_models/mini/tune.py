"""Tunes the pretrained mini model on the train split: replies in character and letter answers.

Only assistant turns are learned.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import torch
from reference_models.mini import config as configuration
from reference_models.mini import contrast, loop, material
from reference_models.mini.corpus import Chat
from reference_models.mini.material import Voice
from reference_models.mini.practice import Practice
from reference_models.mini.tokenizer import SPECIAL
from transformers import PreTrainedTokenizerBase

from persllm_bench.items import Data, tasks_dir

Batch = tuple[torch.Tensor, torch.Tensor] | tuple[contrast.Packed, ...]
NOISY = ("reply", "neutral")
"""Kinds whose replies are in the packs' own words; a letter has nothing to spare."""
Encoded = tuple[list[int], list[int]]
"""Token ids, and the same as labels with everything but assistant turns ignored."""


def encode(tokenizer: PreTrainedTokenizerBase, chat: Chat) -> Encoded:
    found = tokenizer.apply_chat_template(chat, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    ids = list(found["input_ids"])
    labels = [i if learned else loop.IGNORED for i, learned in zip(ids, found["assistant_masks"], strict=True)]
    return ids, labels


def noised(ids: list[int], labels: list[int], share: float, vocabulary: int, rng: random.Random) -> list[int]:
    """Some learned tokens replaced in what the model reads, so that it leans on the question, not on its last words."""
    return [
        rng.randrange(len(SPECIAL), vocabulary) if label >= len(SPECIAL) and rng.random() < share else token
        for token, label in zip(ids, labels, strict=True)
    ]


def examples(practice: Practice, tokenizer: PreTrainedTokenizerBase, config: configuration.MiniConfig) -> list[Encoded]:
    """Examples of every kind up to its share of the tokens, the kinds mixed."""
    rng = random.Random(config.seed)
    tokens = config.tune.tokens_per_conversation * practice.conversations * (1 - config.tune.contrast_share)
    found: list[Encoded] = []
    for kind, share in config.tune.shares.items():
        left = tokens * share
        for chat in practice.kinds[kind](rng):
            ids, labels = encode(tokenizer, chat)
            if len(ids) > config.tune.longest or not any(label != loop.IGNORED for label in labels):
                continue
            if kind in NOISY and rng.random() < 0.5:
                ids = noised(ids, labels, config.tune.noise, len(tokenizer), rng)
            found.append((ids, labels))
            left -= len(ids)
            if left <= 0:
                break
    rng.shuffle(found)
    return found


def batches(found: list[Encoded], batch_tokens: int, pad: int, seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Right-padded batches of like lengths; no mask is needed, since nothing attends to what comes after it."""
    out: list[tuple[torch.Tensor, torch.Tensor]] = []
    window = 512
    for start in range(0, len(found), window):
        group: list[Encoded] = []
        for example in sorted(found[start : start + window], key=lambda e: len(e[0])):
            if group and len(example[0]) * (len(group) + 1) > batch_tokens:
                out.append(_padded(group, pad))
                group = []
            group.append(example)
        out.append(_padded(group, pad))
    random.Random(seed).shuffle(out)
    return out


def _padded(group: list[Encoded], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(len(ids) for ids, _ in group)
    ids = torch.tensor([i + [pad] * (width - len(i)) for i, _ in group])
    labels = torch.tensor([row + [loop.IGNORED] * (width - len(row)) for _, row in group])
    return ids, labels


def contrasts(
    data: Data, voices: list[Voice], tokenizer: PreTrainedTokenizerBase, config: configuration.MiniConfig
) -> list[Batch]:
    """Steps of contrast groups up to their share of the tokens."""
    conversations = sum(len(v.conversations) for v in voices)
    left = config.tune.tokens_per_conversation * conversations * config.tune.contrast_share
    source = contrast.groups(data, voices, tokenizer, random.Random(config.seed))
    found: list[Batch] = []
    while left > 0:
        found.append(tuple(contrast.pack(next(source)) for _ in range(config.tune.contrast_groups)))
        left -= sum(packed.tokens for packed in found[-1])
    return found


def train(
    folder: Path,
    tasks: Path,
    config: configuration.MiniConfig,
    pretrained: Path,
    out: Path,
    *,
    permute_names: bool = False,
) -> None:
    model, tokenizer = loop.start(pretrained, out, threads=config.threads, seed=config.seed)
    data, voices = material.read(tasks)
    voices = material.permuted(voices, config.seed) if permute_names else voices
    settings = config.tune
    practice = Practice(data, voices, folder, config.seed)
    found = examples(practice, tokenizer, config)
    steps: list[Batch] = [*batches(found, settings.batch_tokens, tokenizer.pad_token_id, config.seed)]
    steps += contrasts(data, voices, tokenizer, config)
    random.Random(config.seed).shuffle(steps)
    print(f"{', '.join(data.personas)}: {len(found)} examples, {len(steps)} steps", flush=True)

    def loss_at(step: int) -> torch.Tensor:
        if isinstance(steps[step][0], contrast.Packed):
            return torch.stack([contrast.loss_of(model, p, settings.contrast_scale) for p in steps[step]]).mean()
        return loop.loss_of(model, *steps[step])

    def tokens_at(step: int) -> int:
        if isinstance(steps[step][0], contrast.Packed):
            return sum(packed.tokens for packed in steps[step])
        return steps[step][0].numel()

    totals = loop.run(
        model,
        loop.Schedule(len(steps), settings.warmup_steps, settings.learning_rate, settings.final_learning_rate),
        loss_at,
        tokens_at,
        out,
        weight_decay=settings.weight_decay,
        grad_clip=settings.grad_clip,
        checkpoint_minutes=settings.checkpoint_minutes,
    )
    totals |= {"personas": list(data.personas), "conversations": sum(len(v.conversations) for v in voices)}
    loop.keep(model, tokenizer, totals, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of general text")
    parser.add_argument("--pretrained", type=Path, required=True, help="model folder of pretrain.py")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tasks", type=Path, default=None, help="folder of the packs, instead of the checkout's")
    parser.add_argument("--config", type=Path, default=configuration.HERE / "config.yaml")
    parser.add_argument("--permute-names", action="store_true", help="control: who says what is dealt out at random")
    args = parser.parse_args()
    train(
        args.corpus,
        args.tasks or tasks_dir(),
        configuration.load(args.config),
        args.pretrained,
        args.out,
        permute_names=args.permute_names,
    )


if __name__ == "__main__":
    main()
