"""How hard each item is for the entries of a board, and whether it goes with the rest of its task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from persllm_bench.board.layout import DIFFICULTY


class Items:
    """Collects what full submissions earned on each item, one after another."""

    def __init__(self) -> None:
        self._names = ""
        self._rows: list[NDArray[np.float32]] = []

    def add(self, names: str, means: Sequence[float]) -> None:
        """names: lines of task|persona|item; means: of `right`, in [0, 1].

        Raises:
            ValueError: other items than those of the entries before it.
        """
        self._names = self._names or names
        if names != self._names:
            raise ValueError("the items are not those of the other full submissions")
        self._rows.append(np.array(means, dtype=np.float32))

    def table(self) -> pa.Table:
        """mean: over entries, 0 to 1. rest: correlation over entries of an item with the mean of the other items of its
        task; none with fewer than three entries or without variation. flagged: it is below 0."""
        keys = [line.split("|") for line in self._names.splitlines()]
        x = np.array(self._rows, dtype=float).reshape(len(self._rows), len(keys))
        tasks = np.array([task for task, _, _ in keys])
        rest = np.full(len(keys), np.nan)
        for task in dict.fromkeys(tasks.tolist()):
            mine = x[:, tasks == task]
            others = (mine.sum(axis=1, keepdims=True) - mine) / max(mine.shape[1] - 1, 1)
            rest[tasks == task] = _correlations(mine, others)
        mean = x.mean(axis=0) if len(x) else np.empty(0)
        columns = {
            **{name: [key[i] for key in keys] for i, name in enumerate(("task", "persona", "item"))},
            "entries": [len(x)] * len(keys),
            "mean": mean,
            "rest": pa.array(rest, from_pandas=True),
            "flagged": rest < 0,
        }
        return pa.table(columns, schema=DIFFICULTY)


def _correlations(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Column by column; NaN where one of the two does not vary, or with fewer than three rows."""
    found = np.full(a.shape[1], np.nan)
    if len(a) < 3:
        return found
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    spread = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return np.divide((a * b).sum(axis=0), spread, out=found, where=spread > 1e-9)
