"""The models that a run can drive, in either harness; the only place that loads one."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from persllm_bench.faces.endpoint_usage import usage_of_server
from persllm_bench.faces.settings import Backend, Settings
from persllm_bench.items import tasks_dir
from persllm_bench.suite import task
from persllm_bench.usage import Clock, Usage

if TYPE_CHECKING:
    from persllm_bench.runs import RunFolder


@dataclass(frozen=True)
class Target:
    """What to run on: a model folder or hub name (`hf`, `vllm`), or a served name at an OpenAI-compatible
    `base_url`."""

    model: str
    backend: Backend = "hf"
    base_url: str = ""
    batch_size: int = 16
    device: str = ""
    model_args: dict[str, str] = field(default_factory=dict)

    def _typed(self) -> dict[str, Any]:
        """The model arguments as YAML values: `true`, `4`, `{a: b}`, else text."""
        return {name: yaml.safe_load(value) for name, value in self.model_args.items()}

    def lm_eval(self) -> tuple[str, dict[str, Any]]:
        """lm-eval's model name and arguments.

        Raises:
            ValueError: an endpoint without a base URL.
        """
        extra = self._typed()
        if self.backend == "hf":
            return "hf", {"pretrained": self.model, "dtype": "float32", **extra}
        if self.backend == "vllm":
            shared = {"enable_prefix_caching": True, "disable_log_stats": False}
            return "vllm", {"pretrained": self.model, "dtype": "auto", **shared, **extra}
        if not self.base_url:
            raise ValueError("the back end 'endpoint' needs --base-url, such as http://localhost:8000/v1")
        url = self.base_url.rstrip("/") + "/chat/completions"
        return "local-chat-completions", {"model": self.model, "base_url": url, "num_concurrent": 8, **extra}

    def partner(self, model: str) -> str:
        """lm-eval's name and arguments of another model on the same back end, in one line."""
        name, arguments = replace(self, model=model).lm_eval()
        device = {"device": self.device} if self.device and name == "hf" else {}
        return ",".join((name, *(f"{k}={v}" for k, v in {**arguments, **device}.items())))

    def inspect(self) -> tuple[str, dict[str, Any]]:
        """Inspect's model name and arguments."""
        extra = {name: value for name, value in self._typed().items() if name != "prefix_cache"}
        if self.backend == "hf":
            args = {"do_sample": False, "tokenizer_call_args": {"add_special_tokens": False}, "dtype": "float32"}
            path = {"model_path": self.model} if Path(self.model).is_dir() else {}
            return f"hf/{Path(self.model).name if path else self.model}", {**args, **path, **extra}
        if self.backend == "vllm":
            return f"vllm/{self.model}", {"enable_prompt_tokens_details": True, **extra}
        return f"openai-api/endpoint/{self.model}", {"base_url": self.base_url, "api_key": "none", **extra}


def _offline(target: Target) -> None:
    """A model in a local folder needs nothing of a hub. Set before anything that asks one is imported."""
    if Path(target.model).is_dir():
        os.environ["HF_HUB_OFFLINE"] = "1"


def _default_device(backend: Backend) -> str | None:
    """lm-eval takes cuda for granted where none is named."""
    if backend != "hf":
        return None
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


