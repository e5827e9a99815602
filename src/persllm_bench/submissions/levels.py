"""How far a submission is verified: an append-only list of what was done, with the last word of each bundle."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from persllm_bench.schema import Record
from persllm_bench.submissions.compare import Comparison
from persllm_bench.submissions.record import Line, Sha256
from persllm_bench.submissions.validation import Bundle

Level = Literal[1, 2, 3]
FILE = "verifications.jsonl"
"""Under `submissions/`, outside every submission: a pull request that adds one cannot touch it."""


class Verification(Record):
    """One line: that a bundle passed a re-run, or that it was put down to a lower level."""

    where: str
    content_sha256: Sha256
    level: Level
    """The level from now on: 2 or 3 after a re-run that passed, 1 after one that failed."""
    day: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    seed: Line | None = None
    """The public string that the subsample was drawn by; none for a full re-run."""
    note: Line


def verification(bundle: Bundle, outcome: Comparison, level: int, seed: str) -> Verification:
    """The line for a re-run that was done today."""
    note = "; ".join(outcome.told())[:300]
    reached: Level = (3 if level == 3 else 2) if outcome.passes else 1
    today = datetime.now(UTC).date().isoformat()
    return Verification(
        where=bundle.where, content_sha256=bundle.sha256, level=reached, day=today, seed=seed or None, note=note
    )


def append(file: Path, line: Verification) -> None:
    """Add a line; earlier ones are never changed."""
    with file.open("a") as out:
        out.write(line.model_dump_json() + "\n")


def levels(file: Path) -> dict[str, Level]:
    """Content hash -> level, by the last line of each; a bundle without a line stands at level 1.

    Raises:
        ValueError: a malformed line; with its number.
    """
    return {line.content_sha256: line.level for line in verifications(file)}


def verifications(file: Path) -> list[Verification]:
    """Every line in order; none where there is no file. Raises like `levels`."""
    found = []
    for number, text in enumerate(file.read_text().splitlines() if file.exists() else [], 1):
        try:
            found.append(Verification.model_validate_json(text))
        except ValidationError as error:
            raise ValueError(f"{file}:{number}: {error}") from error
    return found
