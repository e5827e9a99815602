"""The command `persllm-bench`."""

from persllm_bench.cli import data, judge, plot, release, runs, submit
from persllm_bench.cli.base import app

__all__ = ["app", "data", "judge", "plot", "release", "runs", "submit"]
