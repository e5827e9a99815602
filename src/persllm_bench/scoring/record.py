"""Replies as they are saved, and what scoring makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from persllm_bench.prompts import Condition
from persllm_bench.samples import Sample
from persllm_bench.schema import Record, Stage
from persllm_bench.stats import Interval

Logprob = Annotated[float, Field(le=0, allow_inf_nan=False)]


class LogLikelihoods(Record):
    """Sums of log-probabilities in nats, one per continuation: with the persona, and without."""

    given: list[Logprob]
    baseline: list[Logprob]


class Reply(Record):
    """One row of a saved run: which sample was asked, with which messages, and what came back, raw."""

    task: str
    item: str
    persona: str
    stage: Stage
    variant: str
    condition: Condition
    prompt_sha256: str
    messages: list[dict[str, str]] = Field(default_factory=list)
    """For the reader of a run. Empty in a submission: they follow from the data, and `prompt_sha256` is their hash."""
    reply: str | None = None
    """The raw text; none for a likelihood sample or an error."""
    loglikelihoods: LogLikelihoods | None = None
    finish_reason: Literal["stop", "length"] | None = None
    """None where the harness does not say."""
    error: str | None = None

    @property
    def sample_id(self) -> str:
        return "|".join((self.persona, self.item, self.stage, self.variant))

    @classmethod
    def to(cls, sample: Sample, condition: Condition, **got: Any) -> Reply:
        """The row of `sample`; `got` is what came back: reply, loglikelihoods, finish_reason, error."""
        return cls(
            task=sample.task,
            item=sample.item,
            persona=sample.persona,
            stage=sample.stage,
            variant=sample.variant,
            condition=condition,
            prompt_sha256=sample.prompt_sha256,
            messages=[m.as_dict() for m in sample.messages],
            **{"reply": None, **got},
        )


Status = Literal["parsed", "unparsed", "truncated", "error"]


@dataclass(frozen=True)
class Outcome:
    """A sample with its reply, parsed. `choice` is what was chosen, none unless `status` is parsed."""

    sample: Sample
    reply: Reply
    status: Status
    choice: str | None = None


@dataclass(frozen=True)
class Unit:
    """The smallest thing that scores: 0 is chance, 1 is perfect; `evidence` are the statements it rests on."""

    persona: str
    stage: str
    value: float
    evidence: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Measure:
    """A figure beside the score. `interval` is none where no interval is defined."""

    value: float | None
    interval: Interval | None = None
    n: int = 0


@dataclass(frozen=True)
class TaskScore:
    """All that is derived for one task of one run. `score` is on 0 (chance) to 100 (perfect)."""

    task: str
    condition: str
    score: Interval
    chance: float | None
    items: int
    samples: int
    unparsed: float
    """Share of samples without a usable reply: unparsed, truncated or errored. They count as wrong."""
    by_persona: dict[str, float]
    adds: dict[str, float]
    """What each persona adds to the score: `by_persona` where the score is its mean, else pseudo-values (`stats`)."""
    measures: dict[str, Measure]
    outcomes: tuple[Outcome, ...]
