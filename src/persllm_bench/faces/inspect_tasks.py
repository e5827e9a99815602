"""Inspect: a @task function for every task of the suite, one solver per kind, one scorer.

Run `inspect eval persllm_bench/persllm_knowledge -T condition=profile`. With the `hf` provider at temperature 0 also
pass `-M do_sample=false`, and `-M 'tokenizer_call_args={"add_special_tokens": false}'` where the chat template writes
the BOS itself.
"""

from __future__ import annotations

from collections.abc import Callable

from inspect_ai import Task as InspectTask
from inspect_ai import task as inspect_task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.dataset import Sample as InspectSample
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from persllm_bench.faces.inspect_fidelity import persllm_fidelity, persllm_quick_fidelity
from persllm_bench.faces.inspect_solvers import REPLIES, ask, chat, converse, read_likelihoods
from persllm_bench.faces.settings import Asked, Settings
from persllm_bench.scoring import Reply, TaskScore
from persllm_bench.scoring.score import parse, sample_value
from persllm_bench.suite import TASKS

__all__ = ["build", "persllm_fidelity", "persllm_quick_fidelity", "persllm_scorer"]


def build(name: str, condition: str = "profile", personas: str = "", reasoning: int = 0) -> InspectTask:
    """The Inspect task of that name under these settings (see `settings.Settings`).

    Raises:
        ValueError: unknown task, condition or persona.
    """
    given = {"condition": condition, "personas": personas, "reasoning": reasoning}
    asked = Settings.from_mixed(given).asked(name)
    rows = [InspectSample(id=s.id, input=chat(s.messages)) for s in asked.samples]
    rows += [InspectSample(id=t.id, input=t.id) for t in asked.conversations]
    solver = {"likelihood": read_likelihoods, "live": converse}.get(asked.spec.kind, ask)
    return InspectTask(
        dataset=MemoryDataset(rows, name=name),
        solver=solver(asked),
        scorer=persllm_scorer(asked),
        config=GenerateConfig(temperature=0.0, max_tokens=asked.max_tokens),
        name=name,
        version=1,
        metadata={"persllm": {"task": name, **given, "data_sha256": asked.data.sha256}},
    )


def run_metrics(asked: Asked) -> list[Metric]:
    """The task's score, its standard error and its unparsed share, re-derived from all replies of the run."""

    def scored(scores: list[SampleScore]) -> TaskScore:
        rows = [row for s in scores for row in (s.score.metadata or {}).get("replies", [])]
        return asked.score([Reply.model_validate_json(row) for row in rows])

    @metric(name="score")
    def score() -> Metric:
        def compute(scores: list[SampleScore]) -> float:
            return scored(scores).score.estimate

        return compute

    @metric(name="stderr")
    def stderr() -> Metric:
        def compute(scores: list[SampleScore]) -> float:
            return scored(scores).score.se

        return compute

    @metric(name="unparsed")
    def unparsed() -> Metric:
        def compute(scores: list[SampleScore]) -> float:
            return scored(scores).unparsed

        return compute

    return [score(), stderr(), unparsed()]


def persllm_scorer(asked: Asked) -> Scorer:
    """Keeps the raw replies and a value of the sample by itself; the core's scorer then sees all replies of the run."""
    samples = {s.id: s for s in asked.samples}

    @scorer(metrics=run_metrics(asked), name="persllm")
    def make() -> Scorer:
        async def run(state: TaskState, target: Target) -> Score:
            rows: list[Reply] = state.metadata[REPLIES]
            kept = {"replies": [row.model_dump_json() for row in rows]}
            if (sample := samples.get(str(state.sample_id))) is None:
                failed = sum(row.error is not None for row in rows)
                return Score(value=float(failed == 0), explanation=f"{len(rows)} calls, {failed} failed", metadata=kept)
            outcome = parse(sample, rows[0])
            value = sample_value(asked.data, outcome)
            return Score(value=value, answer=outcome.choice or rows[0].reply, explanation=outcome.status, metadata=kept)

        return run

    return make()


def _register(name: str) -> Callable[..., InspectTask]:
    def make(condition: str = "profile", personas: str = "", reasoning: int = 0) -> InspectTask:
        return build(name, condition, personas, reasoning)

    make.__doc__ = f"{name}: see the card in tasks/{TASKS[name].base}/README.md."
    make.__name__ = name.replace("-", "_")
    return inspect_task(name=name)(make)


for _name in TASKS:
    globals()[_name.replace("-", "_")] = _register(_name)
