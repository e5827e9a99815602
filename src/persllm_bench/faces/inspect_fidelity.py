"""Inspect: `persllm_fidelity`, open replies rated in the same eval by the model role `grader`.

Run `inspect eval persllm_bench/persllm_fidelity --model MODEL --model-role grader=JUDGE`. The figures are raw: whether
the grader may be trusted is known from its own `persllm_judge`, and `persllm-bench judge` corrects for its errors.
"""

from __future__ import annotations

from collections.abc import Sequence

from inspect_ai import Task as InspectTask
from inspect_ai import task as inspect_task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.dataset import Sample as InspectSample
from inspect_ai.model import GenerateConfig, get_model, model_roles
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from persllm_bench.faces.inspect_solvers import REPLIES, ask, chat, check_prompt, got
from persllm_bench.faces.settings import Asked, Settings
from persllm_bench.judging.said import request
from persllm_bench.scoring import Measure, Outcome, Reply, fidelity
from persllm_bench.scoring.aggregate import share
from persllm_bench.scoring.judge import rating_of
from persllm_bench.scoring.score import parse

JUDGEMENT = "persllm_judgement"
SHOWN = ("faithful", "acc", "ic", "rc", "unparsed")


def build_fidelity(name: str, condition: str, personas: str, reasoning: int) -> InspectTask:
    """The task that asks what `name` asks (`persllm_open` or its quick slice) and has the replies rated.

    Raises:
        ValueError: unknown condition or persona.
    """
    given = {"condition": condition, "personas": personas, "reasoning": reasoning}
    asked = Settings.from_mixed(given).asked(name)
    return InspectTask(
        dataset=MemoryDataset([InspectSample(id=s.id, input=chat(s.messages)) for s in asked.samples], name=name),
        solver=[grader_is_there(), ask(asked)],
        scorer=graded(asked),
        config=GenerateConfig(temperature=0.0, max_tokens=asked.max_tokens),
        name=name.replace("open", "fidelity"),
        version=1,
        metadata={"persllm": {"task": name, **given, "data_sha256": asked.data.sha256}},
    )


@solver
def grader_is_there() -> Solver:
    """Raises ValueError before the first call where nobody is named to judge: a model must not judge itself unasked."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        if "grader" not in model_roles():
            raise ValueError("persllm_fidelity needs a judge: --model-role grader=MODEL")
        return state

    return solve


def graded(asked: Asked) -> Scorer:
    """Has the grader rate the reply; keeps the raw reply and the raw judgement."""
    samples = {s.id: s for s in asked.samples}

    @scorer(metrics=[_shown(asked, name) for name in SHOWN], name="persllm_fidelity")
    def make() -> Scorer:
        async def run(state: TaskState, target: Target) -> Score:
            (row,) = state.metadata[REPLIES]
            rating = request(asked.data, samples[str(state.sample_id)], row.reply, asked.settings.condition)
            judge = get_model(role="grader")
            check_prompt(rating, judge, 0)
            config = GenerateConfig(temperature=0.0, max_tokens=rating.max_tokens + asked.settings.reasoning)
            output = await judge.generate(chat(rating.messages), config=config)
            judgement = Reply.to(rating, "profile", **got(output))
            outcome = parse(rating, judgement)
            found = rating_of(outcome)
            kept = {"replies": [row.model_dump_json()], JUDGEMENT: judgement.model_dump_json()}
            value = float(found is not None and not found.errors)
            return Score(value=value, answer=judgement.reply, explanation=outcome.status, metadata=kept)

        return run

    return make()


def outcomes_of(asked: Asked, scores: Sequence[SampleScore]) -> list[Outcome]:
    """The judgements of a run, parsed again from what was kept."""
    samples, found = {s.id: s for s in asked.samples}, []
    for s in scores:
        kept = s.score.metadata or {}
        row = Reply.model_validate_json(kept["replies"][0])
        rating = request(asked.data, samples[row.sample_id], row.reply, asked.settings.condition)
        found.append(parse(rating, Reply.model_validate_json(kept[JUDGEMENT])))
    return found


def _shown(asked: Asked, name: str) -> Metric:
    @metric(name=name)
    def make() -> Metric:
        def compute(scores: list[SampleScore]) -> float:
            value = _measures(outcomes_of(asked, scores))[name].value
            return float("nan") if value is None else value

        return compute

    return make()


def _measures(outcomes: Sequence[Outcome]) -> dict[str, Measure]:
    rated = [(o.sample.persona, rating_of(o)) for o in outcomes]
    faithful = share((persona, r is not None and not r.errors) for persona, r in rated)
    return {"faithful": faithful, **fidelity.measures(outcomes)}


@inspect_task(name="persllm_fidelity")
def persllm_fidelity(condition: str = "profile", personas: str = "", reasoning: int = 0) -> InspectTask:
    """persllm_fidelity: see the card in tasks/fidelity/README.md."""
    return build_fidelity("persllm_open", condition, personas, reasoning)


@inspect_task(name="persllm-quick_fidelity")
def persllm_quick_fidelity(condition: str = "profile", personas: str = "", reasoning: int = 0) -> InspectTask:
    """persllm-quick_fidelity: see the card in tasks/fidelity/README.md."""
    return build_fidelity("persllm-quick_open", condition, personas, reasoning)
