"""What a board of a thousand full submissions costs: to build beside known ones, to open, to page through.

python benchmarks/board.py [--entries 1000] [--work FOLDER] [--known 1000] [--site]

One submission of full size (profile, none, wrong, name; every default task) is made and scored. The others are its
scores with noise, written by the writer that `build` uses. --known: builds over so many bundles on disk whose scores
are kept, and one that is new (2.5 MB each; 0: leave it out). --site: writes the plain pages too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from full_bundle import WORDS, meta
from persllm_bench.board import Board, build, csv_bytes, units
from persllm_bench.board.builder import BoardWriter
from persllm_bench.board.rows import entry_row, score_rows
from persllm_bench.board.site import export_site
from persllm_bench.faces.settings import Settings
from persllm_bench.items import Data
from persllm_bench.prompts import LETTERS, Condition
from persllm_bench.reader import load
from persllm_bench.samples import Sample
from persllm_bench.submissions import folder_tree, seal
from persllm_bench.submissions.bundle import facts_json
from persllm_bench.submissions.calibration import answers, entries
from persllm_bench.submissions.pack import assemble, seal_files, write
from persllm_bench.submissions.scores import Scored, cache_key, scored
from persllm_bench.suite import KINDS
from timing import show

CONDITIONS: tuple[Condition, ...] = ("profile", "none", "wrong", "name")
SKILL = {"profile": 0.6, "name": 0.4}
TIMES = 20


def make(data: Data, folder: Path) -> Path:
    """A full submission: the oracle's answer with some probability, else a coin; words where nothing is to choose."""
    oracle = entries(data)["oracle"][0]

    def sayer(condition: str) -> Callable[[Sample], str]:
        rng = random.Random(condition)

        def say(s: Sample) -> str:
            if not s.choices:
                return " ".join(rng.choices(WORDS, k=rng.randint(20, 60)))
            pick = oracle(s) if rng.random() < SKILL.get(condition, 0.05) else rng.choice(s.choices)
            return LETTERS[s.choices.index(pick if pick in s.choices else rng.choice(s.choices))]

        return say

    rows = {
        (c, f"persllm_{base}"): list(answers(data, f"persllm_{base}", c, sayer(c)))
        for c in CONDITIONS
        for base in KINDS
    }
    declared = meta("full")
    where, files = assemble(
        rows,
        {c: Settings(c) for c in CONDITIONS},
        declared,
        data,
        run="full",
        model=declared.model.model_dump(),
        harness=("lm-eval", {}),
    )
    print(f"one submission: {sum(map(len, rows.values())):,} replies, {sum(map(len, files.values())):,} bytes")
    write(files, folder / where)
    return folder / where


def noisy(base: Scored, i: int, rng: np.random.Generator) -> Scored:
    """The same submission of another model, whose scores are a little different."""
    model = base.submission.model.model_copy(update={"repo": f"org-{i % 97}/model-{i}", "parameters": 10**9 + i})
    there = base.submission.model_copy(update={"model": model})
    ability = rng.normal(0, 8)
    rows = []
    for row in base.scores:
        moved = {p: ability + rng.normal(0, 4) for p in row["adds"]}
        shift = float(np.mean(list(moved.values()))) if moved else 0.0
        parts = {what: {p: round(v + moved[p], 6) for p, v in row[what].items()} for what in ("adds", "by_persona")}
        measures = {
            name: {**m, "value": None if m["value"] is None else round(m["value"] + rng.normal(0, 0.02), 6)}
            for name, m in row["measures"].items()
        }
        limits = {what: round(row[what] + shift, 6) for what in ("score", "low", "high")}
        rows.append({**row, **limits, **parts, "measures": measures})
    return replace(base, where=there.folder, submission=there, sha256=f"{i:064x}", scores=rows)


def synthetic(data: Data, base: Scored, samples: Path, n: int, out: Path) -> None:
    """A board of n entries, all of whose samples are those of one."""
    rng = np.random.default_rng(0)
    out.mkdir(parents=True)
    size, items, means = units.about(samples)
    writer = BoardWriter(out)
    for i in range(n):
        found = noisy(base, i, rng)
        writer.add(score_rows(found), entry_row(found, data, None, size), samples, items, means)
    writer.finish(data, "../submissions")


FIRST = """
import time
began = time.perf_counter()
from pathlib import Path
from persllm_bench.board import Board
loaded = time.perf_counter()
board = Board(Path({folder!r}))
table = board.ranking("prompted").merge(board.entries(), on="entry")
print(loaded - began, time.perf_counter() - loaded, len(table))
"""


def first_table(folder: Path) -> None:
    """In a fresh process: loading the libraries, then opening the board up to the first table. Median of five."""
    code = FIRST.format(folder=str(folder))
    runs = [
        tuple(map(float, subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.split()))
        for _ in range(5)
    ]
    load_, table, rows = (statistics.median(column) for column in zip(*runs, strict=True))
    show("first table", {"libraries (s)": load_, "board to first table (s)": table, "rows": int(rows)})


