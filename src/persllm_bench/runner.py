"""Runs tasks on a model: the only place that drives one. Replies are cached as they come, so an interrupted run goes
on."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from persllm_bench.faces.endpoint_usage import usage_of_server
from persllm_bench.faces.settings import Backend, Harness, Settings
from persllm_bench.items import tasks_dir
from persllm_bench.prompts import Condition
from persllm_bench.reader import load
from persllm_bench.runs import RunError, RunFacts, RunFolder, facts
from persllm_bench.suite import task
from persllm_bench.usage import Clock, Usage, note, sentence


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

    def inspect(self) -> tuple[str, dict[str, Any]]:
        """Inspect's model name and arguments."""
        extra = self._typed()
        if self.backend == "hf":
            args = {"do_sample": False, "tokenizer_call_args": {"add_special_tokens": False}, "dtype": "float32"}
            path = {"model_path": self.model} if Path(self.model).is_dir() else {}
            return f"hf/{Path(self.model).name if path else self.model}", {**args, **path, **extra}
        if self.backend == "vllm":
            return f"vllm/{self.model}", {"enable_prompt_tokens_details": True, **extra}
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
    say: Callable[[str], None] = print,
    driver: LmEval | Inspect | None = None,
) -> list[Path]:
    """Ask every sample of `tasks` under every condition; returns a run folder per condition, `output/<condition>`.

    Everything that can be wrong is found before the first model call: names, folders, and (in the faces) prompt lengths
    and chat templates. A task whose replies are saved is not asked again; within a task every answered request is
    cached. `say` hears what each task cost; the same is kept in the folder's `usage.jsonl`. A `driver` from before
    spares loading the model again.

    Raises:
        ValueError, RunError: see `suite`, `runs` and `faces.settings`; RunError also for an endpoint that fails.
    """
    slugs = sorted(set(personas))
    if Path(target.model).is_dir():
        os.environ["HF_HUB_OFFLINE"] = "1"
    folders = []
    for condition in conditions:
        settings = Settings(condition, ",".join(slugs), reasoning)
        for name in tasks:
            settings.asked(name)
        folder = RunFolder(output / condition)
        folder.begin(_facts(target, tasks, settings, slugs, harness))
        folders.append((settings, folder))
    if any(set(tasks) - set(folder.done()) for _, folder in folders):
        drive = driver or (LmEval(target) if harness == "lm-eval" else Inspect(target))
        say(f"model ready after {drive.clock.seconds.pop('load', 0.0):.1f} s")
        for settings, folder in folders:
            for name in [t for t in tasks if t not in folder.done()]:
                try:
                    usage = drive.run(name, settings, folder)
                except Exception as error:
                    if target.backend != "endpoint":
                        raise
                    gone = f"{type(error).__name__}: {error}"
                    raise RunError(f"{name}: the endpoint failed ({gone}); run again to go on from here") from error
                seconds = dict(drive.clock.seconds)
                drive.clock.seconds.clear()
                say(f"{settings.condition} {name}: {sentence(usage, seconds)}")
                note(folder.path / "usage.jsonl", name, usage, seconds)
    return [folder.path for _, folder in folders]


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


def _facts(target: Target, tasks: Sequence[str], settings: Settings, slugs: list[str], harness: Harness) -> RunFacts:
    return facts(
        load(),
        condition=settings.condition,
        personas=slugs,
        tasks=sorted(set(tasks)),
        model=target.model if not Path(target.model).is_dir() else Path(target.model).name,
        model_sha256=weights_sha256(target.model),
        backend=target.backend,
        model_args=target.model_args,
        reasoning=settings.reasoning,
        harness=harness,
        packages={name: version(name) for name in ("lm-eval", "inspect-ai", "datasets", "numpy")},
    )


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

        logging.getLogger("lm_eval").setLevel(logging.ERROR)
        before = self.usage()
        with self.clock.phase("harness"):
            metadata = {"condition": settings.condition, "personas": settings.personas, "reasoning": settings.reasoning}
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


class Inspect:
    """Drives Inspect in this process; its own log is kept under `inspect/` and an unfinished one is retried."""

    def __init__(self, target: Target):
        from inspect_ai.model import GenerateConfig, get_model

        self.clock, self.target = Clock(), target
        with self.clock.phase("load"):
            name, arguments = target.inspect()
            config = GenerateConfig(max_connections=target.batch_size)
            self.model = get_model(name, config=config, **arguments)

    def run(self, name: str, settings: Settings, folder: RunFolder) -> Usage | None:
        from inspect_ai import eval as inspect_eval

        from persllm_bench.faces.inspect_logs import replies_of, usage_of
        from persllm_bench.faces.inspect_tasks import build

        with self.clock.phase("model"):
            (log,) = inspect_eval(
                build(task(name).name, settings.condition, settings.personas, settings.reasoning),
                model=self.model,
                log_dir=str(folder.path / "inspect"),
                max_connections=self.target.batch_size,
                display="none",
            )
        if log.status != "success":
            raise RunError(f"{name}: Inspect ended with {log.status}: {log.error and log.error.message}")
        with self.clock.phase("harness"):
            folder.save(name, replies_of(log))
        return usage_of(log)
