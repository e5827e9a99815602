"""lm-eval: one task class for every task, named by `class:` in the task's YAML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import datasets
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.api.task import ConfigurableTask

from persllm_bench.faces.lm_eval_live import Arguments, LiveCall, Unanswered, open_call_types, partner_model
from persllm_bench.faces.settings import Asked, NoSystemRole, PromptTooLong, Settings
from persllm_bench.prompts import Message
from persllm_bench.samples import Sample
from persllm_bench.scoring import Reply, TaskScore

METRICS = ("score", "score_stderr", "unparsed")
Template = Callable[..., str]


def _documents(ids: tuple[str, ...], **_: Any) -> dict[str, datasets.Dataset]:
    """A document per sample or conversation. Free of the task, since lm-eval copies a task's configuration deeply."""
    return {"test": datasets.Dataset.from_list([{"id": name} for name in ids])}


TOKENS_PER_BYTE = 2
"""More than any tokenizer makes: a text that is short by this measure need not be tokenised to know that it fits."""


class PersllmTask(ConfigurableTask):
    """Asks the samples or conversations of the task that its YAML names, under the settings in the run's metadata.

    Raises:
        ValueError: unknown condition or persona, few-shot examples, a system instruction, or no chat template applied.
        NoSystemRole, PromptTooLong: see `settings`.
    """

    def __init__(self, config: dict[str, Any], asked: Asked | None = None, **_: Any) -> None:
        """`asked`: what to ask, where it does not follow from the name and the settings."""
        metadata = config.get("metadata") or {}
        self.asked = asked or Settings.from_mixed(metadata).asked(config["task"])
        self._by_id = self.asked.by_id
        super().__init__(
            config={k: v for k, v in config.items() if k != "class"}
            | {
                "custom_dataset": partial(_documents, tuple(self._by_id)),
                "test_split": "test",
                "output_type": "multiple_choice" if self.asked.spec.kind == "likelihood" else "generate_until",
                "doc_to_text": "{{id}}",
                "doc_to_target": "{{id}}",
                "metric_list": [
                    {"metric": m, "aggregation": "bypass", "higher_is_better": m == "score"} for m in METRICS
                ],
                "process_results": _documents,
                "num_fewshot": 0,
                "generation_kwargs": self._generation(self.asked.max_tokens),
                "metadata": {**metadata, "version": 1.0, "data_sha256": self.asked.data.sha256},
            }
        )

    @staticmethod
    def _generation(tokens: int) -> dict[str, Any]:
        return {"until": [], "do_sample": False, "temperature": 0.0, "max_gen_toks": tokens}

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
        chat_template: Template | None = None,
        gen_prefix: str | None = None,
    ) -> str:
        """Nothing is prepended to a sample; here it is only made sure that nothing was asked for."""
        if num_fewshot or system_instruction or gen_prefix:
            raise ValueError("persllm tasks take no few-shot examples, system instruction or prefix: prompts are fixed")
        if not apply_chat_template or chat_template is None:
            raise ValueError("persllm tasks are chats: run lm_eval with --apply_chat_template")
        return ""

    def render(self, sample: Sample, messages: Sequence[Message], chat_template: Template) -> str:
        """The chat of one call as text, checked: the persona is in it and it fits into the context."""
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
        new = scored or sample.max_tokens + self.asked.settings.reasoning
        if TOKENS_PER_BYTE * len(text.encode()) + new <= limit:
            return
        tokens = len(lm.tok_encode(text))
        if tokens + new > limit:
            raise PromptTooLong(sample, tokens, limit, new)

    def construct_requests(self, doc: dict[str, Any], ctx: str, **kwargs: Any) -> list[Instance]:
        chat_template, _ = kwargs.pop("chat_template"), kwargs.pop("apply_chat_template")
        what = self._by_id[doc["id"]]
        if not isinstance(what, Sample):
            open_call_types(len(what.rounds))
            partner = partner_model(self.asked.settings.partner) if self.asked.settings.partner else None
            build = partial(self._live_arguments, chat_template=chat_template)
            return LiveCall.plan(what, build, doc, kwargs["metadata"], partner)
        if not what.continuations:
            return [Instance("generate_until", doc, self._arguments(what, chat_template=chat_template), 0, **kwargs)]
        contexts = [self.render(what, messages, chat_template) for messages in (what.messages, what.baseline)]
        pairs = [(context, text) for context in contexts for text in what.continuations]
        return [Instance("loglikelihood", doc, pair, i, **kwargs) for i, pair in enumerate(pairs)]

    def _arguments(self, sample: Sample, *, chat_template: Template) -> Arguments:
        budget = sample.max_tokens + self.asked.settings.reasoning
        return self.render(sample, sample.messages, chat_template), self._generation(budget)

    def _live_arguments(self, sample: Sample, partner: LM | None, *, chat_template: Template) -> Arguments:
        return self._arguments(sample, chat_template=partner.apply_chat_template if partner else chat_template)

    def process_results(self, doc: dict[str, Any], results: Sequence[Any]) -> dict[str, Any]:
        """What one document adds to every metric: all that the score needs, since processes exchange only this."""
        what, got = self._by_id[doc["id"]], {"id": doc["id"]}
        if not isinstance(what, Sample):
            names = [name for calls in what.rounds for name in calls]
            said = dict(zip(names, results, strict=True))
            failed = [reply for reply in results if isinstance(reply, Unanswered)]
            got["replies"] = {name: reply for name, reply in said.items() if not isinstance(reply, Unanswered)}
            got |= {"error": str(failed[0])} if failed else {}
        elif what.continuations:
            sums, half = [min(0.0, float(ll)) for ll, _ in results], len(results) // 2
            got |= {"given": sums[:half], "baseline": sums[half:]}
        else:
            got["reply"] = results[0]
        return dict.fromkeys(METRICS, got)

    def aggregation(self) -> dict[str, Callable[[list[dict[str, Any]]], float]]:
        return {m: partial(self._metric, m) for m in METRICS}

    def _metric(self, name: str, payloads: list[dict[str, Any]]) -> float:
        score = self.score(payloads)
        return {"score": score.score.estimate, "score_stderr": score.score.se, "unparsed": score.unparsed}[name]

    def score(self, payloads: list[dict[str, Any]]) -> TaskScore:
        return self.asked.score(self.replies(payloads))

    def replies(self, payloads: list[dict[str, Any]]) -> list[Reply]:
        """The rows to save, in the order of the documents."""
        return self.asked.replies(payloads)