class LmEval:
    """Drives lm-eval in this process, so that a model is loaded once for all conditions."""

    ASKS = ("generate_until", "loglikelihood")

    def __init__(self, target: Target):
        _offline(target)
        logging.getLogger("lm_eval").setLevel(logging.ERROR)
        self.clock, self.target = Clock(), target
        with self.clock.phase("load"):
            name, arguments = target.lm_eval()
            settings = {"batch_size": target.batch_size, "device": target.device or _default_device(target.backend)}
            if name == "vllm":
                settings = {"batch_size": "auto"}  # the engine fills its own batches
            self.lm = _lm_eval_model(name).create_from_arg_obj(arguments, settings)
        for ask in self.ASKS:
            setattr(self.lm, ask, self.clock.timed("model", getattr(self.lm, ask)))

    def usage(self) -> Usage | None:
        if self.target.backend == "endpoint":
            return usage_of_server(self.target.base_url)
        found = getattr(self.lm, "usage", None)
        return found and replace(found)

    def run(self, name: str, settings: Settings, folder: RunFolder) -> Usage | None:
        from lm_eval.api.model import CachingLM
        from lm_eval.evaluator import evaluate
        from lm_eval.tasks import TaskManager

        before = self.usage()
        with self.clock.phase("harness"):
            metadata = {"condition": settings.condition, "personas": settings.personas, "reasoning": settings.reasoning}
            metadata |= {"partner": settings.partner} if settings.partner else {}
            manager = TaskManager(include_path=str(tasks_dir()), include_defaults=False, metadata=metadata)
            cache = folder.path / "cache"
            cache.mkdir(exist_ok=True)
            loaded = manager.load([name])
            lm = CachingLM(self.lm, str(cache / f"{name}.db"))
            results = evaluate(lm, loaded, apply_chat_template=True, log_samples=True, bootstrap_iters=0)
            payloads = [row["score"] for row in results["samples"][name]]
            folder.save(name, loaded["tasks"][name].replies(payloads))
        after = self.usage()
        return after - before if after and before else None


def _lm_eval_model(name: str) -> Any:
    """lm-eval's model class; ours where what prompts share need not be computed again."""
    if name == "hf":
        from persllm_bench.faces.lm_eval_prefix import PrefixLM

        return PrefixLM
    if name == "vllm":
        from persllm_bench.faces.lm_eval_vllm import OrderedVLLM

        return OrderedVLLM
    from lm_eval.api.registry import get_model

    return get_model(name)


def _share_prefixes(api: Any) -> Usage:
    """What the model reuses is counted there from now on."""
    from persllm_bench.faces.inspect_prefix import PrefixGenerate

    if not isinstance(api.model.generate, PrefixGenerate):  # Inspect hands out one model for equal arguments
        api.model.generate = PrefixGenerate(api.model, api.tokenizer.pad_token_id)
    return api.model.generate.usage


class Inspect:
    """Drives Inspect in this process; its own log is kept under `inspect/` and an unfinished one is retried."""

    def __init__(self, target: Target, partner: str = ""):
        _offline(target)
        from inspect_ai.model import GenerateConfig, Model, get_model

        def model(target: Target) -> Model:
            name, arguments = target.inspect()
            found = get_model(name, config=GenerateConfig(max_connections=target.batch_size), **arguments)
            if target.backend == "hf" and target.model_args.get("prefix_cache", "true") != "false":
                self.shared.append(_share_prefixes(found.api))
            return found

        self.clock, self.target, self.shared = Clock(), target, list[Usage]()
        with self.clock.phase("load"):
            self.model = model(target)
            self.roles = {"partner": model(replace(target, model=partner))} if partner else {}

    def run(self, name: str, settings: Settings, folder: RunFolder) -> Usage | None:
        from inspect_ai import eval as inspect_eval

        from persllm_bench.faces.inspect_logs import replies_of, usage_of
        from persllm_bench.faces.inspect_tasks import build
        from persllm_bench.runs import RunError

        before = [replace(usage) for usage in self.shared]
        with self.clock.phase("model"):
            asked = build(task(name).name, settings.condition, settings.personas, settings.reasoning)
            (log,) = inspect_eval(
                asked,
                model=self.model,
                model_roles=self.roles,
                log_dir=str(folder.path / "inspect"),
                max_connections=even_batch(len(asked.dataset), self.target.batch_size),
                display="none",
            )
        if log.status != "success":
            raise RunError(f"{name}: Inspect ended with {log.status}: {log.error and log.error.message}")
        with self.clock.phase("harness"):
            folder.save(name, replies_of(log))
        found = usage_of(log)
        if found is not None:
            for then, now in zip(before, self.shared, strict=True):
                since = now - then
                found.reused += since.reused
                found.kept += since.kept
        return found


def even_batch(total: int, most: int) -> int:
    """The size of about equal batches, none above `most`: Inspect's `hf` waits two seconds whenever one is not full."""
    return ceil(total / ceil(total / most))
