"""Commands that turn the data into a published data set."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from persllm_bench.cli.base import app, console, fail
from persllm_bench.reader import load

TOKEN = "HF_TOKEN"


@app.command()
def export(
    output: Annotated[Path, typer.Argument(help="A new or empty folder.")],
) -> None:
    """Write the data as Parquet tables with data card and Croissant metadata; `datasets.load_dataset` reads it."""
    from persllm_bench.release import publish as publishing

    try:
        paths = publishing.export(load(), output)
    except OSError as error:
        raise fail(error) from error
    _list(output, paths)


@app.command()
def publish(
    repo: Annotated[str, typer.Option(help="ORG/NAME of the data set on the hub.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would go, and stop.")] = False,
    token: Annotated[str, typer.Option(envvar=TOKEN, help="A token that may write.", show_envvar=True)] = "",
    endpoint: Annotated[str, typer.Option(envvar="HF_ENDPOINT", help="Another hub than huggingface.co.")] = "",
    private: Annotated[bool, typer.Option("--private", help="Make the data set private if it is new.")] = False,
) -> None:
    """Push data and card to a hub, in one commit."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    from huggingface_hub.utils import validate_repo_id

    from persllm_bench.release import publish as publishing

    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise fail(error) from error
    if repo.count("/") != 1:
        raise fail(f"--repo is {repo!r}; allowed: ORG/NAME")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "dataset"
        _list(folder, publishing.export(load(), folder, repo=repo))
        if dry_run:
            typer.echo(f"dry run: nothing sent to {repo}")
            return
        if not token:
            raise fail(f"no token: give --token or set {TOKEN}")
        try:
            address = publishing.push(folder, repo, token=token, endpoint=endpoint or None, private=private)
        except (HfHubHTTPError, OSError) as error:
            raise fail(f"the hub refused {repo}: {error}") from error
    typer.echo(f"pushed to {address}")


@app.command("import-persllm")
def import_persllm(
    files: Annotated[
        list[str], typer.Argument(help="STAGE=FILE or STAGE:KIND=FILE, such as late:induced=records.txt.")
    ],
    persona: Annotated[str, typer.Option(help="The slug of the pack, such as tove_rask.")],
    output: Annotated[Path, typer.Option(help="A new or empty folder for the pack.")],
) -> None:
    """Turn PersLLM's text records into a pack's train split, dossier material and open items.

    All faults are listed at once, and with any of them nothing is written.
    """
    from persllm_bench.release import persllm_records

    records, faults = [], []
    for given in files:
        match = re.fullmatch(r"(early|late)(?::(question|opinion|induced))?=(.+)", given)
        if match is None:
            raise fail(
                f"{given!r}; allowed: STAGE=FILE or STAGE:KIND=FILE, early or late, question, opinion or induced"
            )
        try:
            text = Path(match[3]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise fail(f"{match[3]}: {error}") from error
        found, wrong = persllm_records.parse(text, match[3])
        records += [(match[1], match[2] or "question", record) for record in found]
        faults += wrong
    for fault in faults:
        typer.echo(str(fault))
    if faults:
        raise fail(f"{len(faults)} fault(s); nothing written")
    try:
        pack = persllm_records.convert(persona, records)  # type: ignore[arg-type]
        paths = pack.write(output)
    except (ValueError, OSError) as error:
        raise fail(error) from error
    _list(output, paths)
    typer.echo(f"{len(pack.train)} train conversations, {len(pack.open)} open items, {len(pack.speech)} speech samples")


def _list(folder: Path, paths: list[Path]) -> None:
    table = Table("file", "bytes")
    for path in paths:
        table.add_row(path.relative_to(folder).as_posix(), f"{path.stat().st_size:,}")
    console.print(table)