def pages(board: Board) -> None:
    """Every call twenty times, on other entries each time."""
    rng = random.Random(0)
    names = board.entries()["entry"].tolist()
    some = lambda k=1: rng.sample(names, k)  # noqa: E731
    calls: dict[str, Callable[[], Any]] = {
        "entries": board.entries,
        "scores, one task": lambda: board.scores(task="persllm_premise", condition="profile"),
        "scores, one entry": lambda: board.scores(entry=some()),
        "scores, all": board.scores,
        "measures, one entry": lambda: board.measures(entry=some()),
        "personas, one entry": lambda: board.personas(entry=some()),
        "personas, one task": lambda: board.personas(task="persllm-core", condition="profile"),
        "ranking, kept": lambda: board.ranking("prompted"),
        "ranking, half of the entries": lambda: board.ranking("prompted", entries=some(len(names) // 2)),
        "ranking, all but one": lambda: board.ranking("prompted", entries=some(len(names) - 1)),
        "ranking, another task": lambda: board._ranked("prompted", "persllm_premise", None),
        "compare": lambda: board.compare(*some(2), "prompted"),
        "compare_personas": lambda: board.compare_personas(*some(2), "prompted"),
        "flips": lambda: board.flips(some(2), "persllm_knowledge", "profile"),
        "units, one task": lambda: board.units(*some(), task="persllm_knowledge", condition="profile"),
        "units, all": lambda: board.units(*some()),
        "stage_confusion": lambda: board.stage_confusion(*some()),
        "survival": lambda: board.survival(*some(), "profile"),
        "trajectories": lambda: board.trajectories(*some(), "profile"),
        "traits_profile": lambda: board.traits_profile(*some()),
        "difficulty": board.difficulty,
        "csv_bytes of all scores": lambda: csv_bytes(board.scores()),
    }
    rows: list[dict[str, object]] = []
    for name, call in calls.items():
        rows.append({"call": name, **timed([call] * TIMES)})
    show(f"{len(names):,} entries, {TIMES} times each", *rows)
    print(f"\nmemory after all of them: {psutil.Process(os.getpid()).memory_info().rss / 1e6:,.0f} MB")


def timed(calls: Sequence[Callable[[], Any]]) -> dict[str, float]:
    """Seconds by the clock and of the processor: other jobs on the machine lengthen the first only."""
    took, worked = [], []
    for call in calls:
        began, begun = time.perf_counter(), time.process_time()
        call()
        took.append(time.perf_counter() - began)
        worked.append(time.process_time() - begun)
    middle = statistics.median
    return {"median (s)": middle(took), "slowest (s)": max(took), "median of processor (s)": middle(worked)}


def replies(data: Data, folder: Path, out: Path) -> None:
    """Reading replies from a bundle on disk."""
    build(folder, data, out, None)
    board = Board(out, data=data)
    (entry,) = board.entries()["entry"]
    rows: list[dict[str, object]] = []
    for task in ("persllm_knowledge", "persllm_traits", "persllm_pressure", "persllm_dialogue"):
        calls = [partial(board.replies, entry, "profile", task, persona) for persona in list(data.personas)[:TIMES]]
        rows.append({"replies of one persona": task, **timed(calls)})
    show("replies, from the bundle", *rows)


def known(data: Data, bundle: Path, base: Scored, samples: Path, n: int, cache: Path, out: Path) -> None:
    """A board over n bundles that are known and one that is not."""
    files = {p: e.read() for p, e in folder_tree(bundle).items()}
    root = bundle.parents[2]
    cache.mkdir(parents=True)
    text = json.dumps(base.scores)
    for i in range(n):
        model = base.submission.model.model_copy(update={"repo": f"bench/known-{i}"})
        there = base.submission.model_copy(update={"model": model})
        write(seal_files({**files, "submission.json": facts_json(there)}), root / there.folder)
        key = cache_key(there.folder, seal(folder_tree(root / there.folder), there.folder, data).sha256, data)
        (cache / f"{key}.json").write_text(text)
        os.link(samples, cache / f"{key}.units-{units.version()}.parquet")
    began, begun = time.perf_counter(), time.process_time()
    scored(folder_tree(bundle), "/".join(bundle.parts[-3:]), data)
    alone = {"seconds": time.perf_counter() - began, "of processor": time.process_time() - begun}
    rows: list[dict[str, object]] = []
    for what in ("with one new", "all known"):
        began, begun = time.perf_counter(), time.process_time()
        built = build(root, data, out, cache)
        took, worked = time.perf_counter() - began, time.process_time() - begun
        rows.append({"board": f"{built.entries:,} entries, {what}", "seconds": took, "of processor": worked})
        assert built.entries == n + 1, built.notices[:1]
    show("build", *rows, {"board": "the new one scored by itself", **alone})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=1_000)
    parser.add_argument("--known", type=int, default=1_000)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--site", action="store_true")
    given = parser.parse_args()
    data = load()
    if given.work:
        given.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        work = Path(folder)
        samples = work / "samples.parquet"
        bundle = make(data, work / "submissions")
        keep = lambda _, scores: units.write_units(samples, data, scores)  # noqa: E731
        base = scored(folder_tree(bundle), "/".join(bundle.parts[-3:]), data, keep=keep)
        replies(data, work / "submissions", work / "one")
        began = time.perf_counter()
        synthetic(data, base, samples, given.entries, work / "board")
        files = {p.name: p.stat().st_size for p in (work / "board").glob("*.parquet")} | {
            "units, each": samples.stat().st_size
        }
        print(f"{given.entries:,} entries written in {time.perf_counter() - began:.1f} s")
        show("files", *({"file": name, "MB": round(size / 1e6, 2)} for name, size in sorted(files.items())))
        first_table(work / "board")
        pages(Board(work / "board", data=data))
        if given.site:
            began, begun = time.perf_counter(), time.process_time()
            count = export_site(Board(work / "board", data=data), work / "site")
            took, worked = time.perf_counter() - began, time.process_time() - begun
            print(f"plain pages: {count:,} in {took:.0f} s, {worked:.0f} s of processor")
        if given.known:
            known(data, bundle, base, samples, given.known, work / "cache", work / "known")


if __name__ == "__main__":
    main()
