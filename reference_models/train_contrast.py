"""Group contrast, our addition to the recipe: context and reply must find each other in a group of both.

    python -m reference_models.train_contrast --recipe reference_models/recipes/NAME.yaml --model DIR --out DIR

One process, full weights; what it adds is measured by the ladder. Run again to go on from the last checkpoint.
"""

from __future__ import annotations

import dataclasses
import random
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from reference_models import backbone, recipe
from reference_models.data import groups, records
from reference_models.mini import contrast, loop
from transformers import PreTrainedModel

CHECKPOINT_MINUTES = 4.0


def loss_of(model: PreTrainedModel, packed: contrast.Packed, scale: float) -> torch.Tensor:
    """Four means: choosing the context of each reply; choosing each context's reply by what it adds to the reply's
    likelihood under nobody, as `acc_pmi` does; the tokens under their own context; and under nobody, who may say
    anything. `groups` puts nobody last.
    """
    packed = packed.to(model.device)
    scores = contrast.scores(model, packed)
    places = torch.arange(len(packed.owners), device=scores.device)
    own = scores[packed.owners, places]
    gains = scale * (scores[:-1] - scores[-1].detach())
    of_reply = F.cross_entropy(gains.T, packed.owners)
    rivals = gains[packed.owners].masked_fill(
        (packed.owners[:, None] == packed.owners) & (places[:, None] != places), float("-inf")
    )
    of_context = F.cross_entropy(rivals, places)
    return of_reply + of_context - (own.sum() + scores[-1].sum()) / len(packed.targets)


def train(config: recipe.Recipe, out: Path) -> None:
    """Raises RecipeError: whatever of the recipe cannot be used; nothing is written then."""
    if config.stage != "contrast" or config.contrast is None or config.train.steps is None:
        raise recipe.RecipeError(f"stage: {config.stage}: train_contrast takes contrast")
    wish, settings = config.contrast, config.train
    parts = records.split(config.data, config.seed)
    digest = config.digest([dataclasses.asdict(r) for r in parts.train])
    if backbone.finished(digest, out):
        return
    if settings.threads:
        torch.set_num_threads(settings.threads)
    model, words = backbone.load(config)
    model.to(loop.DEVICE)
    source = groups.groups(parts.train, wish.replies, words, random.Random(config.seed))
    plan = [[next(source) for _ in range(wish.groups)] for _ in range(config.train.steps)]

    @cache
    def packed(step: int) -> list[contrast.Packed]:
        packed.cache_clear()
        return [contrast.pack(group) for group in plan[step]]

    work = backbone.workplace(digest, out)
    work.mkdir(parents=True, exist_ok=True)
    totals = loop.run(
        model,
        loop.Schedule(config.train.steps, settings.warmup_steps, settings.learning_rate, 0.02 * settings.learning_rate),
        lambda step: torch.stack([loss_of(model, p, wish.scale) for p in packed(step)]).mean(),
        lambda step: sum(p.tokens for p in packed(step)),
        work,
        weight_decay=settings.weight_decay,
        grad_clip=settings.grad_clip,
        checkpoint_minutes=CHECKPOINT_MINUTES,
    )
    whole = work / "model"
    model.save_pretrained(whole)
    words.save_pretrained(whole)
    facts = parts.facts | {"tokens": totals["tokens"]}
    log = [{"train_loss": totals["loss"]}]
    backbone.put(whole, out, config, digest, facts=facts, log=log, seconds=totals["seconds"])


if __name__ == "__main__":
    recipe.command(__doc__, train)
