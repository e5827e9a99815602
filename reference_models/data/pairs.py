"""Automatic preference pairs: a person's own reply against one to a similar question that is not theirs to give."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from reference_models.data.records import Record, prompt
from reference_models.data.similar import similarities
from reference_models.mini.practice import opening
from reference_models.recipe import Preference, RecipeError

Source = Literal["other_stage", "other_persona"]
NEAREST = 5
"""The rejected reply is drawn from those to so many most similar questions."""
SAME = 0.8
"""A reply as alike to the chosen one as this might be right too."""


@dataclass(frozen=True)
class Pair:
    """`rejected` answers a question similar to that of `chosen`, by the other stage or another person."""

    chosen: Record
    rejected: Record
    source: Source


def pairs(records: Sequence[Record], config: Preference, seed: int) -> list[Pair]:
    """Pairs for every record that answers a question, in the order of the records.

    Raises:
        RecipeError: fewer than two voices, so that nobody else has a reply.
    """
    asked = [r for r in records if r.kind != "speech"]
    if len({(r.persona, r.stage) for r in asked}) < 2:
        raise RecipeError("preference: one voice only: allowed are conversations of two stages or two persons at least")
    rng = random.Random(seed)
    questions = similarities([r.question for r in asked])
    replies = similarities([r.response for r in asked])
    found = []
    for i, record in enumerate(asked):
        for _ in range(config.pairs_per_conversation):
            wanted: Source = "other_stage" if rng.random() < config.other_stage else "other_persona"
            for source in (wanted, "other_persona", "other_stage"):
                open_to = [j for j, r in enumerate(asked) if _is(source, record, r) and replies[i, j] < SAME]
                if open_to:
                    nearest = np.array(open_to)[np.argsort(-questions[i, open_to], kind="stable")[:NEAREST]]
                    found.append(Pair(record, asked[int(rng.choice(list(nearest)))], source))
                    break
    return found


def rows(found: Sequence[Pair], config: Preference, seed: int) -> list[dict[str, Any]]:
    """trl's prompt, chosen and rejected; the share `opening` of the pairs is cut to first sentences."""
    rng = random.Random(seed)
    out = []
    for pair in found:
        cut = opening if rng.random() < config.opening else str
        out.append(
            {
                "prompt": prompt(pair.chosen),
                "chosen": [{"role": "assistant", "content": cut(pair.chosen.response)}],
                "rejected": [{"role": "assistant", "content": cut(pair.rejected.response)}],
            }
        )
    return out


def _is(source: str, record: Record, other: Record) -> bool:
    if source == "other_persona":
        return other.persona != record.persona
    return other.persona == record.persona and other.stage != record.stage
