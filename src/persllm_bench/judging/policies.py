"""Judges that judge nothing, and an oracle: what the gate must refuse, and proof that it can be passed.

Each sees a sample as a model does and answers in words, which go through the real parser and scorer.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from persllm_bench.items import Data
from persllm_bench.judging.questions import base_of
from persllm_bench.judging.rubric import AXES, Labelled, Rating, as_text
from persllm_bench.prompts import LETTERS
from persllm_bench.samples import Sample
from persllm_bench.schema import Axis
from persllm_bench.scoring.judge import planted

Judge = Callable[[Sample], str]
KEYWORDS = ("as a", "model", "program", "written", "my character", "persona", "text", "data", "framework", "honestly")
_LINES = re.compile(r"^\[\d+\] (.*)$", re.MULTILINE)
FAITHFUL = Rating(**dict.fromkeys(AXES, 5), errors=[])


def error_in(sentence: int, kind: Axis, score: int = 2) -> Rating:
    """One error named, everything else in order."""
    return Rating(**{**dict.fromkeys(AXES, 5), kind: score}, errors=[Labelled(sentence=sentence, kind=kind)])


def _rated(s: Sample) -> list[str]:
    """The sentences of the reply in the prompt."""
    return _LINES.findall(s.messages[-1].content)


def constant(letter: int = 0, rating: Rating = FAITHFUL) -> Judge:
    """Always the same rating and the same letter."""
    return lambda s: as_text(rating) if s.rated is not None else LETTERS[letter]


def coin(seed: int = 0) -> Judge:
    """Any rating, any letter."""
    rng = random.Random(seed)

    def judge(s: Sample) -> str:
        if s.rated is None:
            return LETTERS[rng.randrange(len(s.choices))]
        kind = rng.choice(AXES)
        return as_text(error_in(rng.randint(1, s.rated), kind) if s.rated and rng.random() < 0.5 else FAITHFUL)

    return judge


def length(words: int = 84, *, longer_is_better: bool = True) -> Judge:
    """A reply of fewer words than that has an error, and the longest option is right; or the other way round."""

    def judge(s: Sample) -> str:
        if s.rated is None:
            best = max if longer_is_better else min
            return LETTERS[best(range(len(s.options)), key=lambda i: (len(s.options[i]), s.options[i]))]
        fine = (sum(len(line.split()) for line in _rated(s)) >= words) == longer_is_better
        return as_text(FAITHFUL if fine or not s.rated else error_in(s.rated, "style"))

    return judge


def keyword() -> Judge:
    """Finds an error where a word is that belongs to no role; chooses the option with fewest of them."""

    def found(text: str) -> int:
        return sum(word in text.lower() for word in KEYWORDS)

    def judge(s: Sample) -> str:
        if s.rated is None:
            return LETTERS[min(range(len(s.options)), key=lambda i: (found(s.options[i]), s.options[i]))]
        hit = next((n for n, line in enumerate(_rated(s), 1) if found(line)), 0)
        return as_text(error_in(hit, "character") if hit else FAITHFUL)

    return judge


def oracle(data: Data) -> Judge:
    """Knows the gold set; sees through every attack."""

    def judge(s: Sample) -> str:
        how, _, what = s.variant.partition("/")
        if s.rated is None:
            right = s.persona if how == "speaker" else "clean"
            return LETTERS[s.choices.index(right)]
        item = data.item(s.item)
        if how == "rate":
            version = next((v for v in item.versions if v.error == what), None)
            if version is None:
                return as_text(FAITHFUL)
            errors = [Labelled(sentence=min(planted(version)), kind=version.error)]
            return as_text(Rating(**version.scores, errors=errors))
        if not s.rated:
            return as_text(Rating(**dict.fromkeys(AXES, 1), errors=[]))
        return as_text(error_in(1, base_of(item).error or "style", 1))

    return judge
