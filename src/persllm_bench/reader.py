"""Reads packs and banks from disk, validates them and lists every fault at once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from persllm_bench import references, schema, strict
from persllm_bench.items import Data, Persona, evidence_of, tasks_dir
from persllm_bench.schema import STAGES, PersonaHead

ITEM_RECORDS: dict[str, Any] = {
    "knowledge": schema.KnowledgeItem,
    "attitude": schema.AttitudeItem,
    "premise": schema.PremisePair,
    "identity": schema.IdentityItem,
    "pressure": schema.PressureItem,
    "open": schema.OpenItem,
    "gold": schema.GoldItem,
}
BANK_RECORDS: dict[str, Any] = {
    "topics/topics": schema.Topic,
    "topics/arguments": schema.Argument,
    "topics/neutral": schema.NeutralTalk,
    "scenes/scenes": schema.Scene,
    "scenes/cocreation": schema.CoCreation,
    "traits/scenarios": schema.Scenario,
    "traits/inventory": schema.InventoryItem,
}
STATEMENT = re.compile(r"^([ERKOM][1-9][0-9]?)\. (\S.*\S)$")
FORBIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\u00ad\t\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with the data."""

    path: str
    line: int | None
    rule: str
    value: str
    allowed: str

    def __str__(self) -> str:
        where = self.path + (f":{self.line}" if self.line else "")
        return f"{where}: {self.rule}: got {self.value}; allowed: {self.allowed}"


YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C parser where there is one: reading 24 personas takes a second less."""


class DataError(ValueError):
    """The data breaks its rules; `faults` has every violation."""

    def __init__(self, faults: list[Fault]):
        self.faults = faults
        super().__init__(f"{len(faults)} fault(s) in the data:\n" + "\n".join(map(str, faults)))


@lru_cache(maxsize=4)
def load(root: Path | None = None) -> Data:
    """Load and validate all data.

    Raises:
        DataError: with every fault of every file.
    """
    data, faults = read(root or tasks_dir())
    if faults:
        raise DataError(faults)
    return data


def read(root: Path) -> tuple[Data, list[Fault]]:
    """Load what can be loaded under `root`, with every fault found on the way."""
    reader = _Reader(root)
    banks = {name: reader.records(root / f"{name}.jsonl", record) for name, record in BANK_RECORDS.items()}
    personas = {}
    for folder in sorted(p for p in (root / "personas").iterdir() if p.is_dir()):
        if persona := reader.persona(folder):
            personas[persona.slug] = persona
    data = Data(root, personas, banks)
    references.check(data, reader.lines, reader.fault)
    return data, reader.faults


@dataclass
class _Reader:
    root: Path
    faults: list[Fault] = field(default_factory=list)
    lines: dict[str, tuple[str, int]] = field(default_factory=dict)

    def fault(self, path: Path | str, line: int | None, rule: str, value: object, allowed: str) -> None:
        where = path if isinstance(path, str) else path.relative_to(self.root).as_posix()
        self.faults.append(Fault(where, line, rule, short(value), allowed))

    def text(self, path: Path) -> str | None:
        if not path.is_file():
            self.fault(path, None, "file-exists", "no such file", "a file as described in AUTHORING.md")
            return None
        raw = path.read_bytes()
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
            self.fault(path, line, "encoding", raw[error.start : error.start + 4], "UTF-8")
            return None
        for number, content in enumerate(text.split("\n"), 1):
            if bad := FORBIDDEN.search(content):
                self.fault(
                    path, number, "characters", f"U+{ord(bad.group()):04X}", "no tabs, CR, control, zero-width or bidi"
                )
        return text

    def records(self, path: Path, record: Any) -> tuple[Any, ...]:
        text = self.text(path)
        if text is None:
            return ()
        adapter = TypeAdapter(record)
        found = []
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                if line or number <= text.count("\n"):
                    self.fault(path, number, "blank-line", repr(line), "one JSON object per line")
                continue
            try:
                strict.loads(line)
                value = adapter.validate_json(line)
            except ValidationError as error:
                for e in error.errors():
                    self.fault(path, number, "schema " + ".".join(map(str, e["loc"])), e["input"], e["msg"])
                continue
            except ValueError as error:
                self.fault(path, number, "json", line, str(error))
                continue
            if value.id in self.lines and hasattr(value, "id"):
                first = "{}:{}".format(*self.lines[value.id])
                self.fault(path, number, "unique-id", value.id, f"an id not used before (first at {first})")
            self.lines[value.id] = (path.relative_to(self.root).as_posix(), number)
            found.append(value)
        return tuple(found)

    def persona(self, folder: Path) -> Persona | None:
        head = self._head(folder / "persona.yaml")
        dossiers = {stage: self._dossier(folder / f"{stage}.md") for stage in STAGES}
        speech = self.records(folder / "speech.jsonl", schema.Speech)
        items = {
            task: self.records(folder / "items" / f"{task}.jsonl", record) for task, record in ITEM_RECORDS.items()
        }
        train: tuple[Any, ...] = ()
        if head and head.trained:
            for stage in STAGES:
                train += self.records(folder / "train" / f"{stage}.jsonl", schema.TrainConversation)
        if head is None:
            return None
        persona = Persona(folder.name, head, dossiers, speech, items, train)
        self._own(persona)
        return persona

    def _head(self, path: Path) -> PersonaHead | None:
        text = self.text(path)
        if text is None:
            return None
        try:
            return PersonaHead.model_validate(yaml.load(text, Loader=YAML))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            self.fault(path, mark.line + 1 if mark else None, "yaml", getattr(error, "problem", error), "YAML")
        except ValidationError as error:
            for e in error.errors():
                self.fault(path, None, "schema " + ".".join(map(str, e["loc"])), e["input"], e["msg"])
        return None

    def _dossier(self, path: Path) -> dict[str, str]:
        text = self.text(path) or ""
        statements: dict[str, str] = {}
        for number, line in enumerate(text.rstrip("\n").split("\n"), 1):
            if not (match := STATEMENT.match(line)):
                self.fault(path, number, "statement", line, "'E3. One fact.', letters E R K O M, nothing else")
            elif match[1] in statements:
                self.fault(path, number, "unique-statement", match[1], "each number once per dossier")
            else:
                statements[match[1]] = match[2]
        if (words := len(text.split())) > 650:
            self.fault(path, None, "dossier-length", f"{words} words", "at most 650")
        return statements

    def _own(self, persona: Persona) -> None:
        """Every id starts with the pack's slug, and all evidence exists in its stage's dossier."""
        for item in persona.records():
            path, line = self.lines[item.id]
            if not item.id.startswith(persona.slug + "/"):
                self.fault(path, line, "id-prefix", item.id, f"{persona.slug}/...")
            for stage, cited in evidence_of(item):
                if missing := [s for s in cited if s not in persona.dossiers[stage]]:
                    self.fault(path, line, "evidence", missing, f"statements of {persona.slug}/{stage}.md")
                if not cited:
                    self.fault(path, line, "evidence", "none", "at least one statement")


def short(value: object, limit: int = 80) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
