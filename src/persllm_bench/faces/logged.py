"""What a saved run of either harness, or of `persllm-bench run`, tells: replies to a task, and facts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from persllm_bench.faces.settings import Settings
from persllm_bench.scoring import Reply


@dataclass(frozen=True)
class Logged:
    """The replies to one task under one condition. A fact that the log does not tell is None."""

    where: Path
    task: str
    settings: Settings
    data_sha256: str | None
    replies: list[Reply]
    harness: str
    packages: dict[str, str]
    model: str
    files_sha256: str | None = None
    chat_template_sha256: str | None = None
    model_args: dict[str, str] = field(default_factory=dict)
