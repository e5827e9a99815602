"""A run on disk: `run.json` (facts, no scores) and `samples/<task>.jsonl.zst` (raw replies). Scores are derived."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import zstandard
from pydantic import TypeAdapter, ValidationError

from persllm_bench import __version__
from persllm_bench.items import Data
from persllm_bench.prompts import Condition
from persllm_bench.schema import Record
from persllm_bench.scoring import Reply, TaskScore, score

_REPLY = TypeAdapter(Reply)


class RunFacts(Record):
    """Everything that decides what a run's replies are, and nothing that changes between two equal runs."""

    schema_version: int = 1
    benchmark: str
    data_sha256: str
    condition: Condition
    personas: list[str]
    """Empty: all that the condition allows."""
    tasks: list[str]
    model: str
    model_sha256: str | None
    """Of weights, tokenizer and configuration in a local folder; none for a name."""
    backend: str
    model_args: dict[str, str]
    reasoning: int
    partner: str = ""
    """Who spoke for scene partners; empty: the model itself."""
    partner_sha256: str | None = None
    harness: str
    packages: dict[str, str]


def facts(data: Data, **given: Any) -> RunFacts:
    return RunFacts(benchmark=__version__, data_sha256=data.sha256, **given)


class RunError(ValueError):
    """A run folder that cannot be used as asked."""


class RunFolder:
    """Reads and writes one run. Writing is atomic: a file is either complete or absent."""

    def __init__(self, path: Path):
        self.path = path

    def begin(self, wanted: RunFacts, need_bytes: int = 50_000_000) -> None:
        """Create the folder, or make sure that it holds the same run.

        Raises:
            RunError: not writable, disk too full, or another run lies there (with the fields that differ).
        """
        try:
            (self.path / "samples").mkdir(parents=True, exist_ok=True)
            probe = self.path / ".writable"
            probe.write_text("ok")
            probe.unlink()
        except OSError as error:
            raise RunError(f"cannot write to {self.path}: {error.strerror or error}") from error
        free = shutil.disk_usage(self.path).free
        if free < need_bytes:
            raise RunError(f"{self.path}: {free / 1e6:.0f} MB free, about {need_bytes / 1e6:.0f} MB needed")
        if (self.path / "run.json").exists():
            there = self.facts().model_dump()
            new = wanted.model_dump()
            differ = {k: (there[k], new[k]) for k in new if k not in ("tasks",) and there[k] != new[k]}
            if differ:
                listed = "; ".join(f"{k}: there {a!r}, now {b!r}" for k, (a, b) in differ.items())
                raise RunError(f"{self.path} holds another run ({listed}); choose another --output")
            wanted = wanted.model_copy(update={"tasks": sorted({*there["tasks"], *wanted.tasks})})
        _write(self.path / "run.json", (json.dumps(wanted.model_dump(), indent=2, sort_keys=True) + "\n").encode())

    def facts(self) -> RunFacts:
        """Raises RunError where `run.json` is missing or broken."""
        path = self.path / "run.json"
        try:
            return RunFacts.model_validate_json(path.read_text())
        except FileNotFoundError as error:
            raise RunError(f"{self.path} is no run: it has no run.json") from error
        except ValidationError as error:
            raise RunError(f"{path}: {error}") from error

    def done(self) -> list[str]:
        """Names of the tasks whose replies are complete."""
        return sorted(p.name.removesuffix(".jsonl.zst") for p in (self.path / "samples").glob("*.jsonl.zst"))

    def save(self, task: str, replies: Iterable[Reply]) -> None:
        """Write the replies of a task; the bytes depend on the replies only."""
        rows = "".join(r.model_dump_json(exclude_none=False) + "\n" for r in replies).encode()
        packed = zstandard.ZstdCompressor(level=9, write_checksum=True).compress(rows)
        _write(self.path / "samples" / f"{task}.jsonl.zst", packed)

    def replies(self, task: str) -> Iterator[Reply]:
        """Raises RunError for a missing file, broken compression or a malformed row."""
        path = self.path / "samples" / f"{task}.jsonl.zst"
        if not path.is_file():
            raise RunError(f"{self.path} has no replies of {task}; it has {', '.join(self.done()) or 'none'}")
        try:
            rows = zstandard.ZstdDecompressor().decompress(path.read_bytes()).decode()
        except (zstandard.ZstdError, UnicodeDecodeError) as error:
            raise RunError(f"{path}: broken compression: {error}") from error
        for number, line in enumerate(rows.rstrip("\n").split("\n"), 1):
            try:
                yield _REPLY.validate_json(line)
            except ValidationError as error:
                raise RunError(f"{path}:{number}: {error}") from error

    def require(self, data: Data) -> RunFacts:
        """The facts of a run on this version of the data. Raises RunError for another version."""
        known = self.facts()
        if known.data_sha256 != data.sha256:
            raise RunError(f"{self.path} was made with data {known.data_sha256[:12]}, here is {data.sha256[:12]}")
        return known

    def score(self, data: Data) -> list[TaskScore]:
        """Every task of the run, scored from its replies.

        Raises:
            RunError: no replies, or made with another version of the data.
        """
        known = self.require(data)
        if not self.done():
            raise RunError(f"{self.path} has no replies yet")
        return [score(t, data, self.replies(t), known.condition, known.personas) for t in self.done()]


def run_folders(path: Path) -> list[Path]:
    """A run folder, or those one level below; empty where there are none."""
    return [path] if (path / "run.json").is_file() else sorted(p.parent for p in path.glob("*/run.json"))


def _write(path: Path, content: bytes) -> None:
    part = path.with_suffix(path.suffix + ".part")
    part.write_bytes(content)
    os.replace(part, path)
