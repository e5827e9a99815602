"""From a saved run - of `persllm-bench run`, lm-eval or Inspect - to a bundle that passes its own check."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
import zstandard
from pydantic import ValidationError

from persllm_bench import __version__
from persllm_bench.conversation import LIVE_TOKENS
from persllm_bench.faces import lm_eval_logs
from persllm_bench.faces.logged import Logged
from persllm_bench.faces.settings import Settings
from persllm_bench.items import Data
from persllm_bench.prompts import Condition
from persllm_bench.runs import RunFolder, run_folders
from persllm_bench.samples import LETTER_TOKENS, OPEN_TOKENS
from persllm_bench.scoring import Reply
from persllm_bench.submissions.bundle import Faults, facts_json, manifest
from persllm_bench.submissions.record import Declared, Generation, Harness, Part, Submission
from persllm_bench.submissions.scores import scorer_sha256
from persllm_bench.submissions.tree import memory_tree
from persllm_bench.submissions.validation import FACTS, MANIFEST, BadBundle, validate

LEVEL = 12
GENERATION = Generation(max_tokens={"letter": LETTER_TOKENS, "live": LIVE_TOKENS, "open": OPEN_TOKENS})


def declared(meta: Path) -> Declared:
    """The submitter's declarations from a YAML file.

    Raises:
        ValueError: no YAML, or fields that break their rules, all listed.
    """
    try:
        return Declared.model_validate(yaml.safe_load(meta.read_text()))
    except yaml.YAMLError as error:
        raise ValueError(f"{meta}: {error}") from error
    except ValidationError as error:
        faults = Faults(str(meta))
        faults.schema("", error)
        raise ValueError("\n".join(map(str, faults.all()))) from error


def logged(path: Path) -> list[Logged]:
    """The replies that lie at `path`: a run folder or its parent, lm-eval output, an Inspect log or a folder of logs.

    Raises:
        ValueError: none of these, or one that cannot be read.
    """
    if runs := run_folders(path):
        return [row for folder in runs for row in _of_run(RunFolder(folder))]
    if found := lm_eval_logs.logged(path):
        return found
    if path.suffix == ".eval" or any(path.rglob("*.eval")):
        from persllm_bench.faces import inspect_logs

        return inspect_logs.logged(path)
    raise ValueError(
        f"{path} holds no run: allowed are a folder of `persllm-bench run` (run.json), of lm_eval --output_path "
        "(results_*.json), or an Inspect log (*.eval)"
    )


def _of_run(folder: RunFolder) -> list[Logged]:
    facts = folder.facts()
    if missing := sorted(set(facts.tasks) - set(folder.done())):
        raise ValueError(f"{folder.path} has no replies yet of {', '.join(missing)}: run it again to finish it")
    settings = Settings(facts.condition, ",".join(facts.personas), facts.reasoning, facts.partner)
    return [
        Logged(
            where=folder.path,
            task=name,
            settings=settings,
            data_sha256=facts.data_sha256,
            replies=list(folder.replies(name)),
            harness=facts.harness,
            packages=facts.packages,
            model=facts.model,
            files_sha256=facts.model_sha256,
        )
        for name in folder.done()
    ]


def bundle(found: Sequence[Logged], meta: Declared, data: Data, run: str) -> tuple[str, dict[str, bytes]]:
    """(where the bundle lies, its files) of logged replies.

    Raises:
        ValueError: replies that do not belong together: two models, harnesses or versions of the data, or one task
            twice under one condition; all of it listed.
        BadBundle: the replies are not complete, or break another rule.
    """
    faults = Faults("pack")
    _one(found, "model", faults)
    _one(found, "harness", faults)
    for row in found:
        if row.data_sha256 != data.sha256:
            faults.add(str(row.where), "data_sha256", row.data_sha256, data.sha256)
    settings: dict[Condition, Settings] = {}
    replies: dict[tuple[Condition, str], list[Reply]] = {}
    for row in found:
        condition = row.settings.condition
        if row.settings.partner:
            faults.add(
                str(row.where), "partner", row.settings.partner, "none: in a submission a model plays both sides"
            )
        if settings.setdefault(condition, row.settings) != row.settings:
            faults.add(str(row.where), "settings", row.settings, f"one for {condition}: {settings[condition]}")
        if (condition, row.task) in replies:
            faults.add(str(row.where), "task", f"{row.task} under {condition}", "each task once: name one run")
        replies[condition, row.task] = row.replies
    model = meta.model.model_dump()
    for name in ("files_sha256", "chat_template_sha256"):
        for told in {getattr(row, name) for row in found} - {None}:
            if (model[name] or told) != told:
                faults.add(str(found[0].where), f"model.{name}", told, f"{model[name]}, as declared")
            model[name] = told
    if faults.found:
        raise ValueError("\n".join(map(str, faults.all())))
    packages = {k: v for row in found for k, v in row.packages.items()}
    return assemble(replies, settings, meta, data, run=run, model=model, harness=(found[0].harness, packages))


def assemble(
    replies: dict[tuple[Condition, str], list[Reply]],
    settings: dict[Condition, Settings],
    meta: Declared,
    data: Data,
    *,
    run: str,
    model: dict[str, Any],
    harness: tuple[str, dict[str, str]],
    calibration: bool = False,
) -> tuple[str, dict[str, bytes]]:
    """(where the bundle lies, its files). Raises BadBundle or pydantic's ValidationError (a ValueError)."""
    tasks: dict[Condition, list[str]] = defaultdict(list)
    for condition, name in sorted(replies):
        tasks[condition].append(name)
    conditions = {
        c: Part(personas=sorted(set(settings[c].slugs())), reasoning=settings[c].reasoning, tasks=names)
        for c, names in tasks.items()
    }
    submission = Submission(
        **{**dict(meta), "model": type(meta.model)(**model)},
        run=run,
        benchmark=__version__,
        data_sha256=data.sha256,
        scorer_sha256=scorer_sha256(),
        generation=GENERATION,
        harness=Harness(name=harness[0], packages=harness[1]),  # type: ignore[arg-type]
        conditions=conditions,
        calibration=calibration,
    )
    files = {path: packed(replies[key]) for path, key in submission.files.items()}
    sealed = seal_files({FACTS: facts_json(submission), **files})
    validate(memory_tree(sealed), submission.folder, data)
    return submission.folder, sealed


