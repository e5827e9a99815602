"""Samples that are at hand, asked through an lm-eval model without a run around them."""

from __future__ import annotations

from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from persllm_bench.faces.lm_eval_task import PersllmTask
from persllm_bench.faces.settings import Asked
from persllm_bench.scoring import Reply


def answer(lm: LM, asked: Asked) -> list[Reply]:
    """The replies to `asked.samples`, in order; calls of a live task are asked as they stand.

    Raises:
        NoSystemRole, PromptTooLong: see `settings`.
    """
    known = asked.settings
    metadata = {"condition": known.condition, "personas": known.personas, "reasoning": known.reasoning}
    spec = PersllmTask({"task": asked.spec.name, "metadata": metadata}, asked=asked)
    documents: list[dict[str, Any]] = [{"id": s.id} for s in asked.samples]
    requests: list[list[Instance]] = [
        spec.construct_requests(
            document,
            "",
            metadata=(asked.spec.name, number, 1),
            chat_template=lm.apply_chat_template,
            apply_chat_template=True,
        )
        for number, document in enumerate(documents)
    ]
    flat = [request for group in requests for request in group]
    results = iter(getattr(lm, flat[0].request_type)(flat) if flat else [])
    return asked.replies(
        [
            spec.process_results(document, [next(results) for _ in group])["score"]
            for document, group in zip(documents, requests, strict=True)
        ]
    )
