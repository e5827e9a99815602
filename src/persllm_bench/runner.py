"""Runs tasks on a model. Replies are cached as they come, so an interrupted run goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from persllm_bench.drivers import Inspect, LmEval, Target
from persllm_bench.faces.settings import Asked, Harness, Settings
from persllm_bench.prompts import Condition
from persllm_bench.reader import load
from persllm_bench.runs import RunError, RunFacts, RunFolder, facts
from persllm_bench.scoring import Reply
from persllm_bench.usage import note, sentence


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
    say: Callable[[str], None] = print,
    driver: LmEval | Inspect | None = None,
) -> list[Path]:
    """Ask every sample of `tasks` under every condition; returns a run folder per condition, `output/<condition>`.

    `partner` is another model of the same back end, to speak for scene partners.

    Everything that can be wrong is found before the first model call: names, folders, and (in the faces) prompt lengths
    and chat templates. A task whose replies are saved is not asked again; within a task every answered request is
    cached. `say` hears what each task cost; the same is kept in the folder's `usage.jsonl`. A `driver` from before
    spares loading the model again.

    Raises:
        ValueError, RunError: see `suite`, `runs` and `faces.settings`; RunError also for an endpoint that fails.
    """
    slugs = sorted(set(personas))
    folders = []
    for condition in conditions:
        settings = Settings(condition, ",".join(slugs), reasoning, target.partner(partner) if partner else "")
        for name in tasks:
            settings.asked(name)
        folder = RunFolder(output / condition)
        folder.begin(_facts(target, tasks, settings, slugs, harness, partner))
        folders.append((settings, folder))
    if any(set(tasks) - set(folder.done()) for _, folder in folders):
        drive = driver or (LmEval(target) if harness == "lm-eval" else Inspect(target, partner))
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


def ask(target: Target, calls: Sequence[Asked]) -> list[list[Reply]]:
    """Replies to samples that are at hand, through lm-eval, in order; nothing is saved or cached."""
    from persllm_bench.faces.lm_eval_direct import answer

    lm = LmEval(target).lm
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


def model_facts(model: str) -> tuple[str, str | None]:
    """A model as runs write it down: its name, of a local folder the last part, and the hash of a local folder."""
    return _shown(model), weights_sha256(model)


def facts_of(target: Target, tasks: Sequence[str], reasoning: int, harness: str) -> RunFacts:
    """The facts of a run under `profile` with all personas."""
    return _facts(target, tasks, Settings(reasoning=reasoning), [], harness, "")


def _facts(
    target: Target, tasks: Sequence[str], settings: Settings, slugs: list[str], harness: str, partner: str
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
