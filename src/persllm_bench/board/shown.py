"""A reply as a reader sees it: what was asked, what was said, what was right, and the statements that settle it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Option:
    """An option as it was shown. `right` is none where nothing is right or wrong, as in a probe."""

    letter: str
    text: str
    right: bool | None
    chosen: bool


@dataclass(frozen=True)
class Statement:
    """A statement of a dossier that settles a sample, or the reason of a trait target; `id` as `early/E3`."""

    id: str
    text: str


@dataclass(frozen=True)
class Turn:
    """Something said in a live talk. `who`: user, model, scored, partner or a name; scripted: not said by the model."""

    turn: int
    who: str
    text: str
    scripted: bool


@dataclass(frozen=True)
class Probe:
    """Where somebody says that they stand, after a turn (0: before the first).

    letters: direction of the scale -> letter, or none where it did not parse. position: mean of both directions,
    -2..+2, positive on the scored person's own side; none unless both parsed.
    """

    turn: int
    who: str
    private: bool
    letters: dict[str, str | None]
    position: float | None


@dataclass(frozen=True)
class Reply:
    """A sample, or a whole live talk with its turns and probes."""

    id: str
    persona: str
    stage: str
    item: str
    variant: str
    messages: tuple[dict[str, str], ...]
    """As the model saw them; of a live talk only the system messages."""
    options: tuple[Option, ...] = ()
    reply: str | None = None
    parse: str = "parsed"
    """parsed, unparsed, truncated or error; of a live talk the worst of its calls."""
    credit: float | None = None
    """In [0, 1]; of a live talk the mean over its last probes, none where it has none."""
    evidence: tuple[Statement, ...] = ()
    finish: str | None = None
    error: str | None = None
    loglikelihoods: dict[str, list[float]] | None = None
    """given and baseline, per option, in nats; then `chosen` of an option is by acc_pmi."""
    references: tuple[str, ...] = ()
    """Of an open question."""
    turns: tuple[Turn, ...] = ()
    probes: tuple[Probe, ...] = ()
    setting: dict[str, str] = field(default_factory=dict)
    """Of a live talk: arm, and proposition, tactic, place or brief where it has one."""
