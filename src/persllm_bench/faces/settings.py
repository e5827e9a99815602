"""What a user of either harness may set for a task, checked before anything is asked."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

from persllm_bench.conversation import LIVE_TOKENS, Conversation
from persllm_bench.items import Data
from persllm_bench.prompts import Condition
from persllm_bench.reader import load
from persllm_bench.samples import Sample
from persllm_bench.suite import Task, task

if TYPE_CHECKING:
    from persllm_bench.scoring import Reply, TaskScore

Backend = Literal["hf", "vllm", "endpoint"]
Harness = Literal["lm-eval", "inspect"]
BACKENDS, HARNESSES = get_args(Backend), get_args(Harness)


@dataclass(frozen=True)
class Settings:
    """`condition`: one of `prompts.CONDITIONS`; `personas`: comma-separated slugs, empty for all; `reasoning`: extra
    tokens for models that think before they answer; `partner`: who speaks for scene partners, for lm-eval, as its model
    name and arguments (`hf,pretrained=DIR`); empty: the model itself."""

    condition: Condition = "profile"
    personas: str = ""
    reasoning: int = 0
    partner: str = ""

    @classmethod
    def from_mixed(cls, given: dict[str, Any]) -> Settings:
        """Pick the settings out of a mapping that also holds the harness's own keys.

        Raises:
            ValueError: a key that looks like a misspelt setting.
        """
        known = list(cls.__dataclass_fields__)
        for key in given:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.8)
            if near and key not in known:
                raise ValueError(f"unknown setting {key!r}; did you mean {near[0]!r}? Settings are {', '.join(known)}")
        picked = {k: given[k] for k in known if k in given}
        if not isinstance(picked.get("reasoning", 0), int):
            raise ValueError(f"reasoning must be a number of tokens, not {picked['reasoning']!r}")
        if isinstance(picked.get("personas"), list):
            picked["personas"] = ",".join(picked["personas"])
        return cls(**picked)

    def slugs(self) -> list[str]:
        return [slug.strip() for slug in self.personas.split(",") if slug.strip()]

    def asked(self, task_name: str) -> Asked:
        """What these settings ask of a task. Raises ValueError like `suite.Task.samples`."""
        spec, data = task(task_name), load()
        talks = spec.conversations(data, self.condition, self.slugs())
        return Asked(spec, data, self, [] if talks else spec.samples(data, self.condition, self.slugs()), talks)


@dataclass(frozen=True)
class Asked:
    """A task under settings: its samples, or the conversations of a live task."""

    spec: Task
    data: Data
    settings: Settings
    samples: list[Sample]
    conversations: list[Conversation]

    @cached_property
    def by_id(self) -> dict[str, Sample | Conversation]:
        """Samples or conversations by id, in order."""
        return {**{s.id: s for s in self.samples}, **{t.id: t for t in self.conversations}}

    @property
    def max_tokens(self) -> int:
        longest = max((s.max_tokens for s in self.samples), default=LIVE_TOKENS)
        return longest + self.settings.reasoning

    def score(self, replies: Sequence[Reply]) -> TaskScore:
        """The score of what has replies: everything, unless a harness limited the run."""
        from persllm_bench.scoring import score_conversations, score_samples  # a second to import: not for a dry run

        if self.conversations:
            present = {r.sample_id.partition("/turn")[0] for r in replies}
            talks = [t for t in self.conversations if t.id in present]
            return score_conversations(self.spec, self.data, talks, replies, self.settings.condition)
        present = {r.sample_id for r in replies}
        samples = [s for s in self.samples if s.id in present]
        return score_samples(self.spec, self.data, samples, replies, self.settings.condition)

    def replies(self, payloads: Sequence[Mapping[str, Any]]) -> list[Reply]:
        """The rows to save, in order, of what lm-eval keeps per sample: `id` and `reply`, `given` and `baseline`, or
        the `replies` of a conversation with the `error` that ended it, if any."""
        from persllm_bench.scoring.record import LogLikelihoods, Reply

        given = {p["id"]: p for p in payloads}
        rows: list[Reply] = []
        for name, what in self.by_id.items():
            if (payload := given.get(name)) is None:
                continue
            if not isinstance(what, Sample):
                rows += self.talk_replies(what, payload["replies"], payload.get("error"))
                continue
            sums = LogLikelihoods(given=payload["given"], baseline=payload["baseline"]) if "given" in payload else None
            rows.append(Reply.to(what, self.settings.condition, reply=payload.get("reply"), loglikelihoods=sums))
        return rows

    def talk_replies(
        self, talk: Conversation, given: Mapping[str, str | None], error: str | None = None
    ) -> list[Reply]:
        """The rows of one conversation; calls that `given` lacks carry the error."""
        from persllm_bench.scoring import Reply

        rows = []
        for sample in talk.samples(defaultdict(lambda: None, given)):
            name = sample.variant.partition("/")[2]
            got = {"reply": given[name]} if given.get(name) is not None else {"error": error or "no reply"}
            rows.append(Reply.to(sample, self.settings.condition, **got))
        return rows


class PromptTooLong(ValueError):
    """A prompt and its reply do not fit into the model's context. Nothing is ever truncated."""

    def __init__(self, sample: Sample, tokens: int, limit: int, new: int | None = None):
        reply = sample.max_tokens if new is None else new
        super().__init__(
            f"{sample.id}: the prompt has {tokens} tokens and the reply up to {reply}, "
            f"but the model's context is {limit}; "
            "use a model with a longer context or another condition"
        )


class NoSystemRole(ValueError):
    """The chat template drops or rejects the system message, and with it the persona."""

    def __init__(self, model: str):
        super().__init__(
            f"the chat template of {model} has no system role: it would drop the persona. "
            "Give the tokenizer a template with a system role"
        )
