"""`submission.json`: the facts of a submission, and no score. Where a bundle lies follows from it."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from persllm_bench.prompts import Condition
from persllm_bench.schema import Record, Slug
from persllm_bench.suite import CORE, TASKS

_NAME = r"[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*"
_ORG = r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*"
_REVISION = r"[0-9a-f]{40}|api-[0-9]{4}-[0-9]{2}-[0-9]{2}"
_RUN = r"[a-z0-9]+(?:-[a-z0-9]+)*"
FOLDER = re.compile(rf"(?:submissions/)?(?P<where>{_ORG}__{_NAME}/(?:{_REVISION})/{_RUN})")
"""Where a bundle may lie, from the root of the repository."""

Repo = Annotated[str, Field(max_length=96, pattern=f"^{_ORG}/{_NAME}$")]
Run = Annotated[str, Field(max_length=40, pattern=f"^{_RUN}$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+!-]{0,60}$")]
Line = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\p{C}\p{Zl}\p{Zp}]+$")]
"""One line of text without control, formatting, bidi or unassigned characters."""
Command = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[^\p{C}\p{Zl}\p{Zp}]+$")]


class Model(Record):
    repo: Repo
    """`org/model`; names the folder as `org__model`."""
    revision: Annotated[str, Field(pattern=f"^(?:{_REVISION})$")]
    """The 40-hex commit of the weights; of a model that only an API serves, `api-` and the day it was asked."""
    parameters: Annotated[int, Field(ge=1, le=10**14)] | None = None
    """None where nobody says."""
    dtype: Literal["float32", "bfloat16", "float16", "fp8", "int8", "int4", "unknown"]
    licence: Line
    base_model: Repo | None = None
    open_weights: bool
    files_sha256: Sha256 | None = None
    """Of weights, tokenizer and configuration, as `run` writes it for a local folder."""
    chat_template_sha256: Sha256 | None = None


class Serving(Record):
    backend: Line
    """Such as hf, vllm or the name of an endpoint."""
    version: Version | None = None


class TrainingData(Record):
    """What the submitter knows of the model's training data. A declaration: nobody can verify it from here."""

    description: Line
    train_split: bool
    """Whether it was trained on the train split of this benchmark."""
    test_items: Literal["no", "unknown", "yes"]


class Declared(Record):
    """What only the submitter knows: the file behind `pack --meta`."""

    model: Model
    serving: Serving
    hardware: Line
    command: Command
    """That made the replies, from a fresh installation."""
    attempts: Annotated[int, Field(ge=1, le=10_000)]
    """Runs of this model on this benchmark up to and with this one, whether submitted or not."""
    training_data: TrainingData
    contact: Line


class Generation(Record):
    """How replies were decoded. Fixed by the benchmark, written down for the reader."""

    temperature: Annotated[float, Field(ge=0, le=0)] = 0.0
    top_p: Annotated[float, Field(ge=1, le=1)] = 1.0
    epochs: Annotated[int, Field(ge=1, le=1)] = 1
    max_tokens: dict[Literal["letter", "live", "open"], Annotated[int, Field(ge=1, le=100_000)]]


class Harness(Record):
    name: Literal["lm-eval", "inspect", "policy"]
    """`policy`: no model was asked; only calibration entries may say so."""
    packages: dict[Annotated[str, Field(pattern="^[a-z0-9][a-z0-9._-]{0,40}$")], Version]


class Part(Record):
    """The tasks that were asked under one condition."""

    personas: list[Slug] = Field(default_factory=list)
    """Empty: all that the condition allows."""
    reasoning: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Extra tokens per reply for models that think first."""
    tasks: Annotated[list[str], Field(min_length=1)]

    @model_validator(mode="after")
    def _known(self) -> Self:
        if unknown := [t for t in self.tasks if t not in TASKS]:
            raise ValueError(f"unknown task {unknown[0]!r}; there are {', '.join(TASKS)}")
        for name, values in (("tasks", self.tasks), ("personas", self.personas)):
            if values != sorted(set(values)):
                raise ValueError(f"{name} must be sorted, each once")
        return self


def folder_of(model: Model, run: str) -> str:
    """Where a submission lies under `submissions/`."""
    return f"{model.repo.replace('/', '__', 1)}/{model.revision}/{run}"


class Submission(Declared):
    """`submission.json`, whole. Nothing in it enters a score but which samples must be there."""

    schema_version: Annotated[int, Field(ge=1, le=1)] = 1
    run: Run
    """Name of the innermost folder."""
    benchmark: Version
    data_sha256: Sha256
    scorer_sha256: Sha256
    """Of the scorer at the time of packing. Told, not compared: scores are always those of the present scorer."""
    generation: Generation
    harness: Harness
    conditions: Annotated[dict[Condition, Part], Field(min_length=1)]
    calibration: bool = False
    """A baseline or known policy: listed beside the models, never ranked."""

    @model_validator(mode="after")
    def _honest_harness(self) -> Self:
        if self.harness.name == "policy" and not self.calibration:
            raise ValueError("harness 'policy' is for calibration entries: set calibration, or name lm-eval or inspect")
        return self

    @property
    def folder(self) -> str:
        """Where the bundle lies under `submissions/`."""
        return folder_of(self.model, self.run)

    @property
    def files(self) -> dict[str, tuple[Condition, str]]:
        """Path of every reply file in the bundle -> (condition, task)."""
        return {
            f"samples/{condition}/{task}.jsonl.zst": (condition, task)
            for condition, part in self.conditions.items()
            for task in part.tasks
        }

    @property
    def unranked_because(self) -> tuple[str, ...]:
        """Why it stands in no ranking; empty for a full submission: all core tasks, all personas, with controls."""
        core = {f"persllm_{base}" for base in CORE}
        lacks = [
            f"{condition} lacks {', '.join(missing) if len(missing) < len(core) else 'the core tasks'}"
            for condition in ("profile", "none", "wrong")
            if (missing := sorted(core - set(self._tasks(condition))))
        ]
        partial = [f"{c} has some personas only" for c, part in self.conditions.items() if part.personas]
        return (*(("a calibration entry",) if self.calibration else ()), *lacks, *partial)

    def _tasks(self, condition: Condition) -> list[str]:
        return self.conditions[condition].tasks if condition in self.conditions else []
