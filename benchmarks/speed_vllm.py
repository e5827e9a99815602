"""vLLM's part of speed.py: what its prefix cache saves, and what the pipeline adds to its engine."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from vllm import SamplingParams

from command import ENGINE
from persllm_bench.drivers import LmEval, Target
from persllm_bench.prefixes import shareable
from persllm_bench.runner import run
from persllm_bench.samples import Sample
from persllm_bench.suite import TASKS
from prompts_of import token_ids
from timing import in_turn, show


def measure(model: str, persona: str, samples: Sequence[Sample], repeat: int) -> None:
    """Letters of one persona (`samples`) in an engine with and in one without prefix caching, and through a run."""
    target = Target(model, "vllm", model_args=ENGINE)
    sampling = SamplingParams(temperature=0.0, max_tokens=8)
    names = [name for name, t in TASKS.items() if t.kind == "letter" and not t.quick]

    def ask(driver: Any) -> list[str]:
        driver.lm.model.reset_prefix_cache()
        return [o.outputs[0].text for o in driver.lm.model.generate(texts, sampling, use_tqdm=False)]

    def pipeline() -> None:
        drivers[0].lm.model.reset_prefix_cache()
        with tempfile.TemporaryDirectory() as folder:
            run(target, names, Path(folder), personas=[persona], driver=drivers[0])

    drivers = [LmEval(target)]
    ids = token_ids(drivers[0].lm.tokenizer, list(samples))
    texts = [drivers[0].lm.apply_chat_template([m.as_dict() for m in s.messages]) for s in samples]
    before, replies = drivers[0].usage(), ask(drivers[0])
    used = drivers[0].usage() - before  # type: ignore[operator]  # before the second engine takes over the counters
    drivers.append(LmEval(Target(model, "vllm", model_args=ENGINE | {"enable_prefix_caching": "false"})))
    same = sum(a == b for a, b in zip(replies, ask(drivers[1]), strict=True))
    a, b = in_turn(repeat, *(partial(ask, driver) for driver in drivers))
    row = {"requests": len(ids), "same replies": same, "with, s": a, "without, s": b, "without / with": b / a}
    row |= {"hits, % of prompt tokens": 100 * used.reused / used.prompt}
    show("vLLM with and without prefix caching", row | {"hits, % of shareable": 100 * used.reused / shareable(ids)})
    a, b = in_turn(repeat, pipeline, partial(ask, drivers[0]))
    row = {"requests": len(ids), "pipeline, s": a, "bare engine, s": b, "pipeline / bare engine": a / b}
    show("Whole pipeline against a bare loop over the engine, vLLM", row)
