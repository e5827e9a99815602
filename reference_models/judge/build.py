"""Builds the reference judge: the mini model, tuned to rate replies with planted errors of the train splits.

    python -m reference_models.judge.build --out DIR [--base reference_models/mini/model]

Seeded; about ten minutes on one core. How good it is: `persllm-bench run --model DIR/model --tasks persllm_judge`.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

import torch
import yaml
from pydantic import Field
from reference_models.judge.planting import Planter, faithful
from reference_models.mini import loop, material, tune
from reference_models.mini.config import Positive, Strict

from persllm_bench.items import Data, tasks_dir
from persllm_bench.judging.questions import pair_sample
from persllm_bench.judging.rubric import AXES, as_text, rating_sample, role_message
from persllm_bench.prompts import LETTERS
from persllm_bench.samples import Sample

HERE = Path(__file__).resolve().parent
MINI = HERE.parent / "mini" / "model"


class JudgeConfig(Strict):
    seed: int
    threads: Positive
    examples: Positive
    faithful: float = Field(ge=0, le=1)
    pairs: float = Field(ge=0, le=1)
    batch_tokens: Positive
    learning_rate: float
    final_learning_rate: float
    warmup_steps: Positive
    weight_decay: float
    grad_clip: float


def examples(data: Data, voices: list[material.Voice], config: JudgeConfig) -> Iterator[tuple[Sample, str]]:
    """Requests as `persllm_judge` makes them, with the right answer; kinds of error in turn, persons at random."""
    rng = random.Random(config.seed)
    planter = Planter(voices, rng)
    made = 0
    while made < config.examples:
        voice = rng.choice(voices)
        c = rng.choice(voice.conversations)
        names = {"task": "judge", "item": c.id, "persona": voice.persona.slug, "stage": voice.stage, "variant": "train"}
        role = role_message(data, voice.persona, voice.stage, "profile")
        wrong = planter.plant(voice, c, AXES[made % len(AXES)])
        if wrong is None:
            continue
        made += 1
        if rng.random() < config.pairs:
            texts = {"clean": faithful(c).reply, "wrong": wrong.reply}
            order = ("clean", "wrong") if rng.random() < 0.5 else ("wrong", "clean")
            variant = names.pop("variant")
            yield pair_sample(role, c.prompt, texts, order, names, variant), LETTERS[order.index("clean")]
            continue
        planted = faithful(c) if rng.random() < config.faithful else wrong
        yield rating_sample(role, c.prompt, planted.reply, **names), as_text(planted.rating)


def train(tasks: Path, config: JudgeConfig, base: Path, out: Path) -> None:
    model, tokenizer = loop.start(base, out, threads=config.threads, seed=config.seed)
    data, voices = material.read(tasks)
    chats = [
        [*(m.as_dict() for m in s.messages), {"role": "assistant", "content": answer}]
        for s, answer in examples(data, voices, config)
    ]
    encoded = [tune.encode(tokenizer, chat) for chat in chats]
    steps = tune.batches(encoded, config.batch_tokens, tokenizer.pad_token_id, config.seed)
    print(f"{', '.join(data.personas)}: {len(encoded)} examples, {len(steps)} steps", flush=True)
    totals = loop.run(
        model,
        loop.Schedule(len(steps), config.warmup_steps, config.learning_rate, config.final_learning_rate),
        lambda step: loop.loss_of(model, *steps[step]),
        lambda step: steps[step][0].numel(),
        out,
        weight_decay=config.weight_decay,
        grad_clip=config.grad_clip,
        checkpoint_minutes=4,
    )
    loop.keep(model.to(torch.bfloat16), tokenizer, totals, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--base", type=Path, default=MINI)
    parser.add_argument("--tasks", type=Path, default=None, help="folder of the packs, instead of the checkout's")
    parser.add_argument("--config", type=Path, default=HERE / "config.yaml")
    args = parser.parse_args()
    config = JudgeConfig.model_validate(yaml.safe_load(args.config.read_text(encoding="utf-8")))
    train(args.tasks or tasks_dir(), config, args.base, args.out)


if __name__ == "__main__":
    main()
