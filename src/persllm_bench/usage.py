"""What a run cost: tokens, and seconds by phase."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass
class Usage:
    """Tokens. Of `prompt`, `reused` came from a prefix cache; `kept` were computed by themselves to be reused."""

    prompt: int = 0
    reused: int = 0
    kept: int = 0
    generated: int = 0

    def __sub__(self, before: Usage) -> Usage:
        return Usage(**{name: value - getattr(before, name) for name, value in asdict(self).items()})


class Clock:
    """Seconds by phase, the phases of a run following or calling one another; a phase inside another counts once."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = time.perf_counter()

    def _switch(self) -> None:
        now = time.perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self._switch()
        self._open.append(name)
        try:
            yield
        finally:
            self._switch()
            self._open.pop()

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, its time counted as that phase."""

        def call(*args: Any, **kwargs: Any) -> Any:
            with self.phase(name):
                return function(*args, **kwargs)

        return call


def sentence(usage: Usage | None, seconds: dict[str, float]) -> str:
    """Time by phase, then tokens, tokens a second of model time and the share of prompt tokens not computed again."""
    phases = ", ".join(f"{name} {spent:.1f} s" for name, spent in seconds.items())
    if usage is None:
        return f"{phases}; tokens unknown"
    speed = (usage.prompt + usage.generated) / max(seconds.get("model", 0.0), 1e-9)
    hits = f"{100 * usage.reused / max(usage.prompt, 1):.1f} % of them from cache"
    return f"{phases}; {usage.prompt:,} prompt tokens, {hits}, {usage.generated:,} replied: {speed:,.0f} tokens/s"


def note(path: Path, task: str, usage: Usage | None, seconds: dict[str, float]) -> None:
    """Add a line to a run's `usage.jsonl`: unlike `run.json` it differs between equal runs."""
    row = {"task": task, "tokens": usage and asdict(usage), "seconds": {k: round(v, 3) for k, v in seconds.items()}}
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a run's `usage.jsonl`: `task`, `tokens` (none where unknown) and `seconds` by phase."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def read_speed(path: Path) -> float | None:
    """Tokens per second of model time over a run's `usage.jsonl`; None where it does not tell."""
    told = [r for r in read(path) if r["tokens"] and r["seconds"].get("model")]
    seconds = sum(r["seconds"]["model"] for r in told)
    return sum(r["tokens"]["prompt"] + r["tokens"]["generated"] for r in told) / seconds if seconds else None
