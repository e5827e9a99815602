"""What is asked about one person: the item files of a pack, its gold set and its train split."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from persllm_bench.schema.base import (
    AXES,
    Appeal,
    Axis,
    Difficulty,
    Identified,
    OptionIndex,
    OptionKind,
    PerStage,
    Record,
    Slug,
    Stage,
    StatementId,
    Tactic,
    Text,
    Turns,
    ViewRole,
)


class KnowledgeItem(Identified):
    """Four options in the person's voice; a twin is asked in both stages with different right ones."""

    question: Text
    options: Annotated[list[Text], Field(min_length=4, max_length=4)]
    answer: dict[Stage, OptionIndex]
    kinds: dict[Stage, Annotated[list[OptionKind], Field(min_length=4, max_length=4)]]
    evidence: PerStage
    difficulty: Difficulty
    hard: bool = False
    """An adversarial reader failed it although the key follows from the evidence."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _same_stages(self.answer, evidence=self.evidence, kinds=self.kinds)
        _differ(self.answer)
        if len(set(self.options)) < 4:
            raise ValueError("two options are equal")
        for stage, key in self.answer.items():
            if [i for i, k in enumerate(self.kinds[stage]) if k == "key"] != [key]:
                raise ValueError(f"kinds[{stage}] must say 'key' at option {key} and nowhere else")
            other = self.answer.get("late" if stage == "early" else "early")
            if other is not None and self.kinds[stage][other] != "other_stage":
                raise ValueError(f"kinds[{stage}][{other}] is the other stage's answer: must say 'other_stage'")
        _differ(self.answer)
        return self


class AttitudeItem(Identified):
    """The view of a bank topic that is this person's, per stage."""

    topic: Slug
    answer: dict[Stage, ViewRole]
    evidence: PerStage
    difficulty: Difficulty
    hard: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _same_stages(self.answer, evidence=self.evidence)
        _differ(self.answer)
        return self


class PremisePair(Identified):
    """A false and a true premise from one sentence frame, with the same two replies."""

    stage: Stage
    kind: Literal["false_biography", "later_knowledge", "wrong_relation", "misattributed_words", "false_consensus"]
    frame: Text
    """What the user says; `{}` marks the slot."""
    false: Text
    true: Text
    along: Text
    """The reply that accepts the premise."""
    correct: Text
    """The reply that corrects it."""
    evidence: list[StatementId]

    @model_validator(mode="after")
    def _one_slot(self) -> Self:
        _slot(self.frame)
        return self


class Bait(Identified):
    """An attempt to talk the model out of its role, or into another one."""

    kind: Literal["robot", "override", "assistant"]
    stage: Stage
    prompt: Text
    stay: Text
    out: Text


class DangerPair(Identified):
    """One frame, the danger inside the story (stay) or to the person who is really writing (step out)."""

    kind: Literal["danger"]
    stage: Stage
    frame: Text
    story: Text
    real: Text
    stay: Text
    out: Text

    @model_validator(mode="after")
    def _one_slot(self) -> Self:
        _slot(self.frame)
        return self


IdentityItem = Annotated[Bait | DangerPair, Field(discriminator="kind")]


class PressureItem(Identified):
    """One stance at one stage: a tactic's turns, and which of the bank's arguments do and do not move this person."""

    topic: Slug
    stage: Stage
    tactic: Tactic
    turns: Turns
    valid: Appeal
    """The appeal that moves this person, by the dossier."""
    sham: Appeal
    """An appeal to which the dossier says this person is deaf; it moves somebody else on the same side."""
    evidence: dict[Literal["stance", "valid", "sham"], list[StatementId]]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.valid == self.sham:
            raise ValueError(f"valid and sham are the same appeal {self.valid!r}")
        if missing := sorted({"stance", "valid", "sham"} - set(self.evidence)):
            raise ValueError(f"evidence lacks {missing}")
        return self


class OpenItem(Identified):
    """A question in two wordings, with reference answers for each stage in which it is asked."""

    questions: Annotated[list[Text], Field(min_length=2, max_length=2)]
    references: dict[Stage, Annotated[list[Text], Field(min_length=1)]]
    evidence: PerStage

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _same_stages(self.references, evidence=self.evidence)
        return self


class GoldVersion(Record):
    error: Axis | None
    """The one planted error; none in the faithful reply."""
    severity: Literal["none", "minor", "major"]
    reply: Text
    sentence: Text | None
    """The sentence of `reply`, word for word, that carries the error."""
    scores: dict[Axis, Annotated[int, Field(ge=1, le=5)]]
    evidence: list[StatementId]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.error is None) != (self.severity == "none") or (self.error is None) != (self.sentence is None):
            raise ValueError("error, severity and sentence go together: all planted or none")
        if self.sentence is not None and self.sentence not in self.reply:
            raise ValueError("sentence does not occur word for word in reply")
        if set(self.scores) != set(AXES):
            raise ValueError(f"scores needs exactly {list(AXES)}")
        return self


class GoldItem(Identified):
    """One question, one faithful reply and one reply per kind of planted error, for calibrating judges."""

    stage: Stage
    question: Text
    versions: Annotated[list[GoldVersion], Field(min_length=6, max_length=6)]

    @model_validator(mode="after")
    def _one_each(self) -> Self:
        if sorted(str(v.error) for v in self.versions) != sorted([*AXES, "None"]):
            raise ValueError(f"versions needs one faithful reply and one error of each of {list(AXES)}")
        return self


class TrainConversation(Identified):
    """A training example after PersLLM: what was asked and what is true of the person, then the reply in voice."""

    stage: Stage
    kind: Literal["question", "opinion", "induced"]
    prompt: Text
    analysis: Text
    response: Text
    evidence: Annotated[list[StatementId], Field(min_length=1)]


def _same_stages(answer: dict, **others: dict) -> None:
    if not answer:
        raise ValueError("answers no stage")
    for name, other in others.items():
        if set(other) != set(answer):
            raise ValueError(f"{name} has stages {sorted(other)}, the answers {sorted(answer)}")


def _differ(answer: dict) -> None:
    if len(answer) == 2 and len(set(answer.values())) == 1:
        raise ValueError("a twin needs a different answer in each stage")


def _slot(frame: str) -> None:
    if frame.count("{}") != 1:
        raise ValueError("frame needs exactly one slot {}")
