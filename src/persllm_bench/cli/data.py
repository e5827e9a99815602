"""Commands about the data: `tasks`, `sample`, and `check`, which also checks submissions."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from persllm_bench import suite
from persllm_bench.cli.base import app, console, fail
from persllm_bench.reader import read, tasks_dir


@app.command("tasks")
def list_tasks(
    directory: Annotated[bool, typer.Option("--dir", help="Print the folder for lm_eval --include_path.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """List the tasks and groups."""
    if directory:
        typer.echo(tasks_dir())
        return
    rows = [{"task": t.name, "family": t.family, "kind": t.kind, "quick": t.quick} for t in suite.TASKS.values()]
    if as_json:
        typer.echo(json.dumps({"tasks": rows, "groups": suite.GROUPS}, indent=2))
        return
    table = Table("task", "family", "kind", "slice")
    for t in suite.TASKS.values():
        table.add_row(t.name, t.family, t.kind, "quick" if t.quick else "all")
    console.print(table)
    for group, members in suite.GROUPS.items():
        console.print(f"{group}: {', '.join(members)}")


@app.command()
def check(
    path: Annotated[
        Path | None, typer.Argument(help="A tasks folder or a submission; default: the tasks in use.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Write BASELINES.md and baselines.json.")] = False,
    git: Annotated[str, typer.Option(help="Check what this commit adds to --base, in the repository PATH.")] = "",
    base: Annotated[str, typer.Option(help="The commit or branch that --git would be merged into.")] = "",
) -> None:
    """Check the data or a submission; all violations at once, each with path, value and what is allowed.

    Data: every fault of form, then the gates and what shortcuts earn. A submission: names, hashes, facts and rows. With
    --git: that a pull request adds one submission and nothing else, read from git objects without a checkout.
    """
    from persllm_bench.cli import submit

    if bool(git) != bool(base):
        raise fail("--git and --base go together: the commit to check, and what it would be merged into")
    if git:
        submit.check_commit(path or Path(), git, base)
    elif path and submit.is_bundle(path):
        submit.check_bundle(path)
    else:
        _check_tasks(path or tasks_dir(), write)


def _check_tasks(root: Path, write: bool) -> None:
    from persllm_bench import quality, report, shortcuts, voices

    if not (root / "personas").is_dir():
        raise fail(f"{root} is no tasks folder and no submission: it has no personas/ and no submission.json")
    data, faults = read(root)
    if not faults:
        heard = voices.attribution(data)
        console.print(quality.counts_table(data, heard))
        measured = shortcuts.measure(data)
        if write:
            shortcuts.write(data, measured)
        console.print(report.shortcut_table(measured))
        faults = [*quality.gate(data), *voices.faults(heard), *shortcuts.faults(measured), *shortcuts.stale(data)]
    for fault in faults:
        typer.echo(str(fault))
    if faults:
        raise fail(f"{len(faults)} fault(s)")
    typer.echo(f"{len(data.personas)} personas: no fault; data {data.sha256[:12]}")


@app.command()
def sample(
    task: Annotated[str, typer.Argument(help="A task name.")],
    n: Annotated[int, typer.Option(min=1, help="How many.")] = 3,
    condition: Annotated[str, typer.Option()] = "profile",
    personas: Annotated[str, typer.Option(help="Comma-separated slugs.")] = "",
    stage: Annotated[str, typer.Option(help="early or late; default: both.")] = "",
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Print random samples of a task as the model sees them."""
    from persllm_bench.faces.settings import Settings
    from persllm_bench.schema import STAGES

    if stage and stage not in STAGES:
        raise fail(f"unknown stage {stage!r}; there are {', '.join(STAGES)}")
    try:
        asked = Settings(condition, personas).asked(task)  # type: ignore[arg-type]
    except ValueError as error:
        raise fail(error) from error
    calls = [s for t in asked.conversations for s in t.samples(defaultdict(lambda: "(what the model said)"))]
    pool = [s for s in (*asked.samples, *calls) if not stage or s.stage == stage]
    for s in random.Random(seed).sample(pool, min(n, len(pool))):
        typer.secho(f"--- {s.id}", bold=True)
        for m in s.messages:
            typer.echo(f"[{m.role}]\n{m.content}\n")
        for text in s.continuations:
            typer.echo(f"[option] {text}")
