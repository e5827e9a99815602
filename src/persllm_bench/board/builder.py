"""From a folder of submissions to a folder of Parquet files that is there as a whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from persllm_bench import __version__
from persllm_bench.board import units
from persllm_bench.board.difficulty import Items
from persllm_bench.board.layout import MARK, SCHEMAS, unit_file
from persllm_bench.board.ranking import all_ranks
from persllm_bench.board.rows import entry_row, score_rows
from persllm_bench.board.whole import replacing
from persllm_bench.items import Data
from persllm_bench.scoring import TaskScore
from persllm_bench.submissions import BadBundle, folder_tree
from persllm_bench.submissions.bundle import shown
from persllm_bench.submissions.levels import FILE, verifications
from persllm_bench.submissions.scores import Scored, cache_key, scored, scorer_sha256

FIRST_FAULTS = 5
ROW_GROUP = 50_000
Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Built:
    """What was written: how many bundles, and which were left out and why."""

    folder: Path
    entries: int
    notices: list[dict[str, Any]]


def build(submissions: Path, data: Data, out: Path, cache: Path | None = None) -> Built:
    """Write the board of all bundles under `submissions` to `out`, replacing what is there at once.

    cache: a folder in which scores and samples of known bundles are kept; they are then only hashed. The bytes depend
    on the bundles, the data, the scorer and the place of `submissions` seen from `out` only. A bundle with faults is
    left out and named in `notices.json`.

    Raises:
        ValueError: `submissions` is no folder, its list of verifications is malformed, or `out` holds no board.
        OSError: `out` cannot be written.
    """
    if not submissions.is_dir():
        raise ValueError(f"{submissions} is no folder: allowed is one that holds <org>__<model>/<revision>/<run>")
    last = {v.content_sha256: v for v in verifications(submissions / FILE)}
    with replacing(out, MARK) as part:
        writer = BoardWriter(part)
        for where, folder in bundle_folders(submissions):
            try:
                found, path = _derived(where, folder, data, cache, part)
                size, items, means = units.about(path)
            except Exception as error:  # one stranger's bundle must not take the board down
                writer.notice(where, error)
                continue
            writer.add(score_rows(found), entry_row(found, data, last.get(found.sha256), size), path, items, means)
        entries = writer.finish(data, os.path.relpath(submissions.resolve(), out.resolve()))
    return Built(out, entries, writer.notices)


def bundle_folders(submissions: Path) -> Iterator[tuple[str, Path]]:
    """(where, folder) of everything that lies where a bundle may lie, in order."""
    for path in sorted(submissions.glob("*/*/*")):
        if path.is_dir() and not any(part.startswith(".") for part in path.relative_to(submissions).parts):
            yield path.relative_to(submissions).as_posix(), path


def _derived(where: str, folder: Path, data: Data, cache: Path | None, part: Path) -> tuple[Scored, Path]:
    """A bundle's scores, and the file of its samples."""

    def path(sha256: str) -> Path:
        if cache is None:
            return part / unit_file(where)
        return cache / f"{cache_key(where, sha256, data)}.units-{units.version()}.parquet"

    def keep(sha256: str, scores: Sequence[TaskScore]) -> None:
        units.write_units(path(sha256), data, scores)

    tree = folder_tree(folder)
    found = scored(tree, where, data, cache, keep)
    if not path(found.sha256).is_file():  # its scores were kept by something else than a board
        scored(tree, where, data, None, keep)
    return found, path(found.sha256)


class BoardWriter:
    """Collects the rows of bundles, one after another, and writes the files of a board."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.notices: list[dict[str, Any]] = []
        self._tables: dict[str, list[pa.Table]] = {name: [] for name in SCHEMAS}
        self._items = Items()

    def add(self, rows: Rows, entry: dict[str, Any], samples: Path, items: str, means: list[float]) -> None:
        """A bundle: its rows by table, its entry, the file of its samples, and what it earned on each item."""
        for name, found in {**rows, "entries": [entry]}.items():
            self._tables[name].append(pa.Table.from_pylist(found, schema=SCHEMAS[name]))
        if entry["ranked"]:
            self._items.add(items, means)
        place = self.folder / unit_file(entry["entry"])
        if samples != place:
            place.parent.mkdir(exist_ok=True)
            _link(samples, place)

    def notice(self, where: str, error: Exception) -> None:
        faults = (
            [str(f) for f in error.faults] if isinstance(error, BadBundle) else [f"{type(error).__name__}: {error}"]
        )
        self.notices.append(
            {"where": shown(where, 300), "faults": [shown(f, 500) for f in faults[:FIRST_FAULTS]], "total": len(faults)}
        )

    def finish(self, data: Data, submissions: str) -> int:
        """Write everything but the samples; returns how many entries there are."""
        whole = {n: pa.concat_tables([SCHEMAS[n].empty_table(), *found]) for n, found in self._tables.items()}
        ranks = all_ranks(whole["entries"], whole["personas"], whole["scores"])
        for name, table in {**whole, "ranks": ranks, "difficulty": self._items.table()}.items():
            pq.write_table(table, self.folder / f"{name}.parquet", compression="zstd", row_group_size=ROW_GROUP)
        _json(self.folder / "notices.json", self.notices)
        files = sorted(p for p in self.folder.rglob("*") if p.is_file())
        digest = hashlib.sha256("".join(_line(self.folder, p) for p in files).encode()).hexdigest()
        _json(
            self.folder / MARK,
            {
                "schema_version": 1,
                "benchmark": __version__,
                "data_sha256": data.sha256,
                "scorer_sha256": scorer_sha256(),
                "submissions": submissions,
                "entries": whole["entries"].num_rows,
                "content_sha256": digest,
            },
        )
        return whole["entries"].num_rows


def _line(folder: Path, path: Path) -> str:
    return f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"


def _json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=True) + "\n")


def _link(source: Path, place: Path) -> None:
    try:
        os.link(source, place)
    except OSError:
        shutil.copyfile(source, place)
