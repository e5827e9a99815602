"""Commands `board` and `export-site`: the leaderboard's data from submissions, and plain pages from that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from persllm_bench.cli.base import app, fail
from persllm_bench.reader import load


@contextmanager
def _needs_extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise fail(f"{error}: the board needs pip install 'persllm-bench[leaderboard]'") from error


@app.command()
def board(
    submissions: Annotated[Path, typer.Argument(help="The folder that holds <org>__<model>/<revision>/<run>.")],
    output: Annotated[Path, typer.Option(help="Where the board goes; replaces the one that is there.")] = Path(
        "leaderboard/data"
    ),
    cache: Annotated[Path | None, typer.Option(help="Keeps what was derived of each bundle.")] = None,
) -> None:
    """Score every submission and write the leaderboard's tables. What is no valid submission is left out, and named."""
    with _needs_extra():
        from persllm_bench.board import build
    try:
        built = build(submissions, load(), output, cache)
    except (ValueError, OSError) as error:
        raise fail(error) from error
    for notice in built.notices:
        typer.echo(f"left out: {notice['where']}: {notice['total']} fault(s)")
        for fault in notice["faults"]:
            typer.echo(f"  {fault}")
    typer.echo(f"{built.folder}: {built.entries} entries, {len(built.notices)} left out")


@app.command("export-site")
def export_site(
    directory: Annotated[Path, typer.Argument(help="Where the pages go; replaces an earlier site.")],
    board: Annotated[Path, typer.Option(help="The board, as `persllm-bench board` wrote it.")] = Path(
        "leaderboard/data"
    ),
) -> None:
    """Write the leaderboard as plain pages that need no server and load nothing from elsewhere."""
    with _needs_extra():
        from persllm_bench.board import Board
        from persllm_bench.board.site import export_site as export
    try:
        pages = export(Board(board), directory)
    except (ValueError, OSError) as error:
        raise fail(error) from error
    typer.echo(f"{directory}: {pages} pages")
