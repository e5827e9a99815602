"""Reads Inspect logs back into replies."""

from __future__ import annotations

from inspect_ai.log import EvalLog

from persllm_bench.faces.settings import Settings
from persllm_bench.scoring import Reply


def replies_of(log: EvalLog) -> list[Reply]:
    """The raw replies of a log, in the order of the task's samples; a sample that errored is a reply with an error.

    Raises:
        ValueError: not a log of a persllm task.
    """
    known = (log.eval.metadata or {}).get("persllm")
    if known is None:
        raise ValueError(f"{log.location or 'this log'} is not of a persllm task")
    settings = Settings(known["condition"], known["personas"], known["reasoning"])
    _, _, samples = settings.samples(known["task"])
    rows: dict[str, Reply] = {}
    for logged in log.samples or []:
        for score in (logged.scores or {}).values():
            if score.metadata and "reply" in score.metadata:
                rows[str(logged.id)] = Reply.model_validate_json(score.metadata["reply"])
        if logged.error is not None:
            sample = next(s for s in samples if s.id == logged.id)
            rows[sample.id] = Reply.to(sample, settings.condition, error=logged.error.message)
    return [rows[s.id] for s in samples if s.id in rows]
