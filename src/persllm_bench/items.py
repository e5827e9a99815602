"""Personas, banks and where they are found; `reader` loads them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from persllm_bench import schema
from persllm_bench.schema import Identified, PersonaHead, Record, Stage


@dataclass(frozen=True)
class Persona:
    """A whole pack. `dossiers[stage]` maps statement ids to texts, in the order of the file."""

    slug: str
    head: PersonaHead
    dossiers: dict[Stage, dict[str, str]]
    speech: tuple[schema.Speech, ...]
    items: dict[str, tuple[Any, ...]]
    train: tuple[schema.TrainConversation, ...]

    @property
    def name(self) -> str:
        return self.head.name

    def records(self) -> Iterator[Identified]:
        """Everything of the pack that has an id."""
        yield from self.speech
        yield from self.train
        for items in self.items.values():
            yield from items


@dataclass(frozen=True)
class Data:
    """Everything under `tasks/`: personas by slug, banks by file, and where it was found."""

    root: Path
    personas: dict[str, Persona]
    banks: dict[str, tuple[Any, ...]]

    @cached_property
    def topics(self) -> dict[str, schema.Topic]:
        return {t.id: t for t in self.banks["topics/topics"]}

    @cached_property
    def _by_id(self) -> dict[str, Any]:
        items = [i for p in self.personas.values() for found in p.items.values() for i in found]
        banks = ("traits/scenarios", "traits/inventory", "scenes/scenes", "scenes/cocreation")
        return {i.id: i for i in (*items, *(i for name in banks for i in self.banks[name]))}

    def item(self, name: str) -> Any:
        """The item or trait-bank entry with that id; KeyError if there is none."""
        return self._by_id[name]

    @cached_property
    def sha256(self) -> str:
        """Hash over the names and contents of every data file that prompts or keys depend on."""
        digest = hashlib.sha256()
        for path in sorted(data_files(self.root)):
            digest.update(path.relative_to(self.root).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()


def tasks_dir() -> Path:
    """The folder of task declarations and data: inside an installed wheel, or at the root of a checkout."""
    here = Path(__file__).resolve().parent
    for candidate in (here / "tasks", here.parents[1] / "tasks"):
        if (candidate / "personas").is_dir():
            return candidate
    raise FileNotFoundError(f"no tasks/ folder beside {here} nor at the root of its checkout: reinstall persllm-bench")


def data_files(root: Path) -> Iterator[Path]:
    """Every file that is data: packs and banks, not task declarations or cards."""
    for folder, patterns in (
        ("personas", ("*.yaml", "*.md", "*.jsonl")),
        ("topics", ("*.jsonl",)),
        ("scenes", ("*.jsonl",)),
        ("traits", ("*.jsonl",)),
    ):
        for pattern in patterns:
            yield from (root / folder).rglob(pattern)


def evidence_of(item: Record) -> Iterator[tuple[Stage, list[str]]]:
    """(stage, cited statements) of any item; nothing for records that rest on no dossier."""
    evidence = getattr(item, "evidence", None)
    if isinstance(item, schema.PressureItem):
        for cited in item.evidence.values():
            yield item.stage, cited
    elif isinstance(item, schema.GoldItem):
        for version in item.versions:
            yield item.stage, version.evidence
    elif isinstance(evidence, dict):
        yield from evidence.items()
    elif isinstance(evidence, list):
        yield item.stage, evidence  # type: ignore[attr-defined]
