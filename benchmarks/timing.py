"""Times of things that take turns, and Markdown tables of them."""

from __future__ import annotations

import contextlib
import io
import statistics
import time
from collections.abc import Callable
from typing import Any

Side = Callable[[], Any]


def seconds(side: Side) -> float:
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        began = time.perf_counter()
        side()
        return time.perf_counter() - began


def in_turn(repeat: int, *sides: Side) -> list[float]:
    """Median seconds of each side; the sides take turns."""
    rounds = [[seconds(side) for side in sides] for _ in range(repeat)]
    return [statistics.median(found) for found in zip(*rounds, strict=True)]


def show(title: str, *rows: dict[str, object]) -> None:
    cells = [[f"{c:.3g}" if isinstance(c, float) else str(c) for c in row.values()] for row in rows]
    lines = [list(rows[0]), ["---"] * len(rows[0]), *cells]
    print(f"\n### {title}\n\n" + "\n".join("| " + " | ".join(row) + " |" for row in lines), flush=True)
