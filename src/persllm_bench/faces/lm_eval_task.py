"""lm-eval: one task class for every task, named by `class:` in the task's YAML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import datasets
from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask

from persllm_bench.faces.settings import NoSystemRole, PromptTooLong, Settings
from persllm_bench.prompts import Message
from persllm_bench.samples import Sample
from persllm_bench.scoring import Reply, TaskScore, score_samples
from persllm_bench.scoring.record import LogLikelihoods

METRICS = ("score", "score_stderr", "unparsed")


class PersllmTask(ConfigurableTask):
    """Asks the samples of the task that its YAML names, under the settings in the run's metadata.

    Raises:
        ValueError: unknown condition or persona, few-shot examples, a system instruction, or no chat template applied.
        NoSystemRole, PromptTooLong: see `settings`.
    """

    def __init__(self, config: dict[str, Any], **_: Any) -> None:
        name = config["task"]
        self._settings = Settings.from_mixed(config.get("metadata") or {})
        spec, self._data, found = self._settings.samples(name)
        self._spec, self._samples = spec, {s.id: s for s in found}
        budget = max((s.max_tokens for s in found), default=0) + self._settings.reasoning
        super().__init__(
            config={k: v for k, v in config.items() if k != "class"}
            | {
                "custom_dataset": self._dataset,
                "test_split": "test",
                "output_type": "multiple_choice" if spec.kind == "likelihood" else "generate_until",
                "doc_to_text": "{{question}}",
                "doc_to_target": "{{id}}",
                "metric_list": [
                    {"metric": m, "aggregation": "bypass", "higher_is_better": m == "score"} for m in METRICS
                ],
                "process_results": self.payload,
                "num_fewshot": 0,
                "generation_kwargs": {"until": [], "do_sample": False, "temperature": 0.0, "max_gen_toks": budget},
                "metadata": {**(config.get("metadata") or {}), "version": 1.0},
            }
        )

    def _dataset(self, **_: Any) -> dict[str, datasets.Dataset]:
        rows = [{"id": s.id, "question": s.messages[-1].content} for s in self._samples.values()]
        return {"test": datasets.Dataset.from_list(rows)}

    def build_all_requests(
        self, *, cache_requests: bool = False, rewrite_requests_cache: bool = False, **kwargs: Any
    ) -> None:
        """As lm-eval's, but never from its request cache, which does not see the condition."""
        super().build_all_requests(cache_requests=False, rewrite_requests_cache=False, **kwargs)

    def fewshot_context(
        self,
        doc: dict[str, Any],
        num_fewshot: int = 0,
        system_instruction: str | None = None,
        apply_chat_template: bool = False,
        fewshot_as_multiturn: bool = False,
        chat_template: Callable[..., str] | None = None,
        gen_prefix: str | None = None,
    ) -> str:
        """The rendered chat of one sample."""
        if num_fewshot or system_instruction or gen_prefix:
            raise ValueError("persllm tasks take no few-shot examples, system instruction or prefix: prompts are fixed")
        if not apply_chat_template or chat_template is None:
            raise ValueError("persllm tasks are chats: run lm_eval with --apply_chat_template")
        return self._render(self._samples[doc["id"]], "messages", chat_template)

    def _render(self, sample: Sample, which: str, chat_template: Callable[..., str]) -> str:
        messages: tuple[Message, ...] = getattr(sample, which)
        text = chat_template([m.as_dict() for m in messages])
        lm = getattr(chat_template, "__self__", None)
        if isinstance(text, str) and (tokenizer := getattr(lm, "tokenizer", None)) is not None:
            if messages[0].content.strip() not in text:
                raise NoSystemRole(getattr(tokenizer, "name_or_path", "the model"))
            self._check_length(sample, text, lm)
        return text

    def _check_length(self, sample: Sample, text: str, lm: Any) -> None:
        limit = getattr(lm, "max_length", None)
        if not limit or not hasattr(lm, "tok_encode"):
            return
        scored = max((len(lm.tok_encode(c)) for c in sample.continuations), default=0)
        new = scored or sample.max_tokens + self._settings.reasoning
        tokens = len(lm.tok_encode(text))
        if tokens + new > limit:
            raise PromptTooLong(sample, tokens, limit, new)

    def construct_requests(self, doc: dict[str, Any], ctx: str, **kwargs: Any) -> list[Instance]:
        chat_template, _ = kwargs.pop("chat_template"), kwargs.pop("apply_chat_template")
        sample = self._samples[doc["id"]]
        if not sample.continuations:
            arguments: list[tuple] = [(ctx, dict(self.config.generation_kwargs))]
            kind = "generate_until"
        else:
            plain = self._render(sample, "baseline", chat_template)
            arguments = [(context, text) for context in (ctx, plain) for text in sample.continuations]
            kind = "loglikelihood"
        return [Instance(kind, doc, args, i, **kwargs) for i, args in enumerate(arguments)]

    def payload(self, doc: dict[str, Any], results: Sequence[Any]) -> dict[str, Any]:
        """What one sample adds to every metric: all that the score needs, since processes exchange only this."""
        if self._samples[doc["id"]].continuations:
            sums = [float(ll) for ll, _ in results]
            half = len(sums) // 2
            got: dict[str, Any] = {"id": doc["id"], "given": sums[:half], "baseline": sums[half:]}
        else:
            got = {"id": doc["id"], "reply": results[0]}
        return dict.fromkeys(METRICS, got)

    def process_results(self, doc: dict[str, Any], results: Sequence[Any]) -> dict[str, Any]:
        return self.payload(doc, results)

    def aggregation(self) -> dict[str, Callable[[list[dict[str, Any]]], float]]:
        return {m: partial(self._metric, m) for m in METRICS}

    def _metric(self, name: str, payloads: list[dict[str, Any]]) -> float:
        score = self.score([self.reply(p) for p in payloads])
        return {"score": score.score.estimate, "score_stderr": score.score.se, "unparsed": score.unparsed}[name]

    def reply(self, payload: dict[str, Any]) -> Reply:
        """The reply record of one payload."""
        return to_reply(self._samples[payload["id"]], self._settings, payload)

    def score(self, replies: list[Reply]) -> TaskScore:
        asked = {r.sample_id for r in replies}
        samples = [s for s in self._samples.values() if s.id in asked]
        return score_samples(self._spec, self._data, samples, replies, self._settings.condition)

    @cached_property
    def samples(self) -> list[Sample]:
        """The samples, in the order of the documents."""
        return list(self._samples.values())


def to_reply(sample: Sample, settings: Settings, payload: dict[str, Any]) -> Reply:
    """A saved row from what lm-eval returned for a sample."""
    sums = LogLikelihoods(given=payload["given"], baseline=payload["baseline"]) if "given" in payload else None
    return Reply.to(sample, settings.condition, reply=payload.get("reply"), loglikelihoods=sums)
