"""Judgements as they come in: what was answered is never asked again, and the finished file has the same bytes however
often the work was interrupted."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from persllm_bench.runs import RunError
from persllm_bench.samples import Sample
from persllm_bench.scoring import Reply
from persllm_bench.usage import Usage

MAX_FAILURES = 20
"""So many calls may fail one after the other, each after its last retry; then the judge is taken to be gone."""

Heard = Callable[[Sample, dict[str, Any]], None]


class Asker(Protocol):
    """A judge that can be asked. `ask` calls `heard` with what came back (fields of `Reply`) as soon as it is there, in
    any order; a call that failed for good is heard as `error`. `usage` are the tokens so far, if known."""

    @property
    def usage(self) -> Usage | None: ...

    def ask(self, samples: Sequence[Sample], heard: Heard) -> None: ...


def read(path: Path) -> list[Reply]:
    """The rows of a journal or of a finished file; a last line that was cut off is left out.

    Raises:
        RunError: a malformed row.
    """
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(Reply.model_validate_json(line))
        except ValidationError as error:
            raise RunError(f"{path}:{number}: {error}") from error
    return rows


def open_samples(samples: Sequence[Sample], path: Path) -> list[Sample]:
    """Those that neither the finished file nor its journal answers."""
    known = {(r.sample_id, r.prompt_sha256) for p in (path, _part(path)) for r in read(p)}
    return [s for s in samples if (s.id, s.prompt_sha256) not in known]


def fill(samples: Sequence[Sample], path: Path, asker: Callable[[], Asker]) -> list[Reply]:
    """A row per sample, in their order, from `path`, its journal, or the judge; `asker` makes one if it is needed.

    Raises:
        RunError: many calls in a row failed. What was heard before is kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if missing := open_samples(samples, path):
        _ask(missing, path, asker())
    rows = {(r.sample_id, r.prompt_sha256): r for p in (path, _part(path)) for r in read(p)}
    found = [rows[s.id, s.prompt_sha256] for s in samples]
    if _part(path).exists() or not path.exists():
        new = path.with_suffix(".new")
        new.write_text("".join(r.model_dump_json() + "\n" for r in found), encoding="utf-8")
        os.replace(new, path)
        _part(path).unlink(missing_ok=True)
    return found


def forget_failures(path: Path) -> int:
    """Take rows with an error out of a finished file, so that they are asked again; returns how many."""
    rows = read(path)
    failed = [r for r in rows if r.error is not None]
    if failed:
        kept = "".join(r.model_dump_json() + "\n" for r in rows if r.error is None)
        _part(path).write_text(kept, encoding="utf-8")
        path.unlink()
    return len(failed)


def _ask(missing: Sequence[Sample], path: Path, asker: Asker) -> None:
    part, failures = _part(path), 0
    kept = read(part)
    with part.open("w", encoding="utf-8") as file:  # written anew, so that no row follows one that was cut off
        file.write("".join(r.model_dump_json() + "\n" for r in kept))

        def heard(sample: Sample, got: dict[str, Any]) -> None:
            nonlocal failures
            failures = failures + 1 if "error" in got else 0
            if failures >= MAX_FAILURES:
                raise RunError(f"the judge failed {failures} times in a row ({got['error']}); run again to go on")
            row = Reply.to(sample, "profile", **got).model_copy(update={"messages": []})
            file.write(row.model_dump_json() + "\n")
            file.flush()

        asker.ask(missing, heard)


def _part(path: Path) -> Path:
    return path.with_suffix(path.suffix + ".part")
