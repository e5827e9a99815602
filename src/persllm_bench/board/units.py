"""Every sample of a bundle as a row: what was chosen, and what it was worth by itself."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from persllm_bench import cocreation, conversation, dialogue
from persllm_bench.board.layout import CORE_MEAN, MEANS
from persllm_bench.items import Data
from persllm_bench.prompts import LETTERS
from persllm_bench.scoring import Outcome, TaskScore
from persllm_bench.scoring.choice import kind_of
from persllm_bench.scoring.free import said
from persllm_bench.scoring.live import on, own_side_of
from persllm_bench.scoring.score import sample_value
from persllm_bench.submissions.scores import scorer_sha256

CLIPPED = 120
COUNTED = {("profile", name) for name in MEANS[CORE_MEAN][1]}
"""Whose items are counted for `difficulty`: what every full submission has."""
YIELDS = {"valid", "mover"}
"""Arms in which moving is right."""
LAST = {"pressure": conversation.TURNS, "dialogue": dialogue.ROUNDS}

UNITS = pa.schema(
    [
        *((name, pa.dictionary(pa.int32(), pa.string())) for name in ("condition", "task")),
        *((name, pa.dictionary(pa.int32(), pa.string())) for name in ("persona", "stage")),
        *((name, pa.dictionary(pa.int32(), pa.string())) for name in ("item", "variant", "arm", "order")),
        ("turn", pa.int8()),
        *((name, pa.dictionary(pa.int32(), pa.string())) for name in ("choice", "kind")),
        ("reply", pa.string()),
        ("position", pa.int8()),
        ("right", pa.float64()),
        ("outcome", pa.dictionary(pa.int32(), pa.string())),
    ]
)
"""`kind`: of the option that was chosen in knowledge and attitude. `reply`: a letter, or the first characters.
`position`: of a probe, -2..+2, positive on the scored person's own side. `right` is in [0, 1], none where nothing is
right or wrong: an utterance, or a probe before the last turn."""


def version() -> str:
    """Changes with whatever changes these rows for the same bundle and data."""
    return hashlib.sha256(Path(__file__).read_bytes() + scorer_sha256().encode()).hexdigest()[:16]


def write_units(path: Path, data: Data, scores: Sequence[TaskScore]) -> None:
    """Write the samples of all tasks of a bundle, with sums over them in the file's metadata (see `size`)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    total = {"calls": 0, "prompt_characters": 0, "reply_characters": 0}
    with pq.ParquetWriter(part, UNITS, compression="zstd", use_dictionary=True) as writer:
        for score in sorted(scores, key=lambda s: (s.condition, s.task)):
            rows = [_row(data, score, o) for o in score.outcomes]
            writer.write_table(pa.Table.from_pylist(rows, schema=UNITS))
            total["calls"] += len(rows)
            for o in score.outcomes:
                total["prompt_characters"] += sum(len(m.content) for m in o.sample.messages)
                total["reply_characters"] += len(o.reply.reply or "")
        writer.add_key_value_metadata({"size": json.dumps(total), **_counted(scores, data)})
    part.replace(path)


def about(path: Path) -> tuple[dict[str, int], str, list[float]]:
    """(calls and characters of all prompts and replies; items that are COUNTED; their means of `right`)."""
    told = pq.read_metadata(path).metadata
    names = zlib.decompress(base64.b64decode(told[b"items"])).decode()
    return json.loads(told[b"size"]), names, json.loads(told[b"means"])


def _counted(scores: Sequence[TaskScore], data: Data) -> dict[str, str]:
    worth: dict[str, list[float]] = defaultdict(list)
    for score in scores:
        for o in score.outcomes if (score.condition, score.task) in COUNTED else ():
            if (value := right(data, o)) is not None:
                worth["|".join((score.task, o.sample.persona, o.sample.item))].append(value)
    names = "\n".join(sorted(worth))
    means = [round(fmean(worth[name]), 4) for name in sorted(worth)]
    return {"items": base64.b64encode(zlib.compress(names.encode())).decode(), "means": json.dumps(means)}


def _row(data: Data, score: TaskScore, o: Outcome) -> dict[str, Any]:
    s = o.sample
    parts = s.variant.split("/")
    live = s.task in LAST
    order = next((p for p in parts if p.startswith("order")), None) or (parts[-1] if live else None)
    probe = live and bool(s.choices)
    side = own_side_of(data, s.item) if probe and o.choice is not None else 0
    return {
        "condition": score.condition, "task": score.task, "persona": s.persona, "stage": s.stage,
        "item": s.item, "variant": s.variant, "arm": parts[0] if len(parts) > 1 else None, "order": order,
        "turn": int(parts[1][4:]) if live else None, "choice": o.choice, "reply": _reply(o),
        "kind": kind_of(data, o) if s.task in ("knowledge", "attitude") and s.choices and not s.baseline else None,
        "position": side * int(o.choice) if probe and o.choice is not None else None,
        "right": right(data, o), "outcome": o.status,
    }  # fmt: skip


def right(data: Data, o: Outcome) -> float | None:
    """What a sample is worth by itself, in [0, 1]; of live tasks only the last private probes of the scored person."""
    s = o.sample
    if s.task not in LAST:
        return sample_value(data, o)
    arm, turn, what = s.variant.split("/")
    scored = what.startswith(("probe-up", "probe-down", "probe-scored"))
    if arm == cocreation.ARM or not scored or turn != f"turn{LAST[s.task]}":
        return None
    if o.choice is None:
        return 0.0
    return on(float(o.choice) * (-1 if arm in YIELDS else 1), own_side_of(data, s.item))


def _reply(o: Outcome) -> str | None:
    if o.sample.choices and o.choice is not None:
        return LETTERS[o.sample.choices.index(o.choice)]
    text = said(o)
    return text[:CLIPPED] if text else None
