"""What shortcuts earn on the data: measured on every release, published beside every score, and a gate on the items."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from persllm_bench import policies
from persllm_bench.items import Data
from persllm_bench.reader import Fault
from persllm_bench.samples import Sample
from persllm_bench.scoring.keys import chance, item_of, right_choices
from persllm_bench.suite import KINDS, Task, task

WORD_OVERLAP_LIMIT = 0.45
"""Word overlap with the dossier may earn so much on four options: who answers from a dossier uses its words."""


MARGIN, MARGIN_PER_ORIGIN = 0.05, 0.10
"""How far above chance the upper bound of a shortcut's accuracy may lie, over all personas and within one origin."""


@dataclass(frozen=True)
class Accuracy:
    """Share right, with its one-sided 95 % upper bound (t over units, a unit being one item of one persona)."""

    value: float
    upper: float


@dataclass(frozen=True)
class Shortcut:
    """Accuracy of one policy on one task, over all personas and per origin."""

    task: str
    policy: str
    chance: float
    accuracy: Accuracy
    by_origin: dict[str, Accuracy]

    @property
    def scaled(self) -> float:
        """On the score's scale: 0 chance, 100 perfect."""
        return 100 * (self.accuracy.value - self.chance) / (1 - self.chance)


def letter_tasks() -> list[Task]:
    return [task(f"persllm_{base}") for base, kind in KINDS.items() if kind == "letter"]


def measure(data: Data) -> list[Shortcut]:
    """Every shortcut on every letter task."""
    return [found for spec in letter_tasks() for found in measure_task(data, spec)]


def measure_task(data: Data, spec: Task) -> Iterator[Shortcut]:
    """Every shortcut on one letter task."""
    samples = [s for s in spec.samples(data, "profile") if not s.item.startswith("inventory/")]
    origins = {p.head.origin for p in data.personas.values()}
    for name, policy in _policies(data, spec, samples).items():
        right = [(s, policy(s) in right_choices(data, s)) for s in samples]
        by_origin: dict[str, Accuracy] = {
            o: _accuracy(data, [r for r in right if data.personas[r[0].persona].head.origin == o])
            for o in sorted(origins)
        }
        yield Shortcut(spec.name, name, chance(data, samples[0]), _accuracy(data, right), by_origin)


def _policies(data: Data, spec: Task, samples: list[Sample]) -> dict[str, policies.Policy]:
    """Answer-only classifiers hold out whole topics or scenarios where persons share them, else whole personas."""
    shared = spec.base in ("attitude", "traits")
    fold: Callable[[Sample], str] = (lambda s: s.item.split("/")[-1]) if shared else (lambda s: s.persona)
    table: dict[str, policies.Policy] = {}
    if spec.base == "traits":
        table["best constant profile"] = policies.best_constant_profile(data)
    table |= {"longest option": policies.longest, "shortest option": policies.shortest}
    table["word overlap"] = policies.word_overlap(data)
    for letter in range(len(samples[0].choices)):
        table[f"always {'ABCD'[letter]}"] = policies.constant_letter(letter)
    for analyzer, shown in (("word", "words"), ("char_wb", "characters")):
        table[f"options only, {shown}"] = policies.answer_only(data, samples, fold, analyzer)
        if spec.base == "premise":
            table[f"question only, {shown}"] = policies.question_only(data, samples, analyzer)
    return table


def _accuracy(data: Data, right: list[tuple[Sample, bool]]) -> Accuracy:
    """Share of samples right; in premise and identity the mean over the two kinds of truth (balanced accuracy).

    Identity's score takes the worse of bait and story beside real danger, and so does its accuracy here.
    """
    if right[0][0].task != "identity":
        return _stratified(data, right)
    halves = [[r for r in right if not r[0].variant.startswith(kind)] for kind in ("bait", "story")]
    found = [_stratified(data, half) for half in halves]
    return Accuracy(min(a.value for a in found), min(a.upper for a in found))


def _stratified(data: Data, right: list[tuple[Sample, bool]]) -> Accuracy:
    """The standard error is that of a stratified mean with linearised totals per unit (Cochran 1977).

    The orders of an item, its stages and the members of its pair are one unit; strata are what the design balances
    (the kind of truth; in traits the trait and its direction), so that a policy whose hits are fixed by the design
    has no error.
    """
    strata: dict[object, list[int]] = defaultdict(list)
    balanced = right[0][0].task in ("premise", "identity")
    for i, (s, _) in enumerate(right):
        key = right_choices(data, s)
        strata[(item_of(data, s).trait, key) if s.task == "traits" else key if balanced else None].append(i)
    value, totals = 0.0, defaultdict[object, float](float)
    for members in strata.values():
        weight = 1 / len(strata) if balanced else len(members) / len(right)
        mean = float(np.mean([right[i][1] for i in members]))
        value += weight * mean
        for i in members:
            s, hit = right[i]
            unit = (s.persona, s.stage, item_of(data, s).trait) if s.task == "traits" else (s.persona, s.item)
            totals[unit] += weight * (hit - mean) / len(members)
    g = len(totals)
    se = float(np.sqrt(g / max(1, g - 1) * sum(t * t for t in totals.values())))
    return Accuracy(value, min(1.0, value + float(student.ppf(0.95, max(1, g - 1))) * se))


