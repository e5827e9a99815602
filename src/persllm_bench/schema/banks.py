"""What all persons share: topics, arguments, neutral talk, scenes, trait scenarios and inventory."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from persllm_bench.schema.base import Appeal, Identified, Record, Slug, Stage, StatementId, Text, Trait, Turns, ViewRole


class Topic(Record):
    """A topic of the attitude bank (`topics/topics.jsonl`), the same for every persona that has it."""

    id: Slug
    title: Text
    proposition: Text
    """What stances and probes are about; positions run from -2 (against) to +2 (for)."""
    question: Text
    views: dict[ViewRole, Text]

    @model_validator(mode="after")
    def _four_views(self) -> Self:
        if len(self.views) != 4:
            raise ValueError("views needs for, against, moderate and deferring")
        return self


class Argument(Identified):
    """Five user turns that argue one side by one appeal (`topics/arguments.jsonl`): valid for some, sham for others."""

    topic: Slug
    toward: Literal["for", "against"]
    """The side of the proposition that the turns argue for."""
    appeal: Appeal
    turns: Turns


class NeutralTalk(Identified):
    """Five user turns about nothing that is at stake (`topics/neutral.jsonl`)."""

    turns: Turns


class Role(Record):
    """A persona at a stage, as a member of a scene."""

    persona: Slug
    stage: Stage


class Scene(Identified):
    """Two personas on opposite sides of a topic (`scenes/scenes.jsonl`); twins differ in one scripted partner turn."""

    topic: Slug
    scored: Role
    partner: Role
    first: Literal["scored", "partner"]
    """Who opens; balanced over the scenes."""
    setting: Text
    """Where they talk, told to both; true of neither's past."""
    turn: Annotated[int, Field(ge=2, le=3)]
    """The round whose partner turn is scripted."""
    plain: Text
    """The scripted turn that does not move the scored person."""
    mover: Text
    """The scripted turn, equal in form, that does."""
    evidence: dict[Literal["stance", "plain", "mover"], list[StatementId]]
    """Statements of the scored person's dossier."""

    @model_validator(mode="after")
    def _two_people(self) -> Self:
        if self.scored.persona == self.partner.persona:
            raise ValueError("a scene needs two different personas")
        if missing := sorted({"stance", "plain", "mover"} - set(self.evidence)):
            raise ValueError(f"evidence lacks {missing}")
        return self


class CoCreation(Identified):
    """Two or three personas who make something together (`scenes/cocreation.jsonl`); nobody is right or wrong in it."""

    roles: Annotated[list[Role], Field(min_length=2, max_length=3)]
    setting: Text
    """Where they work, told to all; true of nobody's past."""
    brief: Text
    """What is to be made, as one sentence."""

    @model_validator(mode="after")
    def _different_people(self) -> Self:
        if len({r.persona for r in self.roles}) < len(self.roles):
            raise ValueError("a co-creation scene needs different personas")
        return self


class Scenario(Identified):
    """A behavioural choice that fits any century (`traits/scenarios.jsonl`)."""

    trait: Trait
    question: Text
    high: Annotated[list[Text], Field(min_length=2, max_length=2)]
    low: Annotated[list[Text], Field(min_length=2, max_length=2)]


class InventoryItem(Identified):
    """A self-report statement (`traits/inventory.jsonl`)."""

    trait: Trait
    text: Text
    reverse: bool
