"""Folders that are replaced as a whole: whoever reads one sees the old or the new, never half of each."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_EXCHANGE, _HERE = 2, -100


@contextmanager
def replacing(out: Path, mark: str) -> Iterator[Path]:
    """A new folder that takes the place of `out` when the block ends without an error.

    mark: the file that every such folder has; whatever else lies at `out` is not ours to remove.

    Raises:
        ValueError: `out` is there, not empty, and has no `mark`.
        OSError: it cannot be written.
    """
    if out.exists() and not (out / mark).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} is there and has no {mark}: allowed is a new folder, an empty one or one to replace")
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        _swap(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _swap(part: Path, out: Path) -> None:
    """In one step where the system can exchange two names (renameat2 of Linux), else in two."""
    if not out.exists():
        part.rename(out)
        return
    try:
        names = os.fsencode(part), os.fsencode(out)
        if ctypes.CDLL(None, use_errno=True).renameat2(_HERE, names[0], _HERE, names[1], _EXCHANGE) == 0:
            return
    except (OSError, AttributeError, TypeError):
        pass
    old = part.with_suffix(".old")
    out.rename(old)
    part.rename(out)
    shutil.rmtree(old)
