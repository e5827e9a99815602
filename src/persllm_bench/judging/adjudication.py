"""People rate replies of a run, drawn at random, so that the run itself can correct its judge.

`adjudications/<task>/draw.json` says what was drawn, `adjudications/<task>/<rater>.jsonl` what a person found.
"""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from persllm_bench import strict
from persllm_bench.judging.rubric import Labelled
from persllm_bench.runs import RunError
from persllm_bench.samples import Sample
from persllm_bench.schema import Record

RATER = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class Draw(Record):
    """A random draw without replacement: `ids` and prompt hashes of the drawn rating requests, of so many."""

    seed: int
    of: Annotated[int, Field(ge=1)]
    drawn: dict[str, str]
    """Sample id -> hash of the rating request, and with it of the reply."""


class Sheet(Record):
    """A reply for a person to rate. To fill in: `errors`, [] or {"sentence": N, "kind": ...} per wrong sentence."""

    id: str
    role: str
    asked: str
    """The question and the reply, its sentences numbered."""
    errors: list[Labelled] | None = None


def draw(run: Path, name: str, samples: Sequence[Sample], n: int, seed: int, sheet: Path) -> Draw:
    """Draw `n` of the rating requests of a task at random and write a sheet for a person to fill in.

    Raises:
        RunError: fewer than `n` there, or another draw was made before.
    """
    if not 0 < n <= len(samples):
        raise RunError(f"cannot draw {n} of the {len(samples)} replies of {name}")
    chosen = sorted(random.Random(seed).sample(range(len(samples)), n))
    new = Draw(seed=seed, of=len(samples), drawn={samples[i].id: samples[i].prompt_sha256 for i in chosen})
    path = _folder(run, name) / "draw.json"
    if path.exists() and read_draw(run, name) != new:
        raise RunError(f"{path} holds another draw; a second choice is no random draw")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(new.model_dump_json(indent=2) + "\n")
    rows = [
        Sheet(
            id=samples[i].id,
            role=samples[i].messages[0].content,
            asked=samples[i].messages[1].content.split("\n\nRate the reply.")[0],
        )
        for i in chosen
    ]
    sheet.write_text("".join(r.model_dump_json() + "\n" for r in rows), encoding="utf-8")
    return new


def read_draw(run: Path, name: str) -> Draw | None:
    """The draw of a task; None before there is one. Raises RunError for a broken file."""
    path = _folder(run, name) / "draw.json"
    if not path.is_file():
        return None
    try:
        return Draw.model_validate_json(path.read_text())
    except ValidationError as error:
        raise RunError(f"{path}: {error}") from error


def take(run: Path, name: str, samples: Sequence[Sample], rater: str, sheet: Path) -> int:
    """Keep a filled-in sheet as that rater's; returns how many replies have an error.

    Raises:
        RunError: every fault of the sheet at once: a row that cannot be read, is not filled in, was not drawn, comes
            twice or names a sentence that is not there; a drawn reply without a row (what is left out is not random).
    """
    known = read_draw(run, name)
    if known is None:
        raise RunError(f"{run}: nothing was drawn of {name} yet; use --draw first")
    if not RATER.fullmatch(rater):
        raise RunError(f"rater {rater!r}: allowed are small letters, digits, - and _, at most 40")
    count = {s.id: s.rated or 0 for s in samples if known.drawn.get(s.id) == s.prompt_sha256}
    faults = [f"{name_}: the run's reply is not the one that was drawn" for name_ in known.drawn if name_ not in count]
    rows: dict[str, Sheet] = {}
    for number, line in enumerate(sheet.read_text(encoding="utf-8").splitlines(), 1):
        where = f"{sheet}:{number}"
        try:
            row = Sheet.model_validate(strict.loads(line))
        except (ValidationError, ValueError) as error:
            faults.append(f"{where}: {error}")
            continue
        if row.id not in count or row.id in rows:
            faults.append(f"{where}: {row.id} {'comes twice' if row.id in rows else 'was not drawn'}")
        elif row.errors is None:
            faults.append(f"{where}: {row.id} is not filled in; errors is [] where there is none")
        elif high := [e.sentence for e in row.errors if e.sentence > count[row.id]]:
            faults.append(f"{where}: {row.id} names sentence {high[0]}, allowed: 1 to {count[row.id]}")
        rows[row.id] = row
    faults += [f"no row for {name_}" for name_ in known.drawn if name_ not in rows]
    if faults:
        raise RunError(f"{len(faults)} fault(s) in the sheet:\n" + "\n".join(faults))
    kept = "".join(r.model_copy(update={"role": "", "asked": ""}).model_dump_json() + "\n" for r in rows.values())
    (_folder(run, name) / f"{rater}.jsonl").write_text(kept, encoding="utf-8")
    return sum(bool(r.errors) for r in rows.values())


def labels(run: Path, name: str) -> dict[str, list[bool]]:
    """Sample id -> one label per rater: does the reply have an error? Empty before anybody rated."""
    found: dict[str, list[bool]] = defaultdict(list)
    for path in sorted(_folder(run, name).glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found[row["id"]].append(bool(row["errors"]))
    return dict(found)


def _folder(run: Path, name: str) -> Path:
    return run / "adjudications" / name
