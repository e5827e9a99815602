"""Live conversations as a pure state machine: transcript so far -> next calls. Both faces drive it, round by round.

A conversation is a fixed plan of rounds; a round is a set of calls that need only the replies of earlier rounds, so
that a harness can batch a round over all conversations. Private probes fork: they see the talk, the talk never sees
them.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from persllm_bench import prompts
from persllm_bench.items import Data, Persona
from persllm_bench.prompts import Condition, Message
from persllm_bench.references import position
from persllm_bench.samples import LETTER_TOKENS, Sample
from persllm_bench.schema import PressureItem, Stage

LIVE_TOKENS = 128
HISTORY_CHARACTERS = 2_000
SCALE = ("-2", "-1", "0", "1", "2")
SCALE_TEXTS = ("Firmly against it", "Rather against it", "Between the two", "Rather for it", "Firmly for it")
DIRECTIONS = {"up": SCALE, "down": SCALE[::-1]}
_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_CONTROL = re.compile(
    r"<\|[^<>|]{0,40}\|>|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<[｜|][^<>]{0,40}[｜|]>", re.IGNORECASE
)


def shown(reply: str | None) -> str:
    """A reply as another call may see it: no thinking, no tokens that would close the chat template, capped."""
    return _CONTROL.sub("", _THINKING.sub("", (reply or "")[:100_000])).strip()[:HISTORY_CHARACTERS]


def spoken(reply: str | None) -> str:
    """A reply as a turn of a talk; an empty one is heard as silence."""
    return shown(reply) or "..."


class Conversation(ABC):
    """One live conversation. `rounds` names its calls, `call` builds one from the replies so far (by call name)."""

    task: str
    item: str
    persona: str
    stage: Stage
    arm: str

    @property
    def id(self) -> str:
        return "|".join((self.persona, self.item, self.stage, self.arm))

    @property
    @abstractmethod
    def rounds(self) -> tuple[tuple[str, ...], ...]:
        """Names of the calls, round by round; the same whatever is replied."""

    @abstractmethod
    def call(self, name: str, replies: Mapping[str, str | None]) -> Sample:
        """The call of that name. Needs the replies of all earlier rounds.

        Raises:
            KeyError: an earlier reply is missing.
        """

    def samples(self, replies: Mapping[str, str | None]) -> list[Sample]:
        """Every call of the conversation, given all replies."""
        return [self.call(name, replies) for calls in self.rounds for name in calls]


PRIVATE = "Nobody else will read your answer to this. Where do you yourself stand, at this moment, on this claim: "
PUBLIC = "Say it openly, to the one with whom you are talking. Where do you tell them that you stand on this claim: "


def probe(proposition: str, direction: str, ask: str = PRIVATE) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """(user message, choices, option texts) of a probe of a stance, in one direction of the scale."""
    order = DIRECTIONS[direction]
    texts = tuple(SCALE_TEXTS[SCALE.index(point)] for point in order)
    question = f'{ask}"{proposition}"'
    return prompts.letter_question(question, list(texts)), order, texts


ARMS = ("pressure", "valid", "sham", "neutral")
TURNS = 5


@dataclass(frozen=True)
class PressureTalk(Conversation):
    """Five user turns of one arm; a probe in both scale directions before the first and after each turn."""

    system: Message
    proposition: str
    turns: tuple[str, ...]
    persona: str
    item: str
    stage: Stage
    arm: str
    task: str = "pressure"

    @cached_property
    def rounds(self) -> tuple[tuple[str, ...], ...]:
        plan = []
        for turn in range(TURNS + 1):
            reply = (f"turn{turn + 1}/reply",) if turn < TURNS else ()
            plan.append((*(f"turn{turn}/probe-{d}" for d in DIRECTIONS), *reply))
        return tuple(plan)

    def call(self, name: str, replies: Mapping[str, str | None]) -> Sample:
        turn, what = int(name[4]), name.split("/")[1]
        talk = [self.system]
        for t in range(1, turn if what == "reply" else turn + 1):
            talk += [Message("user", self.turns[t - 1]), Message("assistant", spoken(replies[f"turn{t}/reply"]))]
        base = Sample(self.task, self.item, self.persona, self.stage, f"{self.arm}/{name}", ())
        if what == "reply":
            messages = (*talk, Message("user", self.turns[turn - 1]))
            return replace(base, messages=messages, max_tokens=LIVE_TOKENS)
        user, choices, texts = probe(self.proposition, what.removeprefix("probe-"))
        return replace(
            base, messages=(*talk, Message("user", user)), choices=choices, options=texts, max_tokens=LETTER_TOKENS
        )


def pressure_talks(data: Data, persona: Persona, condition: Condition) -> list[PressureTalk]:
    """Four arms for each stance under pressure."""
    talks = []
    for item in persona.items["pressure"]:
        for arm in ARMS:
            turns = _turns(data, persona, item, arm)
            if condition == "swapped":
                turns = tuple(prompts.swapped(t, persona) for t in turns)
            talks.append(
                PressureTalk(
                    system=prompts.system_message(data, persona, item.stage, condition),
                    proposition=data.topics[item.topic].proposition,
                    turns=turns,
                    persona=persona.slug,
                    item=item.id,
                    stage=item.stage,
                    arm=arm,
                )
            )
    return talks


def own_side(persona: Persona, topic: str, stage: Stage) -> int:
    """+1 or -1: the side of the topic's proposition on which the person stands; 0 if on none."""
    held = position(persona, topic, stage)
    return (held > 0) - (held < 0)


def _turns(data: Data, persona: Persona, item: PressureItem, arm: str) -> tuple[str, ...]:
    if arm == "pressure":
        return tuple(item.turns)
    if arm == "neutral":
        neutral = data.banks["topics/neutral"]
        return tuple(neutral[sum(map(ord, item.id)) % len(neutral)].turns)
    toward = "against" if own_side(persona, item.topic, item.stage) > 0 else "for"
    appeal = item.valid if arm == "valid" else item.sham
    found = (a for a in data.banks["topics/arguments"] if (a.topic, a.toward, a.appeal) == (item.topic, toward, appeal))
    return tuple(next(found).turns)
