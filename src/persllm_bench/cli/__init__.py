"""The command `persllm-bench`."""

from persllm_bench.cli import board, data, judge, plot, release, runs, submit
from persllm_bench.cli.base import app

__all__ = ["app", "board", "data", "judge", "plot", "release", "runs", "submit"]
