"""lm-eval's `vllm` model, asked in an order in which its prefix cache hits even where it cannot hold every dossier."""

from __future__ import annotations

from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.models.vllm_causallms import VLLM

from persllm_bench.faces.lm_eval_tokens import OnceTokenised
from persllm_bench.usage import Usage

AT_ONCE = 512
"""Requests handed to the engine together: enough to fill it, few enough that an interrupted run loses little."""


class OrderedVLLM(OnceTokenised, VLLM):
    """Stock VLLM, its requests sorted by prompt; replies are cached as they come.

    With data parallelism each engine runs in a process of its own, so that all requests go out at once and no tokens
    are counted (`usage` is None).
    """

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        order = sorted(range(len(requests)), key=lambda i: requests[i].args[0])
        size = AT_ONCE if self.data_parallel_size <= 1 else max(1, len(order))
        replies: dict[int, str] = {}
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            found = super().generate_until([requests[i] for i in chosen], disable_tqdm=disable_tqdm)
            for i, reply in zip(chosen, found, strict=True):
                replies[i] = reply
                self.cache_hook.add_partial("generate_until", requests[i].args, reply)
        return [replies[i] for i in range(len(requests))]

    @property
    def usage(self) -> Usage | None:
        if self.data_parallel_size > 1:
            return None
        count: dict[str, Any] = {m.name.removeprefix("vllm:"): getattr(m, "value", 0) for m in self.model.get_metrics()}
        return Usage(
            prompt=int(count["prefix_cache_queries"]),
            reused=int(count["prefix_cache_hits"]),
            generated=int(count["generation_tokens"]),
        )
