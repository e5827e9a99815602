"""Inspect: a @task function for every task of the suite, one solver per kind, one scorer.

Run `inspect eval persllm_bench/persllm_knowledge -T condition=profile`. With the `hf` provider at temperature 0 also
pass `-M do_sample=false`, and `-M 'tokenizer_call_args={"add_special_tokens": false}'` where the chat template writes
the BOS itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inspect_ai import Task as InspectTask
from inspect_ai import task as inspect_task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.dataset import Sample as InspectSample
from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser, GenerateConfig, Model, get_model
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from persllm_bench.faces.inspect_likelihood import log_likelihoods
from persllm_bench.faces.settings import NoSystemRole, PromptTooLong, Settings
from persllm_bench.prompts import Message
from persllm_bench.samples import Sample
from persllm_bench.scoring import Reply, TaskScore, score_samples
from persllm_bench.scoring.record import LogLikelihoods
from persllm_bench.scoring.score import parse, sample_value
from persllm_bench.suite import TASKS


def build(name: str, condition: str = "profile", personas: str = "", reasoning: int = 0) -> InspectTask:
    """The Inspect task of that name under these settings (see `settings.Settings`).

    Raises:
        ValueError: unknown task, condition or persona.
    """
    settings = Settings.from_mixed({"condition": condition, "personas": personas, "reasoning": reasoning})
    spec, _, samples = settings.samples(name)
    dataset = MemoryDataset(
        [InspectSample(id=s.id, input=chat(s.messages), target="", metadata={"sample_id": s.id}) for s in samples],
        name=name,
    )
    budget = max((s.max_tokens for s in samples), default=0) + reasoning
    ask = read_likelihoods(name, settings) if spec.kind == "likelihood" else reply(name, settings)
    return InspectTask(
        dataset=dataset,
        solver=ask,
        scorer=persllm_scorer(name, settings),
        config=GenerateConfig(temperature=0.0, max_tokens=budget),
        name=name,
        version=1,
        metadata={"persllm": {"task": name, "condition": condition, "personas": personas, "reasoning": reasoning}},
    )


def chat(messages: tuple[Message, ...]) -> list[ChatMessage]:
    return [
        ChatMessageSystem(content=m.content) if m.role == "system" else ChatMessageUser(content=m.content)
        for m in messages
    ]


@solver
def reply(name: str, settings: Settings) -> Solver:
    """One greedy reply, after making sure that the persona reaches the model whole."""
    samples = {s.id: s for s in settings.samples(name)[2]}

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        check_prompt(samples[str(state.sample_id)], get_model(), settings.reasoning)
        return await generate(state)

    return solve


@solver
def read_likelihoods(name: str, settings: Settings) -> Solver:
    """Log-likelihoods of the continuations, with and without the persona; needs the provider's weights at hand."""
    samples = {s.id: s for s in settings.samples(name)[2]}

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        sample = samples[str(state.sample_id)]
        model = get_model()
        api: Any = model.api
        check_prompt(sample, model, 0)
        prompts = [api.hf_chat(chat(m), []) for m in (sample.messages, sample.baseline)] if is_local(model) else []
        given, baseline = await log_likelihoods(model, prompts, sample.continuations)
        state.metadata["loglikelihoods"] = {"given": given, "baseline": baseline}
        return state

    return solve


def check_prompt(sample: Sample, model: Model, reasoning: int) -> None:
    """Raises NoSystemRole or PromptTooLong; can only look where the provider holds the tokenizer (`hf`)."""
    if not is_local(model):
        return
    api: Any = model.api
    tokenizer = api.tokenizer
    text = api.hf_chat(chat(sample.messages), [])
    if sample.messages[0].content.strip() not in text:
        raise NoSystemRole(model.name)
    limit = getattr(api.model.config, "max_position_embeddings", None)
    tokens = len(tokenizer(text, **api.tokenizer_call_args)["input_ids"])
    new = max((len(tokenizer(c)["input_ids"]) for c in sample.continuations), default=sample.max_tokens + reasoning)
    if limit and tokens + new > limit:
        raise PromptTooLong(sample, tokens, limit, new)


def is_local(model: Model) -> bool:
    """Whether the provider holds weights and tokenizer in this process (`hf`)."""
    return hasattr(model.api, "hf_chat")


def to_reply(sample: Sample, settings: Settings, state: TaskState) -> Reply:
    """A saved row from a finished Inspect sample."""
    sums = state.metadata.get("loglikelihoods")
    choice = state.output.choices[0] if state.output and state.output.choices else None
    stopped = {"max_tokens": "length", "stop": "stop"}.get(choice.stop_reason if choice else "")
    got = (
        {"loglikelihoods": LogLikelihoods(**sums)}
        if sums
        else {"reply": state.output.completion, "finish_reason": stopped}
    )
    return Reply.to(sample, settings.condition, **got)


def run_metrics(name: str, settings: Settings) -> list[Metric]:
    """The task's score, its standard error and its unparsed share, re-derived from all replies of the run."""
    spec, data, samples = settings.samples(name)

    def scored(scores: list[SampleScore]) -> TaskScore:
        replies = [Reply.model_validate_json(s.score.metadata["reply"]) for s in scores if s.score.metadata]
        asked = {r.sample_id for r in replies}
        return score_samples(spec, data, [s for s in samples if s.id in asked], replies, settings.condition)

    @metric(name="score")
    def score() -> Metric:
        return lambda scores: scored(scores).score.estimate

    @metric(name="stderr")
    def stderr() -> Metric:
        return lambda scores: scored(scores).score.se

    @metric(name="unparsed")
    def unparsed() -> Metric:
        return lambda scores: scored(scores).unparsed

    return [score(), stderr(), unparsed()]


def persllm_scorer(name: str, settings: Settings) -> Scorer:
    """Keeps the raw reply and the sample's own value; the core's scorer then sees all replies of the run."""
    _, data, found = settings.samples(name)
    samples = {s.id: s for s in found}

    @scorer(metrics=run_metrics(name, settings), name="persllm")
    def make() -> Scorer:
        async def run(state: TaskState, target: Target) -> Score:
            row = to_reply(samples[str(state.sample_id)], settings, state)
            outcome = parse(samples[str(state.sample_id)], row)
            return Score(
                value=sample_value(data, outcome),
                answer=outcome.choice or row.reply,
                explanation=outcome.status,
                metadata={"reply": row.model_dump_json()},
            )

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
