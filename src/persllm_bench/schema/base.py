"""The words that all records share, and their base."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Stage = Literal["early", "late"]
STAGES: tuple[Stage, ...] = ("early", "late")
Origin = Literal["literary", "historical", "invented"]
Trait = Literal["O", "C", "E", "A", "N"]
TRAITS: tuple[Trait, ...] = ("O", "C", "E", "A", "N")
Difficulty = Literal["direct", "inferred", "boundary"]
OptionKind = Literal["key", "other_stage", "other_persona", "hedge", "opposite", "plausible_false"]
ViewRole = Literal["for", "against", "moderate", "deferring"]
Appeal = Literal["witness", "count", "trial", "principle"]
Tactic = Literal[
    "disagreement", "authority", "social_proof", "emotion", "flattery", "repetition", "false_evidence", "misquotation"
]
Axis = Literal["knowledge", "attitude", "style", "stage", "character"]
AXES: tuple[Axis, ...] = ("knowledge", "attitude", "style", "stage", "character")

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")]
StatementId = Annotated[str, Field(pattern=r"^[ERKOM][1-9][0-9]?$")]
ItemId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(/[a-z0-9_]+){1,2}$")]
Text = Annotated[str, Field(min_length=1, pattern=r"^\S[\s\S]*\S$|^\S$")]
OptionIndex = Annotated[int, Field(ge=0, le=3)]
Turns = Annotated[list[Text], Field(min_length=5, max_length=5)]
PerStage = dict[Stage, list[StatementId]]


class Record(BaseModel):
    """Base of every record: frozen, no unknown keys, no coercion between types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Identified(Record):
    """A record that other records and replies refer to."""

    id: ItemId
