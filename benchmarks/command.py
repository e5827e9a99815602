"""Runs through the command, each in a process of its own, and how their replies compare."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from persllm_bench.runs import RunFolder
from persllm_bench.suite import TASKS, task

MINI = Path(__file__).resolve().parents[1] / "reference_models" / "mini" / "model"
QUICK = ",".join(name for name, t in TASKS.items() if t.quick)
ENGINE = {"dtype": "float32", "enforce_eager": "true", "block_size": "32"}
"""vLLM settings under which runs repeat on the CPU; blocks of 32 tokens are the shortest that its kernels prefer."""
BIN = Path(sys.executable).parent
ENV = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "WARNING", **os.environ}
ENV["PATH"] = f"{BIN}{os.pathsep}{ENV['PATH']}"


def model_args(settings: dict[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("--model-arg", f"{name}={value}")]


def command(model: str, output: Path, tasks: str, *more: str) -> list[str]:
    base = [sys.executable, "-m", "persllm_bench.cli", "run", "--model", model, "--tasks", tasks]
    return [*base, "--output", str(output), *more]


def run(model: str, output: Path, tasks: str, *more: str, **env: str) -> RunFolder:
    """Exits with what the run said if it fails."""
    began = time.perf_counter()
    line = command(model, output, tasks, *more)
    done = subprocess.run(line, env=ENV | env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{output.name} failed:\n{done.stderr[-4000:]}")
    print(f"\n{output.name}: {time.perf_counter() - began:.0f} s", flush=True)
    print("\n".join(x for x in done.stdout.splitlines() if x.startswith(("profile ", "model "))), flush=True)
    return RunFolder(output / "profile")


def equal(first: RunFolder, second: RunFolder) -> dict[str, tuple[int, int, int, int]]:
    """By task: equal replies, replies, equal letters, letters."""
    found = {}
    for name in first.done():
        pairs = list(zip(first.replies(name), second.replies(name), strict=True))
        replies = [a.reply == b.reply for a, b in pairs]
        asked = [task(name).kind == "letter" or "/probe-" in a.sample_id for a, _ in pairs]
        letters = [same for same, letter in zip(replies, asked, strict=True) if letter]
        found[name] = (sum(replies), len(replies), sum(letters), len(letters))
    return found
