"""What `persllm_judge` asks: ratings of the gold set and of attacks, choices between two replies, and whose words these
are.

Variants: `rate/clean`, `rate/<kind of error>`, `rate/padded`; `attack/<attack>`; `pair/<kind>/order0` and `order1`,
`pair/padded/...`; `speaker/order0` and `order1`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from persllm_bench import prompts
from persllm_bench.items import Data, Persona
from persllm_bench.judging.attacks import ATTACKS, Attack, attacked, padded
from persllm_bench.judging.rubric import rating_sample, role_message
from persllm_bench.prompts import Condition, Message
from persllm_bench.samples import Sample
from persllm_bench.schema import GoldItem, GoldVersion

WHO = "You are told what somebody said, and who might have said it. Names are left out of what was said."
CANDIDATES = 4


def judge_samples(task: str, data: Data, persona: Persona, condition: Condition) -> Iterator[Sample]:
    """Every request about one person, those that share a role next to each other."""
    places = prompts.deal([item.id for item in persona.items["gold"]])
    for number, item in enumerate(persona.items["gold"]):
        role = role_message(data, persona, item.stage, condition)
        names = {"task": task, "item": item.id, "persona": persona.slug, "stage": item.stage}
        question = _named(item.question, persona, condition)
        for variant, reply in replies(item, number, persona).items():
            said = _named(reply, persona, condition)
            yield rating_sample(role, question, said, **names, variant=variant)
        clean, *others = pairs(item)
        for other, reply in others:
            texts = {"clean": _named(clean[1], persona, condition), other: _named(reply, persona, condition)}
            for order, choices in enumerate((("clean", other), (other, "clean"))):
                yield pair_sample(role, question, texts, choices, names, f"pair/{other}/order{order}")
        yield from _speaker(data, persona, item, condition, places[item.id], names)


def clean_of(item: GoldItem) -> GoldVersion:
    return next(v for v in item.versions if v.error is None)


def base_of(item: GoldItem) -> GoldVersion:
    """The erroneous reply that attacks on this item start from: a major error where there is one, picked by hash."""
    wrong = [v for v in item.versions if v.severity == "major"] or [v for v in item.versions if v.error]
    return min(wrong, key=lambda v: _hash(f"{item.id}|{v.error}"))


def attacks_on(number: int) -> tuple[Attack, ...]:
    """The attacks that a person's gold item of that number carries: over four items each comes up once."""
    return ATTACKS[number % 4 :: 4]


def replies(item: GoldItem, number: int, persona: Persona) -> dict[str, str]:
    """Variant -> the reply that is rated."""
    found = {f"rate/{v.error or 'clean'}": v.reply for v in item.versions}
    found["rate/padded"] = padded(clean_of(item).reply)
    statements = list(persona.dossiers[item.stage].values())
    return found | {f"attack/{a}": attacked(a, base_of(item).reply, statements) for a in attacks_on(number)}


def pairs(item: GoldItem) -> list[tuple[str, str]]:
    """(name, reply): the faithful reply, then all that it is put beside."""
    clean = clean_of(item)
    wrong = [(str(v.error), v.reply) for v in item.versions if v.error]
    return [("clean", clean.reply), *wrong, ("padded", padded(clean.reply))]


def pair_sample(
    role: Message, question: str, texts: dict[str, str], choices: tuple[str, str], names: dict[str, str], variant: str
) -> Sample:
    options = tuple(" ".join(texts[c].split()) for c in choices)
    asked = (
        f'Somebody says to the person: "{question}"\n\nWhich of these two replies keeps more faithfully to the role?'
    )
    messages = (role, Message("user", prompts.letter_question(asked, list(options))))
    return Sample(**names, variant=variant, messages=messages, choices=choices, options=options)  # type: ignore[arg-type]


def _speaker(
    data: Data, persona: Persona, item: GoldItem, condition: Condition, place: int, names: dict[str, str]
) -> Iterator[Sample]:
    """Whose words the faithful reply is, among persons of the same origin where there are enough."""
    others = sorted(
        (p for p in data.personas.values() if p.slug != persona.slug),
        key=lambda p: (p.head.origin != persona.head.origin, _hash(f"{item.id}|{p.slug}")),
    )[: CANDIDATES - 1]
    order = [*others[:place], persona, *others[place:]]
    words = prompts.mask_names(" ".join(clean_of(item).reply.split()), persona)
    for number, people in enumerate((order, order[::-1])):
        options = tuple(described(data, p, item.stage, condition) for p in people)
        asked = (
            f'Somebody asked: "{prompts.mask_names(item.question, persona)}"\n\nThe answer: "{words}"\n\nWho said it?'
        )
        messages = (Message("system", WHO), Message("user", prompts.letter_question(asked, list(options))))
        choices = tuple(p.slug for p in people)
        yield Sample(**names, variant=f"speaker/order{number}", messages=messages, choices=choices, options=options)  # type: ignore[arg-type]


def described(data: Data, persona: Persona, stage: str, condition: Condition) -> str:
    """A candidate: the name, and what the condition tells of the person besides."""
    head = (prompts.stranger(data, persona) if condition == "wrong" else persona).head
    if condition in ("none", "name"):
        return head.name if condition == "none" else f"{head.name}. {head.stages[stage].label}"  # type: ignore[index]
    return _named(f"{head.name}. {head.summary} Voice: {' '.join(head.voice.split())}", persona, condition)


def _named(text: str, persona: Persona, condition: Condition) -> str:
    return prompts.swapped(text, persona) if condition == "swapped" else text


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
