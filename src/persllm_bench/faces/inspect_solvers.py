"""How Inspect asks: a reply, likelihoods, or a live conversation; each leaves `Reply` rows in the sample's metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    Model,
    ModelOutput,
    get_model,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver

from persllm_bench.faces.inspect_likelihood import log_likelihoods
from persllm_bench.faces.settings import Asked, NoSystemRole, PromptTooLong
from persllm_bench.prompts import Message
from persllm_bench.samples import Sample
from persllm_bench.scoring import Reply
from persllm_bench.scoring.record import LogLikelihoods

REPLIES = "persllm_replies"
_ROLES = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}


def chat(messages: Sequence[Message]) -> list[ChatMessage]:
    return [_ROLES[m.role](content=m.content) for m in messages]


@solver
def ask(asked: Asked) -> Solver:
    """One greedy reply, after making sure that the persona reaches the model whole."""
    samples = {s.id: s for s in asked.samples}

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        sample = samples[str(state.sample_id)]
        check_prompt(sample, get_model(), asked.settings.reasoning)
        state = await generate(state, max_tokens=sample.max_tokens + asked.settings.reasoning)
        state.metadata[REPLIES] = [Reply.to(sample, asked.settings.condition, **got(state.output))]
        return state

    return solve


def got(output: ModelOutput) -> dict[str, Any]:
    """Reply and finish reason of an output."""
    stopped = output.choices[0].stop_reason if output.choices else ""
    return {"reply": output.completion, "finish_reason": {"max_tokens": "length", "stop": "stop"}.get(stopped)}


@solver
def read_likelihoods(asked: Asked) -> Solver:
    """Log-likelihoods of the continuations, with and without the persona; needs the provider's weights at hand."""
    samples = {s.id: s for s in asked.samples}

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        sample, model = samples[str(state.sample_id)], get_model()
        api: Any = model.api
        check_prompt(sample, model, 0)
        prompts = [api.hf_chat(chat(m), []) for m in (sample.messages, sample.baseline)] if is_local(model) else []
        given, baseline = await log_likelihoods(model, prompts, sample.continuations)
        sums = LogLikelihoods(given=given, baseline=baseline)
        state.metadata[REPLIES] = [Reply.to(sample, asked.settings.condition, loglikelihoods=sums)]
        return state

    return solve


@solver
def converse(asked: Asked) -> Solver:
    """A live conversation, round by round. Who speaks for a scene's partner: the model role `partner`, else the model.

    A call that fails ends its conversation, whose remaining rows carry the error; the other conversations go on.
    """
    talks = {t.id: t for t in asked.conversations}
    extra = asked.settings.reasoning

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        talk = talks[str(state.sample_id)]
        replies: dict[str, str | None] = {}
        failure: list[str] = []

        async def call(name: str) -> None:
            sample = talk.call(name, replies)
            model = get_model(role="partner", default=get_model()) if "partner" in name else get_model()
            check_prompt(sample, model, extra)
            config = GenerateConfig(temperature=0.0, max_tokens=sample.max_tokens + extra)
            try:
                output = await model.generate(chat(sample.messages), config=config)
            except Exception as error:  # whatever a provider raises; it is recorded, never dropped
                failure.append(f"{type(error).__name__}: {error}")
                return
            replies[name] = output.completion

        for names in talk.rounds:
            async with anyio.create_task_group() as group:
                for name in names:
                    group.start_soon(call, name)
            if failure:
                break
        state.metadata[REPLIES] = asked.talk_replies(talk, replies, failure[0] if failure else None)
        return state

    return solve


def is_local(model: Model) -> bool:
    """Whether the provider holds weights and tokenizer in this process (`hf`)."""
    return hasattr(model.api, "hf_chat")


def check_prompt(sample: Sample, model: Model, reasoning: int) -> None:
    """Raises NoSystemRole or PromptTooLong; can only look where the provider holds the tokenizer (`hf`)."""
    if not is_local(model):
        return
    api: Any = model.api
    text = api.hf_chat(chat(sample.messages), [])
    if sample.messages[0].content.strip() not in text:
        raise NoSystemRole(model.name)
    limit = getattr(api.model.config, "max_position_embeddings", None)
    tokens = len(api.tokenizer(text, **api.tokenizer_call_args)["input_ids"])
    scored = (len(api.tokenizer(c)["input_ids"]) for c in sample.continuations)
    new = max(scored, default=sample.max_tokens + reasoning)
    if limit and tokens + new > limit:
        raise PromptTooLong(sample, tokens, limit, new)
