"""What a user of either harness may set for a task, checked before anything is asked."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from persllm_bench.items import Data
from persllm_bench.prompts import Condition
from persllm_bench.reader import load
from persllm_bench.samples import Sample
from persllm_bench.suite import Task, task


@dataclass(frozen=True)
class Settings:
    """`condition`: one of `prompts.CONDITIONS`; `personas`: comma-separated slugs, empty for all; `reasoning`: extra
    tokens
    for models that think before they answer."""

    condition: Condition = "profile"
    personas: str = ""
    reasoning: int = 0

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

    def samples(self, task_name: str) -> tuple[Task, Data, list[Sample]]:
        """The task, the data and the samples that these settings ask for."""
        spec, data = task(task_name), load()
        return spec, data, spec.samples(data, self.condition, self.slugs())


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
