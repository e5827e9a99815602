"""Reads Inspect logs back into replies and token counts."""

from __future__ import annotations

from pathlib import Path

from inspect_ai.log import EvalLog, read_eval_log

from persllm_bench.faces.logged import Logged
from persllm_bench.faces.settings import Settings
from persllm_bench.scoring import Reply
from persllm_bench.usage import Usage


def logged(path: Path) -> list[Logged]:
    """The task in an `.eval` log, or every one in the `.eval` logs below a folder.

    Raises:
        ValueError: a log that is not of a persllm task, or whose run did not succeed.
    """
    found = []
    for where in [path] if path.is_file() else sorted(path.rglob("*.eval")):
        log = read_eval_log(str(where))
        replies = replies_of(log)
        if log.status != "success":
            raise ValueError(f"{where}: the run ended with {log.status}; retry it with inspect eval-retry")
        known = dict((log.eval.metadata or {})["persllm"])
        found.append(
            Logged(
                where=where,
                task=known["task"],
                settings=Settings.from_mixed(known),
                data_sha256=known.get("data_sha256"),
                replies=replies,
                harness="inspect",
                packages={name.replace("_", "-"): version for name, version in log.eval.packages.items()},
                model=log.eval.model,
            )
        )
    return found


def replies_of(log: EvalLog) -> list[Reply]:
    """The raw replies of a log, in the order of the task; a sample that errored is replies with an error.

    Raises:
        ValueError: not a log of a persllm task.
    """
    known = dict((log.eval.metadata or {}).get("persllm") or {})
    if not known:
        raise ValueError(f"{log.location or 'this log'} is not of a persllm task")
    asked = Settings.from_mixed(known).asked(known["task"])
    rows: dict[str, list[Reply]] = {}
    for logged in log.samples or []:
        for score in (logged.scores or {}).values():
            found = (score.metadata or {}).get("replies", [])
            rows[str(logged.id)] = [Reply.model_validate_json(row) for row in found]
        if logged.error is not None:
            talk = next((t for t in asked.conversations if t.id == logged.id), None)
            if talk is not None:
                rows[talk.id] = asked.talk_replies(talk, {}, logged.error.message)
            else:
                sample = next(s for s in asked.samples if s.id == logged.id)
                rows[sample.id] = [Reply.to(sample, asked.settings.condition, error=logged.error.message)]
    return [row for name in asked.by_id for row in rows.get(name, [])]


def usage_of(log: EvalLog) -> Usage | None:
    """Tokens of all calls; reused are those that the provider reports as read from its cache."""
    rows = log.stats.model_usage.values()
    reused = sum(row.input_tokens_cache_read or 0 for row in rows)
    prompt = reused + sum(row.input_tokens + (row.input_tokens_cache_write or 0) for row in rows)
    return Usage(prompt=prompt, reused=reused, generated=sum(row.output_tokens for row in rows)) if prompt else None
