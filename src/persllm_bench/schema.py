"""Every record of the data: what a persona pack, a bank and an item may contain, and nothing else.

All models are frozen and reject unknown keys, so that a misspelt field is an error and not a default.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

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
PerStage = dict[Stage, list[StatementId]]


class Record(BaseModel):
    """Base of every record: frozen, no unknown keys, no coercion between types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Identified(Record):
    """A record that other records and replies refer to."""

    id: ItemId


# --- a persona pack -------------------------------------------------------------------------------------------------


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


# --- items ----------------------------------------------------------------------------------------------------------


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
Turns = Annotated[list[Text], Field(min_length=5, max_length=5)]


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


# --- banks ----------------------------------------------------------------------------------------------------------


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
