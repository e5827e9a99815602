"""Asks a submission's model again and compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from persllm_bench import runner
from persllm_bench.faces.settings import Asked, Settings
from persllm_bench.items import Data
from persllm_bench.scoring import Reply
from persllm_bench.submissions.compare import Comparison, Drawn, compare, draw
from persllm_bench.submissions.record import Submission
from persllm_bench.submissions.validation import Bundle
from persllm_bench.suite import task


def target_of(submission: Submission, model: str, given: runner.Target) -> runner.Target:
    """What to run: a local folder whose hash is the submission's, or the submission's repository at its revision.

    Raises:
        ValueError: another model, or a local folder that cannot be told to be the same.
    """
    facts = submission.model
    if submission.harness.name == "policy":
        raise ValueError(f"{facts.repo} is a calibration entry: persllm-bench calibrate makes it again, byte for byte")
    arguments = {"dtype": facts.dtype, **given.model_args} if facts.dtype.startswith(("float", "bfl")) else {}
    if Path(model).is_dir():
        digest = runner.weights_sha256(model)
        if digest != facts.files_sha256:
            raise ValueError(
                f"{model} is another model: files {digest}; allowed: model.files_sha256 {facts.files_sha256}"
            )
        return replace(given, model=model, model_args=arguments)
    if given.backend == "endpoint":
        return replace(given, model=model or facts.repo)
    if model and model != facts.repo:
        raise ValueError(f"no such folder {model}, and the submission is of {facts.repo}")
    return replace(given, model=facts.repo, model_args={"revision": facts.revision, **arguments})


def rerun(bundle: Bundle, data: Data, target: runner.Target, *, level: int, seed: str) -> Comparison:
    """Level 2: a subsample drawn by `seed`. Level 3: every call. Each is asked twice, the second time as the control,
    in batches of half the size (of two, where they had one)."""
    drawn = draw(bundle, data, seed, 1.0 if level == 3 else None)
    batches = max(1, target.batch_size // 2) if target.batch_size > 1 else 2
    again = _answers(bundle, data, drawn, target)
    control = _answers(bundle, data, drawn, replace(target, batch_size=batches))
    return compare(data, drawn, again, control)


def _answers(bundle: Bundle, data: Data, drawn: Sequence[Drawn], target: runner.Target) -> list[list[Reply]]:
    calls = []
    for part in drawn:
        facts = bundle.submission.conditions[part.condition]
        settings = Settings(part.condition, ",".join(facts.personas), facts.reasoning)
        calls.append(Asked(task(part.task), data, settings, part.samples, []))
    return runner.ask(target, calls)
