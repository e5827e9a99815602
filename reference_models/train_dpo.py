"""Direct preference optimisation on automatic pairs, from a model that train_sft made.

    python -m reference_models.train_dpo --recipe reference_models/recipes/NAME.yaml --model SFT_DIR --out DIR

Run again to go on from the last checkpoint.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from datasets import Dataset
from reference_models import backbone, recipe
from reference_models.data import pairs, records
from trl import DPOConfig, DPOTrainer

from accelerate import PartialState


def preferences(config: recipe.Recipe) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows of prompt, chosen and rejected in random order, no more than the steps take, and counts for the card."""
    assert config.preference is not None
    parts = records.split(config.data, config.seed)
    found = pairs.pairs(parts.train, config.preference, config.seed)
    random.Random(config.seed).shuffle(found)
    if config.train.steps:
        found = found[: config.train.steps * config.train.batch]
    rows = pairs.rows(found, config.preference, config.seed)
    facts = parts.facts | {"pairs": len(rows)}
    facts |= {f"pairs_{source}": sum(p.source == source for p in found) for source in ("other_stage", "other_persona")}
    return rows, facts


def train(config: recipe.Recipe, out: Path) -> None:
    """Raises RecipeError: whatever of the recipe cannot be used; nothing is written then."""
    if config.stage != "dpo" or config.preference is None:
        raise recipe.RecipeError(f"stage: {config.stage}: train_dpo takes dpo; there is train_sft")
    rows, facts = preferences(config)
    digest = config.digest(rows)
    if backbone.finished(digest, out):
        return
    common = backbone.arguments(config, backbone.workplace(digest, out), PartialState().num_processes)
    model, words = backbone.load(config)
    backbone.fitting(rows, words, config, len(rows))
    wish = config.preference
    trainer = DPOTrainer(
        model=model,
        args=DPOConfig(
            **common,
            beta=wish.beta,
            loss_type=list(wish.loss),
            loss_weights=wish.weights,
            precompute_ref_log_probs=True,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=words,
        peft_config=backbone.adapter(config),
    )
    backbone.run(trainer, config, digest, out, facts)


if __name__ == "__main__":
    recipe.command(__doc__, train)