def packed(replies: Sequence[Reply]) -> bytes:
    """A reply file: one row each, without messages and fields that are none. The bytes depend on the replies only."""
    rows = "".join(r.model_dump_json(exclude={"messages"}, exclude_none=True) + "\n" for r in replies)
    return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(rows.encode())


def seal_files(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files with their manifest, made afresh."""
    rest = {path: raw for path, raw in files.items() if path != MANIFEST}
    return {**rest, MANIFEST: manifest(rest).encode()}


def write(files: dict[str, bytes], folder: Path) -> None:
    """Write a bundle; whole or not at all.

    Raises:
        ValueError: the folder exists, or cannot be written.
    """
    if folder.exists():
        raise ValueError(f"{folder} exists: a submission is never changed; choose another --run")
    part = folder.with_name(folder.name + ".part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        for path, raw in files.items():
            (part / path).parent.mkdir(parents=True, exist_ok=True)
            (part / path).write_bytes(raw)
        part.rename(folder)
    except OSError as error:
        raise ValueError(f"cannot write {folder}: {error.strerror or error}") from error


def _one(found: Sequence[Logged], name: str, faults: Faults) -> None:
    values = sorted({getattr(row, name) for row in found})
    if len(values) > 1:
        faults.add("", name, ", ".join(values), "one in a submission")


__all__ = ["BadBundle", "assemble", "bundle", "declared", "logged", "packed", "seal_files", "write"]
