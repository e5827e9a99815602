"""Reads what plain `lm_eval --log_samples --output_path` leaves back into replies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from persllm_bench.faces.logged import Logged
from persllm_bench.faces.settings import Settings
from persllm_bench.suite import TASKS


def logged(folder: Path) -> list[Logged]:
    """Every persllm task in the results (`results_*.json`) below `folder`.

    Raises:
        ValueError: results that are no JSON or lack their samples (`--log_samples`).
    """
    return [task for path in sorted(folder.rglob("results_*.json")) for task in _read(path)]


def _read(results: Path) -> list[Logged]:
    try:
        known: dict[str, Any] = json.loads(results.read_text())
        found = []
        for name in sorted(set(known["configs"]) & set(TASKS)):
            metadata = dict(known["configs"][name].get("metadata") or {})
            settings = Settings.from_mixed(metadata)
            rows = [json.loads(line)["score"] for line in _samples(results, name).read_text().splitlines()]
            found.append(
                Logged(
                    where=results,
                    task=name,
                    settings=settings,
                    data_sha256=metadata.get("data_sha256"),
                    replies=settings.asked(name).replies(rows),
                    harness="lm-eval",
                    packages={"lm-eval": known["lm_eval_version"], "transformers": known["transformers_version"]},
                    model=known["model_name"],
                    chat_template_sha256=known.get("chat_template_sha"),
                )
            )
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{results}: not what lm-eval writes: {type(error).__name__} {error}") from error
    return found


def _samples(results: Path, task: str) -> Path:
    path = results.with_name(f"samples_{task}_{results.stem.removeprefix('results_')}.jsonl")
    if not path.is_file():
        raise ValueError(f"{results} has no {path.name} beside it: run lm_eval with --log_samples")
    return path
