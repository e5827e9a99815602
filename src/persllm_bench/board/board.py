"""A built board, opened for reading: tables as data frames, ranks and comparisons; replies come from the bundles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from persllm_bench.board import figures
from persllm_bench.board import ranking as ranks
from persllm_bench.board.compared import compare, compare_personas
from persllm_bench.board.layout import CORE_MEAN, MARK, SCHEMAS, unit_file
from persllm_bench.board.shown import Reply
from persllm_bench.items import Data
from persllm_bench.reader import load
from persllm_bench.suite import TASKS

KEPT_RANKINGS = 32
LONG = ("scores", "measures", "personas")
TWINS = [name for name, t in TASKS.items() if t.base in ("knowledge", "attitude")]
TRAITS = [name for name, t in TASKS.items() if t.base == "traits"]


class Board:
    """The board in `folder`. Opening reads one small file; tables are read when they are asked for, and then kept.

    submissions: where the bundles lie; default: where `build` found them, seen from the board. data: default: that of
    this installation, loaded when it is needed.

    Raises:
        ValueError: no board, or one of another version.
    """

    def __init__(self, folder: Path, submissions: Path | None = None, data: Data | None = None):
        self.folder, self._data = Path(folder), data
        try:
            self.facts: dict[str, Any] = json.loads((self.folder / MARK).read_text())
        except (OSError, ValueError) as error:
            raise ValueError(f"{folder} is no board: write one with persllm-bench board SUBMISSIONS") from error
        if self.facts.get("schema_version") != 1:
            raise ValueError(f"{folder} is a board of version {self.facts.get('schema_version')}; this reads 1")
        self.submissions = submissions or self.folder / self.facts["submissions"]
        self._ranking = lru_cache(KEPT_RANKINGS)(self._ranked)
        self._columns: dict[str, pa.Table] = {}

    def entries(self) -> pd.DataFrame:
        """One row per bundle."""
        return self._entries.copy()

    def scores(self, **where: str | Sequence[str]) -> pd.DataFrame:
        """Scores with intervals. where: entry, track, condition, task or family, one or several of each."""
        return self._frame("scores", where)

    def measures(self, **where: str | Sequence[str]) -> pd.DataFrame:
        """Every other measure of the scorer. where: entry, condition, task or measure, one or several of each."""
        return self._frame("measures", where)

    def personas(self, **where: str | Sequence[str]) -> pd.DataFrame:
        """Scores by persona. where: entry, condition, task or persona, one or several of each."""
        return self._frame("personas", where)

    def notices(self) -> list[dict[str, Any]]:
        """Bundles that were left out: where, faults (the first), total (how many)."""
        return list(json.loads((self.folder / "notices.json").read_text()))

    def units(self, entry: str, **where: str | Sequence[str]) -> pd.DataFrame:
        """Every sample of an entry (`units.UNITS`). where: sample, condition, task ..., one or several of each.

        Raises:
            ValueError: no such entry.
        """
        path = self.folder / unit_file(self._entry(entry)["entry"])
        wanted = {name: [v] if isinstance(v, str) else list(v) for name, v in where.items()}
        samples = wanted.pop("sample", None)
        if samples is not None:
            wanted |= {name: [s.split("|")[i] for s in samples] for i, name in enumerate(("persona", "item"))}
        found = _texts(pq.read_table(path, filters=[(name, "in", values) for name, values in wanted.items()] or None))
        ids = pc.binary_join_element_wise(*(found[name] for name in ("persona", "item", "stage", "variant")), "|")
        found = found.append_column("sample", ids)
        return (found if samples is None else found.filter(pc.is_in(ids, pa.array(samples, pa.string())))).to_pandas()

    def ranking(self, track: str, task: str = CORE_MEAN, entries: Sequence[str] | None = None) -> pd.DataFrame:
        """Entries from best to worst with rank intervals (see `ranking.rank`), and the least detectable difference.

        entries: whom to rank; default: full submissions, or on the trained track all but calibration entries. Who lacks
        a persona that others have is left out.
        """
        chosen = None if entries is None else tuple(sorted(set(entries)))
        return self._ranking(track, task, chosen).copy()

    def detectable(self, track: str, task: str = CORE_MEAN, entries: Sequence[str] | None = None) -> float:
        """The difference, in points, that a comparison of two neighbours finds four times in five; NaN for fewer."""
        found = self.ranking(track, task, entries)["detectable"]
        return float(found.iloc[0]) if len(found) else float("nan")

    def compare(self, a: str, b: str, track: str) -> pd.DataFrame:
        """a minus b on every task that both have: see `compared.compare`."""
        return compare(self._both(a, b, track), self.scores(entry=[a, b], track=track), a, b)

    def compare_personas(self, a: str, b: str, track: str, task: str = CORE_MEAN) -> pd.DataFrame:
        """Scores of both by persona: persona, a, b, difference."""
        found = self._both(a, b, track)
        return compare_personas(found[found["task"] == task], a, b)

    def flips(self, entries: Sequence[str], task: str, condition: str) -> pd.DataFrame:
        """Samples that one of `entries` gets right and another wrong.

        Columns: sample, persona, stage, item, variant, then right_0, reply_0, right_1 ... in the order of `entries`.
        """
        names = ["sample", "persona", "stage", "item", "variant"]
        whole = pd.DataFrame(columns=names)
        for i, entry in enumerate(entries):
            rows = self.units(entry, task=task, condition=condition)
            mine = rows[[*names, "right", "reply"]].rename(columns={"right": f"right_{i}", "reply": f"reply_{i}"})
            whole = mine if i == 0 else whole.merge(mine.drop(columns=names[1:]), on="sample")
        right = whole[[c for c in whole.columns if c.startswith("right_")]]
        differ = (right.max(axis=1) > 0.5) & (right.min(axis=1) < 0.5)
        return whole[differ].reset_index(drop=True)

    def replies(self, entry: str, condition: str, task: str, persona: str = "") -> list[Reply]:
        """What was asked and said, from the bundle: see `replies.replies`. persona: of one only; default: of all.

        Raises:
            ValueError: no such entry, the bundle is not there or has changed, or it has no such task.
        """
        from persllm_bench.board import replies

        sha256 = self._entry(entry)["content_sha256"]
        return replies.replies(self.submissions / entry, entry, sha256, self.data, condition, task, persona)  # type: ignore[arg-type]

    def stage_confusion(self, entry: str) -> pd.DataFrame:
        """See `figures.stage_confusion`."""
        return figures.stage_confusion(self.units(entry, task=TWINS))

    def survival(self, entry: str, condition: str, task: str = "persllm_pressure") -> pd.DataFrame:
        """Kaplan-Meier per arm: arm, turn (0-5), held (share still on the own side); empty where it was not asked."""
        return figures.survival(self.units(entry, condition=condition, task=task))

    def trajectories(self, entry: str, condition: str, scene: str = "", task: str = "persllm_dialogue") -> pd.DataFrame:
        """Positions in one scene, or the mean of all: see `figures.trajectories`."""
        return figures.trajectories(self.units(entry, condition=condition, task=task), scene)

    def traits_profile(self, entry: str) -> pd.DataFrame:
        """Big Five as measured beside the target: see `figures.traits_profile`."""
        return figures.traits_profile(self.units(entry, task=TRAITS), self.data)

    def difficulty(self) -> pd.DataFrame:
        """Each item over full submissions under `profile`: task, persona, item, entries, mean, rest, flagged (see
        `difficulty.Items`)."""
        return self._table("difficulty").to_pandas()

    def personas_table(self) -> pd.DataFrame:
        """See `figures.personas_table`."""
        return figures.personas_table(self.data)

    @cached_property
    def data(self) -> Data:
        """The data of this installation, which must be the board's.

        Raises:
            ValueError: it is another version.
        """
        found = self._data or load()
        if found.sha256 != self.facts["data_sha256"]:
            there, here = self.facts["data_sha256"][:12], found.sha256[:12]
            raise ValueError(f"{self.folder} was built on data {there}, here is {here}: build it again")
        return found

    def _entry(self, entry: str) -> pd.Series:
        rows = self._entries[self._entries["entry"] == entry]
        if rows.empty:
            raise ValueError(f"no entry {entry!r} on this board")
        return rows.iloc[0]

    def _both(self, a: str, b: str, track: str) -> pd.DataFrame:
        return self.personas(entry=[a, b], condition=ranks.condition_of(track))

    def _ranked(self, track: str, task: str, entries: tuple[str, ...] | None) -> pd.DataFrame:
        if entries is None and (track, task) in ranks.KEPT:
            table = self._table("ranks")
            found = table.filter((pc.field("track") == track) & (pc.field("task") == task))
            return _plain(found).drop(columns=["track", "task"])
        condition = ranks.condition_of(track)
        people = self._slice("personas", {"condition": condition, "task": task})
        names = ranks.eligible(self._entries, track) if entries is None else entries
        return ranks.rank(ranks.vectors(people, names), self.scores(condition=condition, task=task))

    @cached_property
    def _entries(self) -> pd.DataFrame:
        return self._table("entries").to_pandas()

    def _table(self, name: str) -> pa.Table:
        """A whole table; texts as codes, of which many rows share few."""
        if name not in self._columns:
            texts = [f.name for f in SCHEMAS[name] if f.type == pa.string()] if name in LONG else []
            self._columns[name] = pq.read_table(
                self.folder / f"{name}.parquet", read_dictionary=texts
            ).unify_dictionaries()
        return self._columns[name]

    def _slice(self, name: str, where: dict[str, str | Sequence[str]]) -> pa.Table:
        table = self._table(name)
        for column, wanted in where.items():
            values = [wanted] if isinstance(wanted, str) else list(wanted)
            table = table.filter(_among(table[column], values))
        return table

    def _frame(self, name: str, where: dict[str, str | Sequence[str]]) -> pd.DataFrame:
        return _plain(self._slice(name, where))


def _among(column: pa.ChunkedArray, values: Sequence[str]) -> pa.ChunkedArray:
    """Which rows hold one of `values`, by code."""
    masks = []
    for chunk in column.chunks:
        codes = pc.index_in(pa.array(list(values), pa.string()), chunk.dictionary)
        masks.append(pc.is_in(chunk.indices, codes.drop_null().cast(chunk.indices.type)))
    return pa.chunked_array(masks, pa.bool_())


def _plain(table: pa.Table) -> pd.DataFrame:
    """As a data frame with plain text columns."""
    return _texts(table).to_pandas()


def _texts(table: pa.Table) -> pa.Table:
    texts = {f.name: pa.string() for f in table.schema if pa.types.is_dictionary(f.type)}
    schema = pa.schema([(f.name, texts.get(f.name, f.type)) for f in table.schema])
    return table.cast(schema)