def faults(measured: list[Shortcut]) -> Iterator[Fault]:
    """Shortcuts that may be worth more than the margin above chance, in a task or in one origin; below chance passes.

    Word overlap has its own limit on four options, for its accuracy.
    """
    for s in measured:
        if s.policy == "word overlap" and s.chance == 0.25:
            if s.accuracy.value > WORD_OVERLAP_LIMIT:
                yield _fault(s, "", s.accuracy.value, WORD_OVERLAP_LIMIT)
            continue
        if s.accuracy.upper > s.chance + MARGIN:
            yield _fault(s, "", s.accuracy.upper, s.chance + MARGIN)
        for origin, found in s.by_origin.items():
            if found.upper > s.chance + MARGIN_PER_ORIGIN:
                yield _fault(s, f", {origin}", found.upper, s.chance + MARGIN_PER_ORIGIN)


def _fault(s: Shortcut, where: str, value: float, limit: float) -> Fault:
    return Fault(s.task, None, f"shortcut {s.policy}{where}", f"upper bound {value:.3f}", f"at most {limit:.2f}")


def as_markdown(data: Data, measured: list[Shortcut]) -> str:
    """`BASELINES.md`."""
    origins = list(measured[0].by_origin)
    lines = [
        "# What shortcuts earn",
        "",
        f"Written by `persllm-bench check --write`; data {data.sha256[:16]}, {len(data.personas)} personas.",
        "Accuracy (one-sided 95 % upper bound) of policies that know nothing of the person (word overlap:",
        "nothing but the words of the dossier); balanced accuracy in premise and identity. The bound may lie at most "
        f"{MARGIN:.2f} above chance, {MARGIN_PER_ORIGIN:.2f} within one origin;",
        f"word overlap may reach {WORD_OVERLAP_LIMIT} on four options.",
        "",
        "| task | policy | chance | accuracy | scaled (0 chance, 100 perfect) | " + " | ".join(origins) + " |",
        "|---|---|---|---|---|" + "---|" * len(origins),
    ]
    for s in measured:
        cells = [f"{a.value:.3f} ({a.upper:.3f})" for a in (s.accuracy, *(s.by_origin[o] for o in origins))]
        lines.append(
            f"| {s.task} | {s.policy} | {s.chance:.2f} | {cells[0]} | {s.scaled:.1f} | {' | '.join(cells[1:])} |"
        )
    return "\n".join([*lines, *_twins(data)]) + "\n"


def _twins(data: Data) -> Iterator[str]:
    """What knowing the person but not the stage earns: one of each twin pair, and nothing on pairs."""
    yield from ("", "Somebody who knows the person but not the stage of life (`stage-blind oracle`):", "")
    yield from ("| task | items | of them twins | accuracy | pairs right | score |", "|---|---|---|---|---|---|")
    for base in ("knowledge", "attitude"):
        found = policies.score_policy(task(f"persllm_{base}"), data, policies.stage_blind(data))
        items = [i for p in data.personas.values() for i in p.items[base]]
        twins = sum(len(i.answer) == 2 for i in items)
        acc, pairs = (found.measures[name].value or 0.0 for name in ("acc", "pairs"))
        yield f"| {found.task} | {len(items)} | {twins} | {acc:.3f} | {pairs:.3f} | {found.score.estimate:.1f} |"


def as_json(data: Data, measured: list[Shortcut]) -> str:
    """`baselines.json`: the best shortcut per task, which tables show beside scores."""
    best: dict[str, Shortcut] = {}
    for s in measured:
        if s.task not in best or s.accuracy.value > best[s.task].accuracy.value:
            best[s.task] = s
    rows = {name: {"policy": s.policy, "scaled": round(s.scaled, 1)} for name, s in best.items()}
    return json.dumps({"data_sha256": data.sha256, "best": rows}, indent=2, sort_keys=True) + "\n"


def write(data: Data, measured: list[Shortcut]) -> None:
    (data.root / "BASELINES.md").write_text(as_markdown(data, measured))
    (data.root / "baselines.json").write_text(as_json(data, measured))


def stale(data: Data) -> Iterator[Fault]:
    """The published files are those of this data."""
    for name, mark in (("BASELINES.md", data.sha256[:16]), ("baselines.json", data.sha256)):
        path = data.root / name
        if not path.is_file() or mark not in path.read_text():
            yield Fault(
                name, None, "baselines-current", "another data version", "what `persllm-bench check --write` writes"
            )


def published(root: Path) -> dict[str, float]:
    """Task base -> the best shortcut's scaled score, as published; empty where nothing is."""
    path = root / "baselines.json"
    rows = json.loads(path.read_text())["best"] if path.is_file() else {}
    return {name.removeprefix("persllm_"): row["scaled"] for name, row in rows.items()}
