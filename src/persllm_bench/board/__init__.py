"""The leaderboard's data: scored submissions as Parquet, and what its pages ask of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from persllm_bench.board.board import Board
from persllm_bench.board.safe import csv_bytes, visible

if TYPE_CHECKING:
    from persllm_bench.board.builder import Built, build

__all__ = ["Board", "Built", "build", "csv_bytes", "visible"]


def __getattr__(name: str) -> Any:
    """`build` needs the scorer, which takes seconds to load; reading a board does not."""
    if name not in ("Built", "build"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from persllm_bench.board import builder

    return getattr(builder, name)
