"""Persona + stage + item + condition -> chat messages. Pure: the same arguments give the same bytes everywhere."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from persllm_bench.items import Data, Persona
from persllm_bench.schema import Stage

Condition = Literal["profile", "name", "none", "wrong", "swapped"]
CONDITIONS: tuple[Condition, ...] = ("profile", "name", "none", "wrong", "swapped")
LETTERS = "ABCDE"

STAY = (
    "Stay this person, as you are at this moment of your life; what happens later is unknown to you. "
    "Speak in the first person and in your own manner."
)
NO_PERSONA = "Somebody talks to you. Answer them."
LETTER_ONLY = "Answer with one letter only."


@dataclass(frozen=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str

    def as_dict(self) -> dict[str, str]:
        return {"role": self.role, "content": self.content}


@lru_cache(maxsize=4096)
def system_message(data: Data, persona: Persona, stage: Stage, condition: Condition) -> Message:
    """The system message that says who the model is.

    Raises:
        ValueError: unknown condition (the message lists those that exist), or `wrong` with a single persona.
    """
    if condition not in CONDITIONS:
        raise ValueError(f"unknown condition {condition!r}; there are {', '.join(CONDITIONS)}")
    if condition == "none":
        return Message("system", NO_PERSONA)
    if condition == "wrong":
        return system_message(data, stranger(data, persona), stage, "profile")
    who = f"You are {persona.name}. {persona.head.stages[stage].label}"
    if condition == "name":
        return Message("system", f"{who}\n\n{STAY}")
    dossier = "\n".join(f"{number}. {text}" for number, text in persona.dossiers[stage].items())
    text = f"{who}\n\nThis is what is true of you now:\n{dossier}\n\n{STAY}"
    return Message("system", swapped(text, persona) if condition == "swapped" else text)


def stranger(data: Data, persona: Persona) -> Persona:
    """Whose dossier `persona` gets in the `wrong` condition: the next pack by name of the same origin, else of any.

    Raises:
        ValueError: there is no other persona.
    """
    others = [p for p in data.personas.values() if p.slug != persona.slug]
    if not others:
        raise ValueError("the condition 'wrong' needs at least two personas")
    pool = [p for p in others if p.head.origin == persona.head.origin] or others
    after = [p for p in pool if p.slug > persona.slug]
    return min(after or pool, key=lambda p: p.slug)


def swapped(text: str, persona: Persona) -> str:
    """`text` with every name of the pack replaced, whole words, longest names first, in one pass."""
    return _swap_pattern(persona.slug, tuple(persona.head.swap)).sub(lambda m: persona.head.swap[m.group()], text)


def mask_names(text: str, persona: Persona) -> str:
    """`text` with every name of the pack replaced by a neutral word."""
    return _swap_pattern(persona.slug, tuple(persona.head.swap)).sub("someone", text)


@lru_cache(maxsize=128)
def _swap_pattern(slug: str, names: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile(r"(?<!\w)(" + "|".join(map(re.escape, longest_first)) + r")(?!\w)")


def letter_question(question: str, options: list[str]) -> str:
    """The user message of a letter task: the question, lettered options, and how to answer."""
    lines = [f"{LETTERS[i]}. {option}" for i, option in enumerate(options)]
    return "\n".join([question, "", *lines, "", LETTER_ONLY])


def which_would_you_say(question: str, options: list[str]) -> str:
    return letter_question(f"{question}\n\nWhich of these would you say?", options)


def which_would_you_do(question: str, options: list[str]) -> str:
    return letter_question(question, options)


def which_would_you_reply(utterance: str, options: list[str]) -> str:
    return letter_question(f'Somebody says to you: "{utterance}"\n\nWhich of these would you reply?', options)


def how_like_you(statement: str, options: list[str]) -> str:
    return letter_question(f'How well does this describe you? "{statement}"', options)


SELF_REPORT = ["Very unlike me", "Rather unlike me", "In between", "Rather like me", "Very like me"]


def deal(ids: list[str]) -> dict[str, int]:
    """Deal the positions 0-3 over presentations so that each comes up equally often, within one.

    The order is by hash, so that it follows neither the file nor the key.
    """
    return {name: rank % 4 for rank, name in enumerate(sorted(ids, key=_hash))}


def arrange(name: str, key: int, position: int) -> list[int]:
    """Order of four options with `key` at `position`, the others by hash of `name`. Reverse it for the second order."""
    rest = sorted((i for i in range(4) if i != key), key=lambda i: _hash(f"{name}|{i}"))
    return [*rest[:position], key, *rest[position:]]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
