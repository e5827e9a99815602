"""The board that the app's tests read, built once for all of pytest's workers, and the app's server on it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from filelock import FileLock

import board_small
import persllm_bench.board.board
from persllm_bench.board import build
from persllm_bench.items import Data
from persllm_bench.reader import load

STEADY, WEAK, AGAIN, HOSTILE, BASELINE = (
    "lab/steady",
    "lab/weak",
    "other/weak-again",
    "other/trained",
    "persllm-bench/oracle",
)


@pytest.fixture(scope="session")
def board_folder(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The board's folder; `submissions` lies beside it."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "leaderboard"
    with FileLock(f"{root}.lock"):
        if not (root / "data").exists():
            small = board_small.small(data)
            board_small.write(small, root / "submissions")
            build(root / "submissions", small, root / "data")
    return root / "data"


def small_data() -> Data:
    """What a board of this module is read with."""
    return board_small.small(load())


def main() -> None:
    """`streamlit` with these arguments, reading boards with the small data."""
    from streamlit.web.cli import main as streamlit

    data = small_data()
    persllm_bench.board.board.load = lambda: data
    streamlit(sys.argv[1:])


if __name__ == "__main__":
    main()
