"""Errors planted by rule into replies of the train splits: what the reference judge learns from. The gold set, which
people wrote, is never read.

Each rule changes one sentence. What rules plant is cruder than what people plant, so that a judge that learned it is
still to be measured on the gold set.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from reference_models.mini.material import Voice

from persllm_bench.judging.rubric import AXES, Labelled, Rating, sentences
from persllm_bench.schema import Axis, TrainConversation

ASSISTANT = (
    "In summary, it is important to weigh the pros and cons of {topic}.",
    "Honestly, my whole approach to {topic} is about setting healthy boundaries.",
    "That said, {topic} is a complex issue and there are valid perspectives on both sides.",
    "At the end of the day, {topic} comes down to communication and managing expectations.",
    "Let me break down the key factors of {topic} for you.",
)
UNMASKED = (
    "As a language model I have no {topic} of my own.",
    "The person that I am playing would speak of {topic} here.",
    "My instructions do not say more about {topic}.",
    "That is how my character was written, {topic} and all.",
    "I am only a program, and {topic} is data to me.",
)
LATER = (
    "I looked {topic} up on my telephone this morning.",
    "They said so about {topic} on the television last night.",
    "I sent an email about {topic}, and it was answered within the hour.",
)
_TURNS = (
    (r"\bnever\b", "always"), (r"\balways\b", "never"), (r"\bdo not\b", "do"), (r"\bdoes not\b", "does"),
    (r"\bis not\b", "is"), (r"\bwas not\b", "was"), (r"\bcannot\b", "can"), (r"\bwill not\b", "will"),
    (r"\bwould not\b", "would"), (r"\bbetter\b", "worse"), (r"\bworse\b", "better"), (r"\bmore\b", "less"),
    (r"\bgood\b", "bad"), (r"\bright\b", "wrong"), (r"\bis\b", "is not"), (r"\bwill\b", "will not"),
    (r"\bwould\b", "would not"), (r"\bcan\b", "cannot"), (r"\bam\b", "am not"), (r"\bhave\b", "have not"),
)  # fmt: skip
_NUMBER = re.compile(r"\b(two|three|four|five|six|seven|eight|nine|ten|twelve|\d+)\b")
_NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve")


@dataclass(frozen=True)
class Planted:
    """A reply with its rating; a faithful one names no error."""

    reply: str
    rating: Rating


def faithful(c: TrainConversation) -> Planted:
    return Planted(" ".join(sentences(c.response)), Rating(**dict.fromkeys(AXES, 5), errors=[]))


class Planter:
    """Plants errors of every kind; `voices` are all trained persons at both stages."""

    def __init__(self, voices: list[Voice], rng: random.Random):
        self.voices, self.rng = voices, rng
        self.rules: dict[Axis, Callable[[Voice, str], str | None]] = {
            "knowledge": self._knowledge,
            "attitude": self._attitude,
            "style": self._style,
            "stage": self._stage,
            "character": self._character,
        }

    def plant(self, voice: Voice, c: TrainConversation, kind: Axis) -> Planted | None:
        """`c`'s reply with one error of that kind; None where the rule finds nothing to change."""
        lines = sentences(c.response)
        for place in self.rng.sample(range(len(lines)), len(lines)):
            changed = self.rules[kind](voice, lines[place])
            if changed is not None and len(sentences(changed)) == 1 and changed != lines[place]:
                lines[place] = changed
                score = self.rng.choice((1, 2, 3))
                error = Labelled(sentence=place + 1, kind=kind)
                return Planted(" ".join(lines), Rating(**{**dict.fromkeys(AXES, 5), kind: score}, errors=[error]))
        return None

    def _knowledge(self, voice: Voice, line: str) -> str | None:
        """Another number, another name of the pack, or what somebody else says of himself."""
        names = [n for n in voice.persona.head.swap if re.search(rf"\b{re.escape(n)}\b", line)]
        if names and self.rng.random() < 0.5:
            other = self.rng.choice([n for n in voice.persona.head.swap if n not in names])
            return line.replace(names[0], other)
        if _NUMBER.search(line) and self.rng.random() < 0.8:
            return _NUMBER.sub(lambda m: self.rng.choice([n for n in _NUMBERS if n != m[0]]), line, count=1)
        strangers = [v for v in self.voices if v.persona.slug != voice.persona.slug]
        return self._line_of(self.rng.choice(strangers))

    def _attitude(self, voice: Voice, line: str) -> str | None:
        """The opposite."""
        found = [(p, r) for p, r in _TURNS if re.search(p, line)]
        if not found:
            return None
        pattern, instead = found[0]
        return re.sub(pattern, instead, line, count=1)

    def _stage(self, voice: Voice, line: str) -> str | None:
        """What the same person says at the other stage, or a thing of a later time."""
        if self.rng.random() < 0.15:
            return self._filled(LATER, line)
        twin = next(v for v in self.voices if v.persona.slug == voice.persona.slug and v.stage != voice.stage)
        return self._line_of(twin)

    def _style(self, voice: Voice, line: str) -> str | None:
        return self._filled(ASSISTANT, line)

    def _character(self, voice: Voice, line: str) -> str | None:
        return self._filled(UNMASKED, line)

    def _filled(self, bank: tuple[str, ...], line: str) -> str:
        words = [w.lower() for w in re.findall(r"[A-Za-z]{5,}", line)] or ["that"]
        return self.rng.choice(bank).format(topic=f"the {self.rng.choice(words)}")

    def _line_of(self, voice: Voice) -> str:
        return self.rng.choice(sentences(self.rng.choice(voice.conversations).response))
