"""A judge's work on disk, beside the run that it rates: `judgements/<judge>/` with `judge.json` (facts), a file of raw
judgements per task, and in `calibration/` its own answers on the gold set. Figures are derived."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from pathlib import Path

from pydantic import ValidationError

from persllm_bench.items import Data
from persllm_bench.judging.rubric import PROMPT_SHA256
from persllm_bench.runs import RunError, RunFolder
from persllm_bench.schema import Record
from persllm_bench.scoring import Reply, TaskScore

CALIBRATIONS = ("persllm_judge", "persllm-quick_judge")
"""Where a judge's skill is measured: the whole gold set, or a slice for trying things out."""


class JudgeFacts(Record):
    """Everything that decides what a judge answers. `revision`: of a local folder the hash of its files, of a name the
    revision asked for; none where neither is known."""

    schema_version: int = 1
    judge: str
    revision: str | None
    backend: str
    model_args: dict[str, str]
    reasoning: int
    prompt_sha256: str = PROMPT_SHA256
    data_sha256: str

    @property
    def name(self) -> str:
        """Of the folder: readable, and another for every other judge."""
        readable = re.sub(r"[^A-Za-z0-9.]+", "-", self.judge).strip("-.")[:60] or "judge"
        return f"{readable}-{hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]}"


class JudgeFolder:
    """Reads and writes the work of one judge on one run."""

    def __init__(self, path: Path):
        self.path = path

    @classmethod
    def of(cls, run: Path, facts: JudgeFacts) -> JudgeFolder:
        """The folder of that judge beside `run`, made if need be."""
        folder = cls(run / "judgements" / facts.name)
        folder.path.mkdir(parents=True, exist_ok=True)
        text = json.dumps(facts.model_dump(), indent=2, sort_keys=True) + "\n"
        part = folder.path / "judge.json.part"
        part.write_text(text)
        os.replace(part, folder.path / "judge.json")
        return folder

    def facts(self) -> JudgeFacts:
        """Raises RunError where `judge.json` is missing or broken."""
        path = self.path / "judge.json"
        try:
            return JudgeFacts.model_validate_json(path.read_text())
        except FileNotFoundError as error:
            raise RunError(f"{self.path} is no judge's folder: it has no judge.json") from error
        except ValidationError as error:
            raise RunError(f"{path}: {error}") from error

    def file(self, task: str) -> Path:
        return self.path / f"{task}.jsonl"

    def judged(self) -> list[str]:
        """Tasks of the run whose judgements are complete."""
        return sorted(p.stem for p in self.path.glob("*.jsonl") if p.stem != "usage")

    @property
    def calibration(self) -> RunFolder:
        return RunFolder(self.path / "calibration")

    def take_calibration(self, there: Path) -> None:
        """Copy a judge's answers on the gold set out of a run folder.

        Raises:
            RunError: that run is of another model, condition or data, or has no answers on the gold set.
        """
        source, mine = RunFolder(there), self.facts()
        known = source.facts()
        names = [name for name in CALIBRATIONS if name in source.done()]
        differ: dict[str, tuple[object, object]] = {
            "model": (known.model, mine.judge),
            "model_sha256": (known.model_sha256, mine.revision if known.model_sha256 else None),
            "condition": (known.condition, "profile"),
            "data": (known.data_sha256, mine.data_sha256),
            "reasoning": (known.reasoning, mine.reasoning),
            "personas": (known.personas, []),
        }
        faults = [f"{what}: there {a!r}, needed {b!r}" for what, (a, b) in differ.items() if a != b]
        faults += [] if names else [f"no answers to {' or '.join(CALIBRATIONS)}"]
        if faults:
            raise RunError(f"{there} does not calibrate this judge: {'; '.join(faults)}")
        (self.calibration.path / "samples").mkdir(parents=True, exist_ok=True)
        for name in ("run.json", f"samples/{names[0]}.jsonl.zst"):
            shutil.copyfile(there / name, self.calibration.path / name)

    def calibrated(self) -> str | None:
        """The task on which the judge was calibrated, the whole gold set before a slice of it; none before that."""
        done = self.calibration.done()
        return next((name for name in CALIBRATIONS if name in done), None)

    def calibration_score(self, data: Data) -> TaskScore:
        """The judge's own score on the gold set.

        Raises:
            RunError: not calibrated yet, or with another version of the data.
        """
        from persllm_bench.scoring import score

        name = self.calibrated()
        if name is None:
            raise RunError(f"{self.path}: this judge has not been calibrated")
        if self.facts().data_sha256 != data.sha256:
            raise RunError(
                f"{self.path}: calibrated on data {self.facts().data_sha256[:12]}, here is {data.sha256[:12]}"
            )
        return score(name, data, self.calibration.replies(name), "profile")

    def judgements(self, task: str) -> list[Reply]:
        """The raw judgements of a task of the run."""
        from persllm_bench.judging.journal import read

        return read(self.file(task))
