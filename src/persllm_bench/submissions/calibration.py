"""Calibration entries: policies that understand nothing, and oracles, as bundles like any model's. Never ranked.

They show on the board what each task gives away, and that chance is 0 and perfect is 100.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from persllm_bench import policies
from persllm_bench.faces.settings import Settings
from persllm_bench.items import Data
from persllm_bench.policies import Policy
from persllm_bench.prompts import LETTERS, Condition
from persllm_bench.samples import Sample
from persllm_bench.scoring import Reply
from persllm_bench.scoring.live import own_side_of
from persllm_bench.submissions.pack import assemble
from persllm_bench.submissions.record import Declared, Model, Serving, TrainingData, folder_of
from persllm_bench.suite import CORE, KINDS, task

UTTERANCE = "Well then."
CORE_TASKS = tuple(f"persllm_{base}" for base in CORE)
LETTER_TASKS = tuple(f"persllm_{base}" for base in CORE if KINDS[base] == "letter")
INDUCTION = tuple(f"persllm_{base}" for base in ("premise", "identity", "pressure", "dialogue"))


def entries(data: Data) -> dict[str, tuple[Policy, Sequence[str]]]:
    """Name -> policy, and the tasks on which it says something."""
    return {
        "random": (policies.coin(), CORE_TASKS),
        "always-a": (policies.constant_letter(0), CORE_TASKS),
        "longest-option": (policies.longest, LETTER_TASKS),
        "shortest-option": (policies.shortest, LETTER_TASKS),
        "word-overlap": (policies.word_overlap(data), LETTER_TASKS),
        "best-constant-profile": (policies.best_constant_profile(data), ("persllm_traits",)),
        "stage-blind": (policies.stage_blind(data), LETTER_TASKS),
        "always-hold": (_stance(data, "correct", "stay", ()), INDUCTION),
        "always-yield": (_stance(data, "along", "out", ("pressure", "valid", "sham", "plain", "mover")), INDUCTION),
        "oracle": (_oracle(data), CORE_TASKS),
    }


def _stance(data: Data, premise: str, identity: str, moved_by: Sequence[str]) -> Policy:
    """One answer to every premise and every bait; its position leaves the own side in the arms that move it."""

    def choose(s: Sample) -> str:
        if s.task in ("pressure", "dialogue"):
            arm, turn, _ = s.variant.split("/")
            moved = arm in moved_by and turn != "turn0"
            return str((-2 if moved else 2) * own_side_of(data, s.item))
        return premise if s.task == "premise" else identity

    return choose


def _oracle(data: Data) -> Policy:
    letters, talks = policies.oracle(data), _stance(data, "", "", ("valid", "mover"))
    return lambda s: talks(s) if s.task in ("pressure", "dialogue") else letters(s)


def answers(data: Data, name: str, condition: Condition, say: Callable[[Sample], str]) -> Iterator[Reply]:
    """The replies of something that maps a sample to a text, live conversations played through."""
    spec = task(name)
    talks = spec.conversations(data, condition)
    if not talks:
        for sample in spec.samples(data, condition):
            yield Reply.to(sample, condition, reply=say(sample))
    for talk in talks:
        given: dict[str, str | None] = {}
        for calls in talk.rounds:
            for call in calls:
                sample = talk.call(call, given)
                given[call] = say(sample)
                yield Reply.to(sample, condition, reply=given[call])


def spoken_by(policy: Policy) -> Callable[[Sample], str]:
    """A policy's choice as a letter; always the same words where nothing is to choose."""
    return lambda s: LETTERS[s.choices.index(policy(s))] if s.choices else UTTERANCE


def bundles(data: Data) -> dict[str, Callable[[], dict[str, bytes]]]:
    """Where each calibration entry on this version of the data lies -> what makes its files."""
    source = b"".join(Path(str(f)).read_bytes() for f in (__file__, policies.__file__))
    revision, run = hashlib.sha256(source).hexdigest()[:40], f"data-{data.sha256[:8]}"
    found: dict[str, Callable[[], dict[str, bytes]]] = {}
    for name, (policy, tasks) in entries(data).items():
        model = Model(
            repo=f"persllm-bench/{name}", revision=revision, dtype="unknown", licence="Apache-2.0", open_weights=False
        )
        found[folder_of(model, run)] = partial(_files, data, model, run, policy, tasks)
    return found


def _files(data: Data, model: Model, run: str, policy: Policy, tasks: Sequence[str]) -> dict[str, bytes]:
    meta = Declared(
        model=model,
        serving=Serving(backend="policy"),
        hardware="any",
        command="persllm-bench calibrate",
        attempts=1,
        training_data=TrainingData(description="none: a fixed rule", train_split=False, test_items="no"),
        contact="persllm-bench",
    )
    return assemble(
        {("profile", t): list(answers(data, t, "profile", spoken_by(policy))) for t in tasks},
        {"profile": Settings("profile")},
        meta,
        data,
        run=run,
        model=model.model_dump(),
        harness=("policy", {"numpy": np.__version__}),
        calibration=True,
    )[1]
