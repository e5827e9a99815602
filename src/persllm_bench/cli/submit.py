"""Commands about submissions: `pack`, `rerun`, `calibrate`, and what `check` and `score` do with a bundle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
def calibrate(
    output: Annotated[Path, typer.Option(help="Where bundles lie.")] = Path("submissions"),
) -> None:
    """Write the calibration entries - baselines, known policies, an oracle - as submissions that are never ranked.

    An entry that is there already, of the same policies and data, is left as it is.
    """
    from persllm_bench.submissions import calibration
    from persllm_bench.submissions import pack as packing

    for where, files in calibration.bundles(load()):
        if (output / where).exists():
            console.print(f"{where}: there already")
            continue
        try:
            packing.write(files, output / where)
        except ValueError as error:
            raise fail(error) from error
        console.print(where)
