"""A board as plain pages, for readers without the app: no server, nothing from elsewhere, one script that sorts."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from persllm_bench.board import figures
from persllm_bench.board.board import Board
from persllm_bench.board.layout import CORE_MEAN, MEANS, TRACKS
from persllm_bench.board.markup import bar, number, shade, signed, task_name, text
from persllm_bench.board.safe import csv_bytes
from persllm_bench.board.whole import replacing
from persllm_bench.suite import CORE, KINDS

TEMPLATES = Path(__file__).parent / "templates"
MARK = "site.json"
COMPARED = 6
"""So many of the best are compared pair by pair."""
SAID = 4
"""So many open replies are shown of a model."""
TASKS = [CORE_MEAN, *(f"persllm_{base}" for base in CORE)]
OPEN = ("persllm_open", "persllm-quick_open")
CONTROLS = ("none", "wrong", "swapped")
ORDER = [*MEANS, *(f"{kind}_{base}" for kind in ("persllm", "persllm-ll", "persllm-quick") for base in KINDS)]
Row = dict[str, Any]


def export_site(board: Board, out: Path) -> int:
    """Write the pages to `out`, replacing an earlier site as a whole; returns how many. Equal boards give equal bytes.

    Raises:
        ValueError: `out` holds something else, or the board was built on other data than these.
        OSError: it cannot be written.
    """
    with replacing(out, MARK) as part:
        pages = _Pages(part)
        entries = board.entries()
        scores = board.scores()
        ranked = {track: _ranking(board, entries, scores, track) for track in TRACKS.values()}
        standing = {row["entry"] for rows in ranked.values() for row in rows}
        others = _rows(entries[~entries["entry"].isin(standing)])
        pages.write("index.html", ranked=ranked, others=others, notices=board.notices(), tasks=TASKS)
        for row in _rows(entries):
            mine = scores[scores["entry"] == row["entry"]]
            pages.write(
                f"models/{page_of(row['entry'])}", up="../", entry=row, **_model(board, row["entry"], mine, ranked)
            )
        pages.write("compare.html", tracks={track: _compared(board, rows, track) for track, rows in ranked.items()})
        pages.write("personas.html", personas=_personas(board))
        pages.write("method.html", baselines=_baselines(board))
        for track, rows in ranked.items():
            (part / f"ranking_{track}.csv").write_bytes(
                csv_bytes(
                    pd.DataFrame([{**row, **row["tasks"]} for row in rows]).drop(columns="tasks", errors="ignore")
                )
            )
        (part / "scores.csv").write_bytes(csv_bytes(scores))
        (part / MARK).write_text(json.dumps({"board": board.facts["content_sha256"]}) + "\n")
    return pages.count


def page_of(entry: str) -> str:
    """File name of a model's page: an entry has letters, digits, `._-` and its two slashes only."""
    return f"{entry.replace('/', '__')}.html"


class _Pages:
    """Writes templates; everything that is put into one is escaped."""

    def __init__(self, folder: Path):
        self.folder, self.count = folder, 0
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        style, script = ((TEMPLATES / name).read_text() for name in ("style.css", "sort.js"))
        policy = f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}; img-src data:"
        self._templates.filters |= {
            "text": text,
            "number": number,
            "signed": signed,
            "page": page_of,
            "named": task_name,
        }
        self._templates.globals |= {
            "style": Markup(style), "script": Markup(script), "policy": Markup(policy), "bar": bar, "shade": shade
        }  # fmt: skip

    def write(self, name: str, up: str = "", **what: Any) -> None:
        template = "model.html" if name.startswith("models/") else name
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        found = self._templates.get_template(template).render(up=up, **what)
        path.write_text(found, encoding="utf-8", errors="backslashreplace")
        self.count += 1


def _source(inline: str) -> str:
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _rows(table: pd.DataFrame) -> list[Row]:
    return [dict(zip(table.columns, values, strict=True)) for values in table.itertuples(index=False, name=None)]


def _ranking(board: Board, entries: pd.DataFrame, scores: pd.DataFrame, track: str) -> list[Row]:
    """Rows of a track's table: ranks, facts, scores by task, and what the dossier adds (controls have all personas)."""
    rows = _rows(board.ranking(track).merge(entries, on="entry", how="left"))
    told = _cells(scores[scores["track"] == track], "task")
    core = _cells(scores[scores["task"] == CORE_MEAN], "condition")
    for row in rows:
        row["tasks"] = {t: told[row["entry"]].get(t) for t in TASKS[1:]}
        for control in ("none", "wrong"):
            there = core[row["entry"]].get(control) if track == "prompted" else None
            row[f"over_{control}"] = None if there is None else row["score"] - there
    return rows


def _cells(scores: pd.DataFrame, by: str) -> dict[str, dict[str, float]]:
    """Entry -> value of a column -> score."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for entry, name, score in zip(scores["entry"], scores[by], scores["score"], strict=True):
        found[entry][name] = score
    return found


def _model(board: Board, entry: str, scores: pd.DataFrame, ranked: dict[str, list[Row]]) -> dict[str, Any]:
    """What a model's page shows."""
    tracks = list(TRACKS)
    units = board.units(entry, condition=tracks, task=["persllm_pressure", *OPEN])
    rows = sorted(_rows(scores), key=lambda row: ORDER.index(row["task"]))
    conditions = {c: [row for row in rows if row["condition"] == c] for c in (*TRACKS, *CONTROLS)}
    controls = {c: {row["task"]: row["score"] for row in conditions[c]} for c in CONTROLS}
    people: dict[str, dict[str, dict[str, float]]] = {c: defaultdict(dict) for c in TRACKS}
    for row in _rows(board.personas(entry=entry, condition=tracks, task=TASKS)):
        people[row["condition"]][row["persona"]][row["task"]] = row["score"]
    held: dict[str, dict[str, dict[int, float]]] = {c: defaultdict(dict) for c in TRACKS}
    for condition in tracks:
        pressed = units[(units["task"] == "persllm_pressure") & (units["condition"] == condition)]
        for row in _rows(figures.survival(pressed)):
            held[condition][row["arm"]][row["turn"]] = row["held"]
    return {
        "ranks": {track: row for track, rows in ranked.items() for row in rows if row["entry"] == entry},
        "conditions": {c: found for c, found in conditions.items() if found},
        "controls": controls,
        "people": {c: found for c, found in people.items() if found},
        "measures": _rows(board.measures(entry=entry, condition=tracks)),
        "survival": {c: found for c, found in held.items() if found},
        "said": _rows(units[units["task"].isin(OPEN)].head(SAID)),
        "names": {slug: p.name for slug, p in board.data.personas.items()},
        "tasks": TASKS,
    }


def _compared(board: Board, rows: Sequence[Row], track: str) -> list[Row]:
    """Every pair of the best, on all that both have; the means first."""
    pairs = combinations(rows[:COMPARED], 2)
    return [{"a": a, "b": b, "tasks": _rows(board.compare(a["entry"], b["entry"], track))} for a, b in pairs]


def _personas(board: Board) -> list[Row]:
    """Who is asked about, and the mean score of full submissions."""
    entries = board.entries()
    full = entries.loc[entries["ranked"].astype(bool), "entry"].tolist()
    scores = board.personas(entry=full, condition="profile", task=CORE_MEAN).groupby("persona")["score"].mean()
    return [{**row, "mean": scores.get(row["persona"])} for row in _rows(board.personas_table())]


def _baselines(board: Board) -> Row:
    path = board.data.root / "baselines.json"
    return dict(json.loads(path.read_text())["best"]) if path.is_file() else {}
