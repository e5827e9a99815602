"""Judges that can be asked: a model in this process (`hf`, `vllm`) or one behind an endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from persllm_bench.drivers import LmEval, Target
from persllm_bench.faces.endpoint import Endpoint
from persllm_bench.faces.settings import Asked, Settings
from persllm_bench.items import Data
from persllm_bench.judging.journal import Asker, Heard
from persllm_bench.samples import Sample
from persllm_bench.suite import task
from persllm_bench.usage import Usage

BATCHES = 4
"""So many batches are asked before their replies are written down."""


class Local:
    """Asks through lm-eval's model, in the given order."""

    def __init__(self, target: Target, data: Data, reasoning: int):
        self.target, self.data, self.settings = target, data, Settings(reasoning=reasoning)

    @cached_property
    def model(self) -> LmEval:
        """Loaded when the first reply is asked for."""
        return LmEval(self.target)

    @property
    def usage(self) -> Usage | None:
        return self.model.usage()

    def ask(self, samples: Sequence[Sample], heard: Heard) -> None:
        """See `journal.Asker`. Raises NoSystemRole, PromptTooLong."""
        from persllm_bench.faces.lm_eval_direct import answer

        step = BATCHES * self.target.batch_size
        for start in range(0, len(samples), step):
            chunk = list(samples[start : start + step])
            asked = Asked(task("persllm_judge"), self.data, self.settings, chunk, [])
            for sample, reply in zip(chunk, answer(self.model.lm, asked), strict=True):
                heard(sample, {"reply": reply.reply, "finish_reason": reply.finish_reason})


def asker(target: Target, data: Data, reasoning: int) -> Asker:
    """Raises ValueError for an endpoint without a base URL."""
    if target.backend == "endpoint":
        concurrency = int(target.model_args.get("num_concurrent", 0)) or None
        given = {"concurrency": concurrency} if concurrency else {}
        return Endpoint(target.model, target.base_url, reasoning, **given)
    return Local(target, data, reasoning)
