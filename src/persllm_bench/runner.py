"""Runs tasks on a model: the only place that drives one. Replies are cached as they come, so an interrupted run goes
on."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from persllm_bench.faces.settings import Asked, Backend, Harness, Settings
from persllm_bench.items import tasks_dir
from persllm_bench.prompts import Condition
from persllm_bench.reader import load
from persllm_bench.runs import RunFacts, RunFolder, facts
from persllm_bench.scoring import Reply
from persllm_bench.suite import task


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
            return "vllm", {"pretrained": self.model, "dtype": "auto", "enable_prefix_caching": True, **extra}
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
        extra = self._typed()
        if self.backend == "hf":
            args = {"do_sample": False, "tokenizer_call_args": {"add_special_tokens": False}, "dtype": "float32"}
            path = {"model_path": self.model} if Path(self.model).is_dir() else {}
            return f"hf/{Path(self.model).name if path else self.model}", {**args, **path, **extra}
        if self.backend == "vllm":
            return f"vllm/{self.model}", extra
        return f"openai-api/endpoint/{self.model}", {"base_url": self.base_url, "api_key": "none", **extra}


def run(
    target: Target,
    tasks: Sequence[str],
    output: Path,
    *,
    conditions: Sequence[Condition] = ("profile",),
    personas: Iterable[str] = (),
    reasoning: int = 0,
    harness: Harness = "lm-eval",
    partner: str = "",
) -> list[Path]:
    """Ask every sample of `tasks` under every condition; returns a run folder per condition, `output/<condition>`.

    `partner` is another model of the same back end, to speak for scene partners.

    Everything that can be wrong is found before the first model call: names, folders, and (in the faces) prompt
    lengths and
    chat templates. A task whose replies are saved is not asked again; within a task every answered request is cached.

    Raises:
        ValueError, RunError: see `suite`, `runs` and `faces.settings`.
    """
    slugs = sorted(set(personas))
    if Path(target.model).is_dir():
        os.environ["HF_HUB_OFFLINE"] = "1"
    folders = []
    for condition in conditions:
        settings = Settings(condition, ",".join(slugs), reasoning, target.partner(partner) if partner else "")
        for name in tasks:
            settings.asked(name)
        folder = RunFolder(output / condition)
        folder.begin(_facts(target, tasks, settings, slugs, harness, partner))
        folders.append((settings, folder))
    if any(set(tasks) - set(folder.done()) for _, folder in folders):
        drive = _LmEval(target) if harness == "lm-eval" else _Inspect(target, partner)
        for settings, folder in folders:
            drive.run([t for t in tasks if t not in folder.done()], settings, folder)
    return [folder.path for _, folder in folders]


def ask(target: Target, calls: Sequence[Asked]) -> list[list[Reply]]:
    """Replies to samples that are at hand, through lm-eval, in order; nothing is saved or cached."""
    from persllm_bench.faces.lm_eval_direct import answer

    if Path(target.model).is_dir():
        os.environ["HF_HUB_OFFLINE"] = "1"
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    lm = _LmEval(target).lm
    return [answer(lm, asked) for asked in calls]


def weights_sha256(model: str) -> str | None:
    """Hash of a local model folder's weights, tokenizer and configuration; None for a name."""
    if not Path(model).is_dir():
        return None
    digest = hashlib.sha256()
    for path in sorted(
        p for p in Path(model).iterdir() if p.suffix in (".safetensors", ".json", ".jinja", ".model", ".bin")
    ):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _facts(
    target: Target, tasks: Sequence[str], settings: Settings, slugs: list[str], harness: Harness, partner: str
) -> RunFacts:
    return facts(
        load(),
        condition=settings.condition,
        personas=slugs,
        tasks=sorted(set(tasks)),
        model=_shown(target.model),
        model_sha256=weights_sha256(target.model),
        partner=_shown(partner),
        partner_sha256=weights_sha256(partner) if partner else None,
        backend=target.backend,
        model_args=target.model_args,
        reasoning=settings.reasoning,
        harness=harness,
        packages={name: version(name) for name in ("lm-eval", "inspect-ai", "datasets", "numpy")},
    )


def _shown(model: str) -> str:
    """A hub name as it is, of a local folder its last part."""
    return Path(model).name if Path(model).is_dir() and model else model


def _default_device(backend: Backend) -> str | None:
    """lm-eval takes cuda for granted where none is named."""
    if backend != "hf":
        return None
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


class _LmEval:
    """Drives lm-eval in this process, so that a model is loaded once for all conditions."""

    def __init__(self, target: Target):
        from lm_eval.api.registry import get_model

        name, arguments = target.lm_eval()
        device = target.device or _default_device(target.backend)
        if name == "hf":
            from persllm_bench.faces.lm_eval_prefix import PrefixLM
        model = PrefixLM if name == "hf" else get_model(name)
        self.lm = model.create_from_arg_obj(arguments, {"batch_size": target.batch_size, "device": device})

    def run(self, tasks: Sequence[str], settings: Settings, folder: RunFolder) -> None:
        if not tasks:
            return
        from lm_eval.api.model import CachingLM
        from lm_eval.evaluator import evaluate
        from lm_eval.tasks import TaskManager

        logging.getLogger("lm_eval").setLevel(logging.ERROR)
        metadata = {"condition": settings.condition, "personas": settings.personas, "reasoning": settings.reasoning}
        metadata |= {"partner": settings.partner} if settings.partner else {}
        manager = TaskManager(include_path=str(tasks_dir()), include_defaults=False, metadata=metadata)
        cache = folder.path / "cache"
        cache.mkdir(exist_ok=True)
        for name in tasks:
            lm = CachingLM(self.lm, str(cache / f"{name}.db"))
            loaded = manager.load([name])
            results = evaluate(lm, loaded, apply_chat_template=True, log_samples=True, bootstrap_iters=0)
            payloads = [row["score"] for row in results["samples"][name]]
            folder.save(name, loaded["tasks"][name].replies(payloads))


class _Inspect:
    """Drives Inspect in this process; its own log is kept under `inspect/` and an unfinished one is retried."""

    def __init__(self, target: Target, partner: str = ""):
        from inspect_ai.model import GenerateConfig, Model, get_model

        def model(target: Target) -> Model:
            name, arguments = target.inspect()
            return get_model(name, config=GenerateConfig(max_connections=target.batch_size), **arguments)

        self.model, self.target = model(target), target
        self.roles = {"partner": model(replace(target, model=partner))} if partner else {}

    def run(self, tasks: Sequence[str], settings: Settings, folder: RunFolder) -> None:
        from inspect_ai import eval as inspect_eval

        from persllm_bench.faces.inspect_logs import replies_of
        from persllm_bench.faces.inspect_tasks import build

        for name in tasks:
            spec = task(name)
            logs = inspect_eval(
                build(spec.name, settings.condition, settings.personas, settings.reasoning),
                model=self.model,
                model_roles=self.roles,
                log_dir=str(folder.path / "inspect"),
                max_connections=self.target.batch_size,
                display="none",
            )
            if logs[0].status != "success":
                raise RuntimeError(
                    f"{name}: Inspect ended with {logs[0].status}: {logs[0].error and logs[0].error.message}"
                )
            folder.save(name, replies_of(logs[0]))
