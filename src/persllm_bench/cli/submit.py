"""Commands about submissions: `pack`, `rerun`, `calibrate`, and what `check` and `score` do with a bundle."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from persllm_bench.cli import base
from persllm_bench.cli.base import app, console, fail
from persllm_bench.reader import load

if TYPE_CHECKING:
    from persllm_bench.submissions import Bundle


def is_bundle(path: Path) -> bool:
    return any((path / name).exists() for name in ("submission.json", "MANIFEST.sha256"))


def bundle_at(path: Path) -> Bundle:
    """The bundle in a folder; its faults are printed and end the command."""
    from persllm_bench.submissions import folder_tree, validate

    where = "/".join(path.resolve().parts[-3:])
    return _valid(lambda: validate(folder_tree(path), where, load()))


def check_bundle(path: Path) -> None:
    _accept(bundle_at(path))


def check_commit(repository: Path, head: str, base: str) -> None:
    from persllm_bench.submissions.pull import check_pull
    from persllm_bench.submissions.tree import Git

    _accept(_valid(lambda: check_pull(Git(repository), head, base, load())))


def _valid(make: Callable[[], Bundle]) -> Bundle:
    from persllm_bench.submissions import BadBundle

    try:
        return make()
    except BadBundle as error:
        for fault in error.faults:
            typer.echo(str(fault))
        raise fail(f"{len(error.faults)} fault(s)") from error
    except (ValueError, OSError) as error:
        raise fail(error) from error


def _accept(found: Bundle) -> None:
    because = found.submission.unranked_because
    replies = sum(map(len, found.replies.values()))
    typer.echo(f"{found.where}: no fault; {replies} replies; content {found.sha256[:12]}")
    typer.echo(f"not ranked: {'; '.join(because)}" if because else "ranked: all core tasks with their controls")


@app.command()
def pack(
    source: Annotated[Path, typer.Argument(help="A run folder or its parent, lm_eval output, or Inspect logs.")],
    meta: Annotated[Path, typer.Option(help="YAML with what only you know; see docs/submissions.md.")],
    output: Annotated[Path, typer.Option(help="Where bundles lie.")] = Path("submissions"),
    run: Annotated[str, typer.Option(help="Name of this submission: small letters, digits, hyphens.")] = "first",
) -> None:
    """Make a submission of a saved run: raw replies, facts and hashes, no scores."""
    from persllm_bench.submissions import pack as packing

    def make() -> str:
        where, files = packing.bundle(packing.logged(source), packing.declared(meta), load(), run)
        packing.write(files, output / where)
        return where

    where = _packed(make)
    console.print(f"{output / where}: check it with persllm-bench check, and submit it with a pull request")


def _packed(make: Callable[[], str]) -> str:
    from persllm_bench.submissions import BadBundle

    try:
        return make()
    except BadBundle as error:
        for fault in error.faults:
            typer.echo(str(fault))
        raise fail(f"nothing written: {len(error.faults)} fault(s)") from error
    except (ValueError, OSError) as error:
        raise fail(error) from error


@app.command()
def rerun(
    path: Annotated[Path, typer.Argument(help="The folder of a submission.")],
    level: Annotated[int, typer.Option(min=2, max=3, help="2: a subsample; 3: everything.")] = 2,
    seed_string: Annotated[str, typer.Option(help="A public string that nobody knew before submission.")] = "",
    model: Annotated[str, typer.Option(help="Local folder of the same weights; default: the submission's.")] = "",
    backend: base.BackendOption = "hf",
    base_url: base.BaseUrlOption = "",
    batch_size: base.BatchSizeOption = 16,
    threads: Annotated[int, typer.Option(min=0, help="Of the processor; 0: as many as there are.")] = 0,
    device: base.DeviceOption = "",
    record: Annotated[Path | None, typer.Option(help="Append the outcome to this list of verifications.")] = None,
) -> None:
    """Ask the model of a submission again and compare scores and replies. Exits with 1 where they differ."""
    from persllm_bench import report
    from persllm_bench.submissions import levels
    from persllm_bench.submissions import rerun as again

    found, data = bundle_at(path), load()
    if level == 2 and not seed_string:
        raise fail("level 2 needs --seed-string: a public string from after the submission, such as a block hash")
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        given = base.target(model, backend, base_url, batch_size, device)
        outcome = again.rerun(
            found, data, again.target_of(found.submission, model, given), level=level, seed=seed_string
        )
    except (ValueError, OSError) as error:
        raise fail(error) from error
    console.print(report.rerun_table(outcome.rows))
    for line in outcome.told():
        console.print(line)
    if record is not None:
        levels.append(record, levels.verification(found, outcome, level, seed_string))
    if not outcome.passes:
        raise typer.Exit(1)


@app.command()
def calibrate(
    output: Annotated[Path, typer.Option(help="Where bundles lie.")] = Path("submissions"),
) -> None:
    """Write the calibration entries - baselines, known policies, an oracle - as submissions that are never ranked.

    An entry that is there already, of the same policies and data, is left as it is.
    """
    from persllm_bench.submissions import calibration
    from persllm_bench.submissions import pack as packing

    for where, make in calibration.bundles(load()).items():
        if (output / where).exists():
            console.print(f"{where}: there already")
            continue
        try:
            packing.write(make(), output / where)
        except ValueError as error:
            raise fail(error) from error
        console.print(where)
