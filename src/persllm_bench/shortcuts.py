"""What shortcuts earn on the data: measured on every release, published beside every score, and a gate on the items."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import beta

from persllm_bench import policies
from persllm_bench.items import Data
from persllm_bench.reader import Fault
from persllm_bench.samples import Sample
from persllm_bench.scoring.keys import chance, item_of, right_choices
from persllm_bench.suite import KINDS, Task, task

WORD_OVERLAP_LIMIT = 0.45
"""Word overlap with the dossier may earn so much on four options: who answers from a dossier uses its words."""


@dataclass(frozen=True)
class Shortcut:
    """Accuracy of one policy on one task, over all personas and per origin; orders of one question count once in
    `n`."""

    task: str
    policy: str
    chance: float
    accuracy: float
    n: int
    by_origin: dict[str, float]

    @property
    def scaled(self) -> float:
        """On the score's scale: 0 chance, 100 perfect."""
        return 100 * (self.accuracy - self.chance) / (1 - self.chance)

    def lower_bound(self, alpha: float) -> float:
        """Exact one-sided lower bound (Clopper and Pearson 1934) of the accuracy at level 1 - alpha."""
        hits = self.accuracy * self.n
        return float(beta.ppf(alpha, hits, self.n - hits + 1)) if hits > 0 else 0.0


def letter_tasks() -> list[Task]:
    return [task(f"persllm_{base}") for base, kind in KINDS.items() if kind == "letter"]


def measure(data: Data) -> list[Shortcut]:
    """Every shortcut on every letter task."""
    return [found for spec in letter_tasks() for found in _measure_task(data, spec)]


def _measure_task(data: Data, spec: Task) -> Iterator[Shortcut]:
    samples = [s for s in spec.samples(data, "profile") if not s.item.startswith("inventory/")]
    if spec.base == "traits":
        n = len({(s.persona, s.stage, item_of(data, s).trait) for s in samples})
    else:
        n = sum("order1" not in s.variant for s in samples)
    for name, policy in _policies(data, spec, samples).items():
        origins: dict[str, float] = {
            o: _accuracy(data, [s for s in samples if data.personas[s.persona].head.origin == o], policy)
            for o in sorted({p.head.origin for p in data.personas.values()})
        }
        yield Shortcut(spec.name, name, chance(data, samples[0]), _accuracy(data, samples, policy), n, origins)


def _policies(data: Data, spec: Task, samples: list[Sample]) -> dict[str, policies.Policy]:
    """Answer-only classifiers hold out whole personas in knowledge, else whole topics, scenarios or frame pairs."""
    fold: Callable[[Sample], str] = (
        (lambda s: s.persona) if spec.base == "knowledge" else (lambda s: s.item.split("/")[-1])
    )
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


def _accuracy(data: Data, samples: list[Sample], policy: policies.Policy) -> float:
    """Share of samples right; in premise and identity the mean over the two kinds of truth (balanced accuracy)."""
    right: dict[frozenset[str], list[bool]] = defaultdict(list)
    for s in samples:
        wanted = right_choices(data, s)
        right[wanted if s.task in ("premise", "identity") else frozenset()].append(policy(s) in wanted)
    return float(np.mean([np.mean(flags) for flags in right.values()]))


def faults(measured: list[Shortcut]) -> Iterator[Fault]:
    """Shortcuts that are surely above chance: one-sided 95 % over all policies of a task (Bonferroni)."""
    policies_of = Counter(s.task for s in measured)
    for s in measured:
        limit = WORD_OVERLAP_LIMIT if s.policy == "word overlap" and s.chance == 0.25 else s.chance
        low = s.lower_bound(0.05 / policies_of[s.task])
        if low > limit:
            yield Fault(
                s.task, None, f"shortcut {s.policy}", f"{s.accuracy:.3f}, surely above {low:.3f}", f"chance, {limit}"
            )


def as_markdown(data: Data, measured: list[Shortcut]) -> str:
    """`BASELINES.md`."""
    origins = list(measured[0].by_origin)
    lines = [
        "# What shortcuts earn",
        "",
        f"Written by `persllm-bench check --write`; data {data.sha256[:16]}, {len(data.personas)} personas.",
        "Accuracy of policies that know nothing of the person (word overlap: nothing but the words of the dossier);",
        "balanced accuracy in premise and identity.",
        "",
        "| task | policy | chance | accuracy | scaled (0 chance, 100 perfect) | " + " | ".join(origins) + " |",
        "|---|---|---|---|---|" + "---|" * len(origins),
    ]
    for s in measured:
        by = " | ".join(f"{s.by_origin[o]:.3f}" for o in origins)
        lines.append(f"| {s.task} | {s.policy} | {s.chance:.2f} | {s.accuracy:.3f} | {s.scaled:.1f} | {by} |")
    return "\n".join(lines) + "\n"


def as_json(data: Data, measured: list[Shortcut]) -> str:
    """`baselines.json`: the best shortcut per task, which tables show beside scores."""
    best: dict[str, Shortcut] = {}
    for s in measured:
        if s.task not in best or s.accuracy > best[s.task].accuracy:
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
