"""What an attack on a bundle is, and how its files are changed; the kinds register themselves from `attack_*.py`.

A kind says what must come of it: `rejected` with a message that holds one of `names`, `unchanged` scores, or either.
Unless a kind is about the manifest, the attacker makes a fresh one: a stale hash would catch everything else first.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import zstandard

from persllm_bench.submissions.pack import seal_files
from persllm_bench.submissions.tree import Entry, Tree, memory_tree
from persllm_bench.submissions.validation import FACTS

REJECTED, UNCHANGED, EITHER = "rejected", "unchanged", "either"
BIDI = ["\u202e", "\u2066", "\u200f", "\u200b", "\ufeff", "\x00", "\x1b[2J", "\x07", "\u0085", "\u2028", "\r"]
TRAVERSAL = ["../x", "..", "/etc/passwd", "a/../../b", "..\\x", "%2e%2e/x", "./x", "~/x", "C:\\x", "//x"]
NAMES = [
    "a b",
    "\u00e9t\u00e9",
    "\u0430ttitude",
    "na\tme",
    "-rf",
    "$(id)",
    "`id`",
    "<b>",
    "=1+1",
    "x" * 300,
    ".hidden",
    "",
]


@dataclass(frozen=True)
class Attack:
    """A changed bundle: where it says it lies, its files, and entries that are no plain files."""

    where: str
    files: dict[str, bytes]
    names: tuple[str, ...] = ()
    """Any of these must be in the message where it is rejected."""
    special: dict[str, Entry] = field(default_factory=dict)

    def tree(self) -> Tree:
        return {**memory_tree(self.files), **self.special}


Mutate = Callable[[Attack, random.Random], Attack]
KINDS: dict[str, tuple[str, str, Mutate]] = {}
"""Name -> (family, outcome, mutation)."""


def kind(name: str, family: str, outcome: str = REJECTED) -> Callable[[Mutate], Mutate]:
    def register(mutate: Mutate) -> Mutate:
        KINDS[name] = (family, outcome, mutate)
        return mutate

    return register


def changed(a: Attack, path: str, raw: bytes | None, *names: str, fresh: bool = True) -> Attack:
    """The bundle with one file replaced, added or (None) removed."""
    files = {p: r for p, r in a.files.items() if p != path} | ({path: raw} if raw is not None else {})
    return replace(a, files=seal_files(files) if fresh else files, names=names)


def expand(raw: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in zstandard.ZstdDecompressor().decompress(raw).splitlines()]


def compress(raw: bytes, level: int = 3) -> bytes:
    return zstandard.ZstdCompressor(level=level, write_checksum=True).compress(raw)


def text_of(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def any_samples(a: Attack, rng: random.Random, part: str = "") -> str:
    return rng.choice(sorted(p for p in a.files if p.endswith(".zst") and part in p))


def with_facts(a: Attack, rng: random.Random, edit: Callable[[dict[str, Any]], str]) -> Attack:
    """submission.json edited as an object; `edit` returns the name that the message must hold."""
    facts = json.loads(a.files[FACTS])
    name = edit(facts)
    return changed(a, FACTS, json.dumps(facts, indent=2).encode(), name)


def with_rows(
    a: Attack, rng: random.Random, edit: Callable[[list[dict[str, Any]]], tuple[str, ...]], part: str = ""
) -> Attack:
    path = any_samples(a, rng, part)
    rows = expand(a.files[path])
    names = edit(rows)
    return changed(a, path, compress(text_of(rows)), *names)


def with_row_text(a: Attack, rng: random.Random, edit: Callable[[str], str], *names: str, part: str = "") -> Attack:
    """The text of one row edited, JSON or not."""
    path = any_samples(a, rng, part)
    lines = zstandard.ZstdDecompressor().decompress(a.files[path]).decode().split("\n")
    number = rng.randrange(len(lines) - 1)
    lines[number] = edit(lines[number])
    return changed(a, path, compress("\n".join(lines).encode()), *names)


def spots(value: Any, path: tuple = ()) -> list[tuple[Any, Any, tuple]]:
    """(container, key, path) of every value in an object."""
    found = []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        found += [(value, key, (*path, key)), *spots(inner, (*path, key))]
    return found


def objects(facts: dict[str, Any]) -> list[dict[str, Any]]:
    return [facts, *(c[k] for c, k, _ in spots(facts) if isinstance(c[k], dict))]
