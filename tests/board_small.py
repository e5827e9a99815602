"""A board of four personas, from real bundles of invented answers: seconds instead of minutes, the same code."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from collections.abc import Callable
from pathlib import Path

from persllm_bench.faces.settings import Settings
from persllm_bench.items import Data
from persllm_bench.prompts import LETTERS, Condition
from persllm_bench.samples import Sample
from persllm_bench.schema import Role
from persllm_bench.scoring import Reply
from persllm_bench.scoring.record import LogLikelihoods
from persllm_bench.submissions import calibration, pack
from persllm_bench.submissions.record import Declared, Model, Serving, TrainingData
from persllm_bench.suite import CORE, task

CORE_TASKS = tuple(f"persllm_{base}" for base in CORE)
CONTROLS: tuple[Condition, ...] = ("profile", "none", "wrong")
CORRUPT = f"bad__corrupt/{'0' * 40}/first"


def small(data: Data) -> Data:
    """Two personas with a train split and two without; they talk to each other."""
    trained = [p for p in data.personas.values() if p.head.trained][:2]
    others = [p for p in data.personas.values() if not p.head.trained][:2]
    people = {p.slug: p for p in sorted([*trained, *others], key=lambda p: p.slug)}
    partner = {a.slug: b.slug for pair in (trained, others) for a, b in (pair, pair[::-1])}
    scenes = tuple(
        s.model_copy(update={"partner": Role(persona=partner[s.scored.persona], stage="early")})
        for s in data.banks["scenes/scenes"]
        if s.scored.persona in people
    )
    banks = {
        **data.banks,
        "scenes/scenes": scenes,
        "scenes/cocreation": (),
        "traits/scenarios": tuple(s for s in data.banks["traits/scenarios"] if s.id.endswith(("1", "2"))),
        "traits/inventory": data.banks["traits/inventory"][:6],
    }
    return dataclasses.replace(data, personas=people, banks=banks)


def says(data: Data, skill: float, seed: str, words: str) -> Callable[[Sample], str]:
    """The oracle's answer with probability `skill`, else a coin; `words` where nothing is to choose, and at times."""
    right = calibration.entries(data)["oracle"][0]

    def say(s: Sample) -> str:
        draw = random.Random(f"{seed}|{s.task}|{s.id}")
        if not s.choices or draw.random() < 0.02:
            return words
        choice = right(s) if draw.random() < skill else draw.choice(s.choices)
        return LETTERS[s.choices.index(choice if choice in s.choices else draw.choice(s.choices))]

    return say


def twins(data: Data, name: str, condition: Condition, skill: float) -> list[Reply]:
    """Likelihoods that prefer what the oracle would choose with probability `skill`."""
    right = calibration.entries(data)["oracle"][0]
    found = []
    for s in task(name).samples(data, condition):
        draw = random.Random(s.id)
        choice = right(s) if draw.random() < skill else draw.choice(s.choices)
        given = [-20.0 + (10 if c == choice else 0) - draw.random() for c in s.choices]
        likely = LogLikelihoods(given=given, baseline=[-20.0] * len(given))
        found.append(Reply.to(s, condition, loglikelihoods=likely))
    return found


def bundle(
    data: Data,
    repo: str,
    skill: float,
    asked: dict[Condition, tuple[str, ...]],
    *,
    words: str = "I keep to what I said.",
    seed: str = "",
    **facts: str,
) -> tuple[str, dict[str, bytes]]:
    """(where it lies, its files)."""
    model = Model(
        repo=repo,
        revision=hashlib.sha1(repo.encode()).hexdigest(),
        parameters=7_000_000_000,
        dtype="bfloat16",
        licence=facts.get("licence", "apache-2.0"),
        open_weights=True,
    )
    meta = Declared(
        model=model,
        serving=Serving(backend="vllm"),
        hardware=facts.get("hardware", "one card"),
        command="persllm-bench run",
        attempts=1,
        training_data=TrainingData(description="none: invented answers", train_split=False, test_items="no"),
        contact=facts.get("contact", "somebody"),
    )
    rows = {}
    for condition, tasks in asked.items():
        level = skill if condition in ("profile", "name") else 0.1
        for name in tasks:
            say = says(data, level, seed or repo, words)
            rows[condition, name] = (
                twins(data, name, condition, level)
                if task(name).kind == "likelihood"
                else list(calibration.answers(data, name, condition, say))
            )
    settings = {condition: Settings(condition) for condition in asked}
    return pack.assemble(
        rows, settings, meta, data, run="first", model=model.model_dump(), harness=("lm-eval", {"lm-eval": "0.4.13"})
    )


def write(data: Data, submissions: Path) -> None:
    """Three full submissions, two with equal replies; one of the trained track, hostile; an oracle; a wreck."""
    full = dict.fromkeys(CONTROLS, CORE_TASKS)
    trained: dict[Condition, tuple[str, ...]] = {
        "profile": ("persllm-ll_premise", "persllm_knowledge", "persllm_open"),
        "name": ("persllm-ll_identity", *CORE_TASKS),
    }
    made = [
        bundle(data, "lab/steady", 0.8, full),
        bundle(data, "lab/weak", 0.2, full),
        bundle(data, "other/weak-again", 0.2, full, seed="lab/weak"),
        bundle(data, "other/trained", 0.6, trained, words=HOSTILE, licence=FORMULA, hardware=SCRIPT, contact=MARKDOWN),
    ]
    made += [(where, make()) for where, make in calibration.bundles(data).items() if "__oracle/" in where]
    for where, files in made:
        pack.write(files, submissions / where)
    broken = submissions / CORRUPT
    broken.mkdir(parents=True)
    (broken / "submission.json").write_text('{"score": 100}')


FORMULA = '=HYPERLINK("http://evil.example","click")'
SCRIPT = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
MARKDOWN = "**bold** [link](javascript:alert(1)) `code`"
HOSTILE = f"{SCRIPT} {FORMULA} safe\u202etxt.exe\u202c \u200b end\x07"
