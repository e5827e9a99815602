"""The command `persllm-bench`."""

from persllm_bench.cli import board, data, plot, release, runs, submit
from persllm_bench.cli.base import app

__all__ = ["app", "board", "data", "plot", "release", "runs", "submit"]
