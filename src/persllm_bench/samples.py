"""What each task asks: every sample of a task under a condition, in a fixed order.

A sample is one request to the model. Faces translate samples for their harness; scorers rebuild the same list from the
data and look up the replies, so that nothing in a reply decides what was asked or which answer was right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from persllm_bench import prompts
from persllm_bench.items import Data, Persona
from persllm_bench.prompts import Condition, Message
from persllm_bench.schema import STAGES, Stage, ViewRole

VIEW_ROLES: tuple[ViewRole, ...] = ("for", "against", "moderate", "deferring")
LETTER_TOKENS = 8
OPEN_TOKENS = 256


@dataclass(frozen=True)
class Sample:
    """One request.

    `choices` are what the letters stand for: option numbers, view roles, poles, scale points; `options` are their
    texts in the
    same order. A likelihood sample has a `baseline`, the same question without a persona, and shows no letters.
    """

    task: str
    item: str
    persona: str
    stage: Stage
    variant: str
    messages: tuple[Message, ...]
    choices: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    baseline: tuple[Message, ...] = ()
    max_tokens: int = LETTER_TOKENS
    rated: int | None = None
    """Of a request to rate a reply: how many sentences that reply has."""

    @property
    def continuations(self) -> tuple[str, ...]:
        """The texts whose likelihood is asked for; none in a sample that is answered in words."""
        return self.options if self.baseline else ()

    @property
    def id(self) -> str:
        return "|".join((self.persona, self.item, self.stage, self.variant))

    @property
    def prompt_sha256(self) -> str:
        """Hash of the exact messages, and for a likelihood sample of all that is scored."""
        parts = [f"{m.role}\0{m.content}" for m in (*self.messages, *self.baseline)]
        return hashlib.sha256("\1".join([*parts, *self.continuations]).encode()).hexdigest()


@dataclass(frozen=True)
class Question:
    """A multiple-choice question before it is put in an order: what letter and likelihood samples are made from."""

    item: str
    stage: Stage
    variant: str
    text: str
    options: dict[str, str]
    """Choice -> text."""
    orders: tuple[tuple[str, ...], tuple[str, ...]]
    ask: Callable[[str, list[str]], str]


def _knowledge(data: Data, persona: Persona) -> Iterator[Question]:
    asked = [(item, stage) for item in persona.items["knowledge"] for stage in item.answer]
    positions = prompts.deal([f"{item.id}|{stage}" for item, stage in asked])
    for item, stage in asked:
        name = f"{item.id}|{stage}"
        order = tuple(str(i) for i in prompts.arrange(name, item.answer[stage], positions[name]))
        options = {str(i): text for i, text in enumerate(item.options)}
        yield Question(item.id, stage, "", item.question, options, (order, order[::-1]), prompts.which_would_you_say)


def _attitude(data: Data, persona: Persona) -> Iterator[Question]:
    asked = [(item, stage) for item in persona.items["attitude"] for stage in item.answer]
    positions = prompts.deal([f"{item.id}|{stage}" for item, stage in asked])
    for item, stage in asked:
        name = f"{item.id}|{stage}"
        key = VIEW_ROLES.index(item.answer[stage])
        order = tuple(VIEW_ROLES[i] for i in prompts.arrange(name, key, positions[name]))
        topic = data.topics[item.topic]
        options: dict[str, str] = {role: topic.views[role] for role in VIEW_ROLES}
        yield Question(item.id, stage, "", topic.question, options, (order, order[::-1]), prompts.which_would_you_say)


_POLE_ORDERS = (("high0", "high1", "low0", "low1"), ("high0", "low0", "high1", "low1"))


def _traits(data: Data, persona: Persona) -> Iterator[Question]:
    for rank, scenario in enumerate(data.banks["traits/scenarios"]):
        options = {f"{pole}{i}": text for pole in ("high", "low") for i, text in enumerate(getattr(scenario, pole))}
        order = _POLE_ORDERS[rank % 2]
        for stage in STAGES:
            yield Question(
                scenario.id, stage, "", scenario.question, options, (order, order[::-1]), prompts.which_would_you_do
            )


def _inventory(data: Data, persona: Persona) -> Iterator[Question]:
    scale = {str(i): text for i, text in enumerate(prompts.SELF_REPORT, 1)}
    order = tuple(scale)
    for item in data.banks["traits/inventory"]:
        for stage in STAGES:
            yield Question(item.id, stage, "", item.text, scale, (order, order[::-1]), prompts.how_like_you)


def _premise(data: Data, persona: Persona) -> Iterator[Question]:
    for pair in persona.items["premise"]:
        options = {"along": pair.along, "correct": pair.correct}
        for truth in ("false", "true"):
            said = pair.frame.replace("{}", getattr(pair, truth))
            yield Question(pair.id, pair.stage, truth, said, options, _BOTH_REPLIES, prompts.which_would_you_reply)


def _identity(data: Data, persona: Persona) -> Iterator[Question]:
    for item in persona.items["identity"]:
        options = {"stay": item.stay, "out": item.out}
        if item.kind == "danger":
            said = {who: item.frame.replace("{}", getattr(item, who)) for who in ("story", "real")}
        else:
            said = {"bait": item.prompt}
        for variant, text in said.items():
            yield Question(item.id, item.stage, variant, text, options, _STAY_OR_OUT, prompts.which_would_you_reply)


_BOTH_REPLIES = (("along", "correct"), ("correct", "along"))
_STAY_OR_OUT = (("stay", "out"), ("out", "stay"))

QUESTIONS: dict[str, tuple[Callable[[Data, Persona], Iterator[Question]], ...]] = {
    "knowledge": (_knowledge,),
    "attitude": (_attitude,),
    "traits": (_traits, _inventory),
    "premise": (_premise,),
    "identity": (_identity,),
}


def letter_samples(task: str, data: Data, persona: Persona, condition: Condition) -> Iterator[Sample]:
    """Each question in two option orders."""
    for build in QUESTIONS[task]:
        for q in build(data, persona):
            for number, order in enumerate(q.orders):
                user = q.ask(q.text, [q.options[choice] for choice in order])
                variant = "/".join(filter(None, (q.variant, f"order{number}")))
                messages = _chat(data, persona, q.stage, condition, user)
                texts = tuple(q.options[choice] for choice in order)
                yield Sample(task, q.item, persona.slug, q.stage, variant, messages, order, texts)


def likelihood_samples(task: str, data: Data, persona: Persona, condition: Condition) -> Iterator[Sample]:
    """Each question once, the options as the person's own replies; self-report has no replies and is left out."""
    for q in QUESTIONS[task][0](data, persona):
        choices = tuple(q.options)
        yield Sample(
            task,
            q.item,
            persona.slug,
            q.stage,
            q.variant or "likelihood",
            _chat(data, persona, q.stage, condition, q.text),
            choices,
            tuple(_named(q.options[c], persona, condition) for c in choices),
            baseline=_chat(data, persona, q.stage, "none", q.text),
        )


def open_samples(task: str, data: Data, persona: Persona, condition: Condition) -> Iterator[Sample]:
    """Each question in two wordings, in each stage in which it is asked."""
    for item in persona.items["open"]:
        for stage in item.references:
            for number, question in enumerate(item.questions):
                messages = _chat(data, persona, stage, condition, question)
                yield Sample(task, item.id, persona.slug, stage, f"wording{number}", messages, max_tokens=OPEN_TOKENS)


def _chat(data: Data, persona: Persona, stage: Stage, condition: Condition, user: str) -> tuple[Message, ...]:
    system = prompts.system_message(data, persona, stage, condition)
    return system, Message("user", _named(user, persona, condition))


def _named(text: str, persona: Persona, condition: Condition) -> str:
    return prompts.swapped(text, persona) if condition == "swapped" else text


Kind = Literal["letter", "likelihood", "free", "judge", "live"]
