"""Who somebody is: `persona.yaml` and `speech.jsonl`."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from persllm_bench.schema.base import STAGES, TRAITS, Identified, Origin, Record, Slug, Stage, Text, Trait


class TraitTarget(Record):
    """A Big Five target; the middle (2.5, 3.5) is not allowed, so that every target has a direction."""

    score: Annotated[float, Field(ge=1, le=5, strict=False)]
    """1 (very low) to 5 (very high)."""
    reason: Text
    """One line that rests on the dossier."""

    @model_validator(mode="after")
    def _has_direction(self) -> Self:
        if 2.5 < self.score < 3.5:
            raise ValueError(f"a target is at most 2.5 or at least 3.5, not {self.score}")
        return self

    @property
    def high(self) -> bool:
        """Whether the person stands at the high pole of the trait."""
        return self.score >= 3.5


class Position(Record):
    position: Annotated[int, Field(ge=-2, le=2)]
    """-2 (firmly against the topic's proposition) to +2 (firmly for it)."""
    reason: Text
    """In the person's own words, first person."""


class Stance(Record):
    topic: Slug
    early: Position
    late: Position


class LifeStage(Record):
    label: Text
    """What a prompt says of the moment: 'It is 1958; you are 24 and keep the light.'"""
    big_five: dict[Trait, TraitTarget]

    @model_validator(mode="after")
    def _all_traits(self) -> Self:
        if missing := sorted(set(TRAITS) - set(self.big_five)):
            raise ValueError(f"big_five lacks {missing}")
        return self


class PersonaHead(Record):
    """`persona.yaml`."""

    name: Text
    origin: Origin
    trained: bool
    """Whether the pack has a train split (and so enters the trained track)."""
    summary: Text
    """One line for a reader who has never heard of the person."""
    swap: dict[Text, Text]
    """Every name that the pack uses -> its replacement in the `swapped` condition; the person's own name included."""
    voice: Text
    stages: dict[Stage, LifeStage]
    stances: list[Stance]
    sources: list[Text]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if missing := sorted(set(STAGES) - set(self.stages)):
            raise ValueError(f"stages lacks {missing}")
        if self.name not in self.swap:
            raise ValueError(f"swap lacks the person's own name {self.name!r}")
        topics = [s.topic for s in self.stances]
        if twice := sorted({t for t in topics if topics.count(t) > 1}):
            raise ValueError(f"stances name a topic twice: {twice}")
        return self


class Speech(Identified):
    """One thing the person says (`speech.jsonl`), 30-80 words."""

    stage: Stage
    text: Text
