"""Reading what a stranger sent: bytes within caps, strict JSON, rows that are replies; every fault kept."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import zstandard
from pydantic import BaseModel, ValidationError

from persllm_bench import strict
from persllm_bench.reader import Fault, short
from persllm_bench.scoring import Reply
from persllm_bench.submissions.tree import Entry

MB = 1_000_000
MAX_JSON, MAX_FILE, MAX_EXPANDED, MAX_ROW = 100_000, 64 * MB, 256 * MB, 2 * MB
MAX_ROWS = 100_000
"""Bytes: of submission.json or the manifest; of a compressed file; of a bundle, expanded; of a row. Rows of a file."""
MAX_WINDOW = 2**27
MAX_LISTED = 50
"""Faults of one kind in one file are listed up to this; the rest are counted."""
_FEED = 256
"""Compressed bytes per step. A block of 4 bytes can stand for 128 kB, so a step expands to 8 MB at most."""

R = TypeVar("R", bound=BaseModel)


def shown(value: object, limit: int = 120) -> str:
    """A stranger's value as one printable ASCII line; quoted unless it is plain."""
    text = value if isinstance(value, str) else repr(value)
    plain = text.isascii() and text.isprintable() and not text.startswith(":")
    return short(text if plain else ascii(text), limit)


@dataclass
class Faults:
    """Collects faults, at most MAX_LISTED of a rule in a file; `all` adds the count of the rest."""

    where: str
    found: list[Fault] = field(default_factory=list)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, path: str, rule: str, value: object, allowed: str, line: int | None = None) -> None:
        n = self.counts[path, rule] = self.counts.get((path, rule), 0) + 1
        if n <= MAX_LISTED:
            place = f"{self.where}/{path}" if path else self.where
            self.found.append(Fault(shown(place, 300), line, rule, shown(value), allowed))

    def schema(self, path: str, error: ValidationError, line: int | None = None) -> None:
        for e in error.errors():
            place = ".".join(map(str, e["loc"]))
            message = e["msg"]
            self.add(path, f"schema {shown(place)}".strip(), e["input"], shown(message, 600), line)

    def all(self) -> list[Fault]:
        more = [
            Fault(shown(f"{self.where}/{path}", 300), None, rule, f"{n - MAX_LISTED} more", "as above")
            for (path, rule), n in self.counts.items()
            if n > MAX_LISTED
        ]
        return [*self.found, *more]


def content(entry: Entry, path: str, limit: int, faults: Faults) -> bytes | None:
    """The bytes of a plain file of at most `limit` bytes."""
    if entry.kind != "file":
        faults.add(path, "kind", entry.kind, "a plain file, not executable")
    elif entry.size > limit:
        faults.add(path, "size", f"{entry.size:,} bytes", f"at most {limit:,}")
    else:
        return entry.read()
    return None


def text(raw: bytes, path: str, faults: Faults, line: int | None = None) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        faults.add(path, "encoding", raw[error.start : error.start + 4], "UTF-8", line)
        return None


def record(kind: type[R], raw: bytes, path: str, faults: Faults, line: int | None = None) -> R | None:
    """A record from JSON bytes, parsed strictly twice: no trick of the text, then no surprise in the values."""
    decoded = text(raw, path, faults, line)
    if decoded is None:
        return None
    try:
        strict.loads(decoded)
        return kind.model_validate_json(decoded)
    except ValidationError as error:
        faults.schema(path, error, line)
    except ValueError as error:
        faults.add(path, "json", decoded, shown(str(error)), line)
    return None


class Broken(ValueError):
    """A compressed file that is not exactly one whole zstd frame within the caps."""


def expand(raw: bytes, limit: int) -> Iterator[bytes]:
    """The expanded bytes of one zstd frame, in steps of bounded memory.

    Raises:
        Broken: no zstd, cut off, damaged, followed by other data, a window over MAX_WINDOW, or more than `limit` bytes.
    """
    try:
        inner = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj()
        total = 0
        source = io.BytesIO(raw)
        while not inner.eof and (step := source.read(_FEED)):
            piece = inner.decompress(step)
            total += len(piece)
            if total > limit:
                raise Broken(f"expands to more than {limit:,} bytes")
            yield piece
    except (zstandard.ZstdError, MemoryError) as error:
        raise Broken(str(error)) from error
    if not inner.eof:
        raise Broken("cut off")
    if inner.unused_data or source.tell() < len(raw):
        raise Broken("data after the end of the frame")


def lines(raw: bytes, limit: int) -> Iterator[bytes]:
    """The lines of a compressed file, without their ends.

    Raises:
        Broken: as `expand`; a line over MAX_ROW, more than MAX_ROWS, or no line end at the end.
    """
    rest, count = b"", 0
    for piece in expand(raw, limit):
        *whole, rest = (rest + piece).split(b"\n")
        if len(rest) > MAX_ROW or any(len(line) > MAX_ROW for line in whole):
            raise Broken(f"a row of more than {MAX_ROW:,} bytes")
        count += len(whole)
        if count > MAX_ROWS:
            raise Broken(f"more than {MAX_ROWS:,} rows")
        yield from whole
    if rest:
        raise Broken("the last row has no line end")


def rows(raw: bytes, path: str, limit: int, faults: Faults) -> tuple[dict[int, Reply], int]:
    """Line number -> reply, without those that break a rule; and how many bytes the file expands to."""
    found: dict[int, Reply] = {}
    total = 0
    try:
        for number, line in enumerate(lines(raw, limit), 1):
            total += len(line) + 1
            row = record(Reply, line, path, faults, number)
            if row is not None:
                found[number] = row
    except Broken as error:
        faults.add(path, "compression", f"{len(raw):,} bytes", f"one whole zstd frame of rows: {error}")
    return found, total


def content_sha256(files: dict[str, bytes]) -> str:
    """Hash over names and bytes of all files of a bundle."""
    return hashlib.sha256(manifest(files).encode()).hexdigest()


def manifest(files: dict[str, bytes]) -> str:
    """The text of MANIFEST.sha256, as `sha256sum` writes it, sorted by path."""
    return "".join(f"{hashlib.sha256(raw).hexdigest()}  {path}\n" for path, raw in sorted(files.items()))


def facts_json(value: Any) -> bytes:
    """How `pack` writes submission.json."""
    return (value.model_dump_json(indent=2) + "\n").encode()
