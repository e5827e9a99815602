"""Supervised tuning on personified data mixed with general instructions.

    python -m reference_models.train_sft --recipe reference_models/recipes/NAME.yaml --out DIR
    accelerate launch --config_file reference_models/accelerate/fsdp.yaml -m reference_models.train_sft ...

Only replies are learned. Run again to go on from the last checkpoint, which lies in DIR.part until DIR is whole.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from datasets import Dataset
from reference_models import backbone, recipe
from reference_models.data import general, records
from trl import SFTConfig, SFTTrainer

from accelerate import PartialState


def mixture(config: recipe.Recipe) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows of prompt and completion, those of persons first, and counts for the model card."""
    parts = records.split(config.data, config.seed)
    mixed = records.rows(parts.train, config.data, config.seed)
    facts = parts.facts | {"personified": len(mixed), "general": 0}
    if config.general is not None and config.general.share:
        facts["general"] = round(len(mixed) * config.general.share / (1 - config.general.share))
        mixed += general.rows(config.general, facts["general"], config.seed)
    return mixed, facts


def train(config: recipe.Recipe, out: Path) -> None:
    """Raises RecipeError: whatever of the recipe cannot be used; nothing is written then."""
    if config.stage != "sft":
        raise recipe.RecipeError(f"stage: {config.stage}: train_sft takes sft; there is train_dpo")
    mixed, facts = mixture(config)
    digest = config.digest(mixed)
    if backbone.finished(digest, out):
        return
    common = backbone.arguments(config, backbone.workplace(digest, out), PartialState().num_processes)
    model, words = backbone.load(config)
    rows = backbone.fitting(mixed, words, config, facts["personified"])
    facts["too_long"] = len(mixed) - len(rows)
    random.Random(config.seed).shuffle(rows)
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(**common, train_sampling_strategy="group_by_length"),
        train_dataset=Dataset.from_list(rows),
        processing_class=words,
        peft_config=backbone.adapter(config),
    )
    backbone.run(trainer, config, digest, out, facts)


if __name__ == "__main__":
    recipe.command(__doc__, train, general=True)
