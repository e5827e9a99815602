"""The tasks of the suite: their names, families, kinds and slices; the one list that both faces and the command
read."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from persllm_bench.cocreation import work_talks
from persllm_bench.conversation import Conversation, pressure_talks
from persllm_bench.dialogue import scene_talks
from persllm_bench.items import Data, Persona
from persllm_bench.judging.questions import judge_samples
from persllm_bench.prompts import CONDITIONS, Condition
from persllm_bench.samples import Kind, Sample, letter_samples, likelihood_samples, open_samples

FAMILIES = {
    "alignment": ("knowledge", "attitude", "traits", "open"),
    "induction": ("premise", "identity", "pressure"),
    "dialogue": ("dialogue",),
    "fidelity": ("judge",),
}
KINDS: dict[str, Kind] = {
    "knowledge": "letter",
    "attitude": "letter",
    "traits": "letter",
    "open": "free",
    "premise": "letter",
    "identity": "letter",
    "pressure": "live",
    "dialogue": "live",
    "judge": "judge",
}
CORE = ("knowledge", "attitude", "traits", "premise", "identity", "pressure", "dialogue")
QUICK_CAP = {
    "knowledge": 36,
    "attitude": 36,
    "traits": 48,
    "premise": 32,
    "identity": 32,
    "open": 4,
    "pressure": 4,
    "dialogue": 3,
    "judge": 23,
}
"""At most so many samples, or live conversations, in a quick slice."""


@dataclass(frozen=True)
class Task:
    """A task by its public name: `persllm_x` (default), `persllm-quick_x` (fixed slice), `persllm-ll_x`
    (likelihood)."""

    name: str
    base: str
    kind: Kind
    quick: bool

    @property
    def family(self) -> str:
        return next(family for family, bases in FAMILIES.items() if self.base in bases)

    def samples(self, data: Data, condition: Condition, personas: Iterable[str] = ()) -> list[Sample]:
        """Every sample in a fixed order; a live task has none before it is run.

        Raises:
            ValueError: unknown condition or persona (the message lists those that exist), or a live task.
        """
        if self.kind == "live":
            raise ValueError(f"{self.name} is live: its samples follow from the replies; see conversations()")
        build = _BUILD[self.kind]
        chosen = choose(data, condition, personas)
        found = [s for persona in chosen for s in build(self.base, data, persona, condition)]
        return _slice(found, QUICK_CAP[self.base], whole_personas=self.base == "identity") if self.quick else found

    def conversations(self, data: Data, condition: Condition, personas: Iterable[str] = ()) -> list[Conversation]:
        """Every conversation of a live task in a fixed order; none for other tasks. Raises like `samples`."""
        if self.kind != "live":
            return []
        chosen = choose(data, condition, personas)
        found: list[Conversation] = []
        if self.base == "pressure":
            found += [talk for persona in chosen for talk in pressure_talks(data, persona, condition)]
        else:
            slugs = {p.slug for p in chosen}
            found += scene_talks(data, slugs, condition)
            found += [] if self.quick else work_talks(data, slugs, condition)
        return _slice(found, QUICK_CAP[self.base]) if self.quick else found


def choose(data: Data, condition: Condition, personas: Iterable[str] = ()) -> list[Persona]:
    """The personas of a run: those named, else all; in the `name` condition only those with a train split.

    Raises:
        ValueError: unknown condition or persona, or an untrained persona in the `name` condition.
    """
    if condition not in CONDITIONS:
        raise ValueError(f"unknown condition {condition!r}; there are {', '.join(CONDITIONS)}")
    eligible = {slug: p for slug, p in data.personas.items() if p.head.trained or condition != "name"}
    wanted = list(personas) or list(eligible)
    if unknown := [slug for slug in wanted if slug not in eligible]:
        raise ValueError(
            f"no persona {', '.join(unknown)} in the condition {condition!r}; there are {', '.join(eligible)}"
        )
    return [eligible[slug] for slug in sorted(set(wanted))]


_BUILD = {"letter": letter_samples, "likelihood": likelihood_samples, "free": open_samples, "judge": judge_samples}
Asked = TypeVar("Asked", Sample, Conversation)


def _slice(samples: list[Asked], cap: int, *, whole_personas: bool = False) -> list[Asked]:
    """Whole items, dealt round robin over personas in hash order, up to `cap` samples; the order of `samples` is kept.

    Identity is scored from kinds of items together, so that it is dealt by whole personas.
    """
    groups: dict[str, dict[str, list[Asked]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        groups[sample.persona]["" if whole_personas else sample.item].append(sample)
    hands = [sorted(items.values(), key=lambda g: _hash(g[0].persona + g[0].item)) for items in groups.values()]
    kept: set[str] = set()
    for rank in range(max(map(len, hands), default=0)):
        for hand in hands:
            if rank < len(hand) and len(kept) + len(hand[rank]) <= cap:
                kept.update(s.id for s in hand[rank])
    return [s for s in samples if s.id in kept]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _all_tasks() -> dict[str, Task]:
    tasks = [Task(f"persllm_{base}", base, kind, False) for base, kind in KINDS.items()]
    tasks += [Task(f"persllm-quick_{base}", base, kind, True) for base, kind in KINDS.items()]
    tasks += [Task(f"persllm-ll_{base}", base, "likelihood", False) for base, kind in KINDS.items() if kind == "letter"]
    return {task.name: task for task in tasks}


TASKS = _all_tasks()
GROUPS = {
    "persllm-core": tuple(f"persllm_{base}" for base in CORE),
    **{
        f"persllm-{family}": tuple(f"persllm_{base}" for base in bases)
        for family, bases in FAMILIES.items()
        if len(bases) > 1
    },
}


def task(name: str) -> Task:
    """The task of that name.

    Raises:
        ValueError: no such task; the message lists all.
    """
    if name not in TASKS:
        raise ValueError(f"unknown task {name!r}; there are {', '.join(TASKS)}")
    return TASKS[name]
