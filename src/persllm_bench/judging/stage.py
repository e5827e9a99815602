"""The second stage: a judge rates what a run said, after it has shown on the gold set how good it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from persllm_bench.drivers import Target
from persllm_bench.estimates import Estimate, estimate_samples
from persllm_bench.items import Data
from persllm_bench.judging import journal
from persllm_bench.judging.askers import asker
from persllm_bench.judging.folder import CALIBRATIONS, JudgeFacts, JudgeFolder
from persllm_bench.judging.journal import Asker
from persllm_bench.judging.said import rating_samples, tasks_of
from persllm_bench.runner import facts_of, model_facts
from persllm_bench.runs import RunFolder
from persllm_bench.samples import Sample
from persllm_bench.suite import task
from persllm_bench.usage import Usage, note, read_speed


@dataclass(frozen=True)
class Work:
    """What is to be asked for one run: `said`, its free text by task; `todo`, all calls that have no answer yet, those
    on the gold set included."""

    run: RunFolder
    folder: JudgeFolder
    said: dict[str, list[Sample]]
    todo: dict[str, list[Sample]]


def judge_facts(target: Target, data: Data, reasoning: int) -> JudgeFacts:
    """Who judges, as it is written down."""
    name, sha = model_facts(target.model)
    revision = sha or target.model_args.get("revision")
    args = {k: v for k, v in target.model_args.items() if k != "num_concurrent"}
    return JudgeFacts(
        judge=name, revision=revision, backend=target.backend, model_args=args, reasoning=reasoning,
        data_sha256=data.sha256,
    )  # fmt: skip


def plan(
    runs: Sequence[Path], target: Target, data: Data, *, tasks: Sequence[str] = (), quick: bool = False,
    calibration: Path | None = None, reasoning: int = 0,
) -> list[Work]:  # fmt: skip
    """What a judge would be asked about these runs; the judge's folders are made, nothing is asked.

    `calibration`: a run folder of the judge's own that has `persllm_judge`; `quick`: a slice of the gold set will do.

    Raises:
        RunError: a run without free text, with another version of the data, or a calibration of another judge.
    """
    judge = judge_facts(target, data, reasoning)
    works: list[Work] = []
    for path in runs:
        run = RunFolder(path)
        run.require(data)
        said = {name: rating_samples(data, run.facts(), name, list(run.replies(name))) for name in tasks_of(run, tasks)}
        folder = JudgeFolder.of(path, judge)
        if calibration is not None:
            folder.take_calibration(calibration)
        todo = {} if _calibrated(folder, quick) or works else _gold_todo(folder, data, quick)
        todo |= {name: journal.open_samples(samples, folder.file(name)) for name, samples in said.items()}
        works.append(Work(run, folder, said, {name: samples for name, samples in todo.items() if samples}))
    return works


def estimates(works: Sequence[Work], reasoning: int, model: str) -> tuple[list[Estimate], str]:
    """Calls and tokens still to be asked, per run and task, and how tokens were counted."""
    calls = {f"{w.run.path.name}: {name}": samples for w in works for name, samples in w.todo.items()}
    return estimate_samples(calls, reasoning, model)


def seconds_expected(works: Sequence[Work], rows: Sequence[Estimate]) -> float | None:
    """How long the rest will take at most, at the speed this judge has shown before; none before its first calls."""
    speeds = [s for w in works for s in (read_speed(w.folder.path / "usage.jsonl"),) if s]
    return sum(r.prompt + r.reply for r in rows) / min(speeds) if speeds else None


def judge(
    works: Sequence[Work], target: Target, data: Data, *, quick: bool = False, reasoning: int = 0,
    retry_failed: bool = False, say: Callable[[str], None] = print, judge: Asker | None = None,
) -> None:  # fmt: skip
    """Calibrate the judge where need be, then have it rate; every answer is written down as it comes.

    `retry_failed`: ask again what failed for good before. `judge`: one that is at hand.

    Raises:
        RunError: the judge has gone (many failures in a row); NoSystemRole, PromptTooLong: see `faces.settings`.
    """
    made = cache(lambda: judge or asker(target, data, reasoning))
    for number, work in enumerate(works):
        if not _calibrated(work.folder, quick):
            if number:
                work.folder.take_calibration(works[0].folder.calibration.path)
            else:
                _calibrate(work.folder, target, data, quick, reasoning, made, say)
        for name, samples in work.said.items():
            if retry_failed and (again := journal.forget_failures(work.folder.file(name))):
                say(f"{name}: {again} that failed are asked again")
            _timed(work.folder, name, samples, work.folder.file(name), made, say)


def _calibrated(folder: JudgeFolder, quick: bool) -> bool:
    return folder.calibrated() in (CALIBRATIONS if quick else CALIBRATIONS[:1])


def _gold_todo(folder: JudgeFolder, data: Data, quick: bool) -> dict[str, list[Sample]]:
    name = CALIBRATIONS[quick]
    return {name: journal.open_samples(task(name).samples(data, "profile"), folder.path / "gold" / f"{name}.jsonl")}


def _calibrate(
    folder: JudgeFolder, target: Target, data: Data, quick: bool, reasoning: int, made: Callable[[], Asker],
    say: Callable[[str], None],
) -> None:  # fmt: skip
    name = CALIBRATIONS[quick]
    path = folder.path / "gold" / f"{name}.jsonl"
    replies = _timed(folder, name, task(name).samples(data, "profile"), path, made, say)
    folder.calibration.begin(facts_of(target, [name], reasoning, "judge"))
    folder.calibration.save(name, replies)
    path.unlink()
    path.parent.rmdir()


def _timed(
    folder: JudgeFolder, name: str, samples: Sequence[Sample], path: Path, made: Callable[[], Asker],
    say: Callable[[str], None],
) -> list:  # fmt: skip
    todo = len(journal.open_samples(samples, path))
    if not todo:
        return journal.fill(samples, path, made)
    asking = made()
    before, start = asking.usage, time.perf_counter()
    replies = journal.fill(samples, path, lambda: asking)
    seconds, after = time.perf_counter() - start, asking.usage
    spent = after - (before or Usage()) if after else None
    note(folder.path / "usage.jsonl", name, spent, {"model": seconds})
    failed = sum(r.error is not None for r in replies)
    say(f"{name}: {todo} calls in {seconds:.1f} s" + (f", {failed} failed and are recorded" if failed else ""))
    return replies
