"""Commands about judges: `judge` and `adjudicate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from persllm_bench.cli import base
from persllm_bench.cli.base import app, console, fail
from persllm_bench.reader import load


@app.command()
def judge(
    run: Annotated[Path, typer.Argument(help="A run folder, or its parent with one folder per condition.")],
    judge: Annotated[str, typer.Option(help="Model folder, hub name, or the name served by the endpoint.")],
    tasks: Annotated[str, typer.Option(help="Comma-separated tasks of the run; default: all with free text.")] = "",
    backend: base.BackendOption = "hf",
    base_url: base.BaseUrlOption = "",
    batch_size: base.BatchSizeOption = 16,
    device: base.DeviceOption = "",
    reasoning: base.ReasoningOption = 0,
    calibration: Annotated[Path | None, typer.Option(help="A run folder of the judge with persllm_judge.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Calibrate on a slice: for trying out, never trusted.")
    ] = False,
    model_arg: base.ModelArgOption = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Ask again what failed for good.")] = False,
    attacks: Annotated[bool, typer.Option("--attacks", help="Print which attacks the judge lets through.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable, all figures.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be asked, and stop.")] = False,
) -> None:
    """Have a judge rate the free text of a run, once it has shown how good it is. Run again to resume."""
    from persllm_bench.judging import report, stage
    from persllm_bench.runs import run_folders

    try:
        data, names = load(), [t.strip() for t in tasks.split(",") if t.strip()]
        asked = base.target(judge, backend, base_url, batch_size, device, model_arg)
        if not (folders := run_folders(run)):
            raise fail(f"{run} is no run: no run.json in it or one level below")
        works = stage.plan(folders, asked, data, tasks=names, quick=quick, calibration=calibration, reasoning=reasoning)
        if not as_json or dry_run:
            rows, how = stage.estimates(works, reasoning, judge)
            seconds = stage.seconds_expected(works, rows)
            time = "unknown before the first calls to this judge"
            if seconds is not None:
                time = f"{seconds / 60:,.1f} min at most"
            console.print(base.cost_table(rows, "still to be asked", f"{how}; time: {time}"))
        if dry_run:
            return
        say = (lambda _: None) if as_json else typer.echo
        stage.judge(works, asked, data, quick=quick, reasoning=reasoning, retry_failed=retry_failed, say=say)
        found = [report.found(w.run, w.folder, data) for w in works]
        if as_json:
            judges = report.judges([works[0].folder.path], data)
            typer.echo(json.dumps({"judges": judges, "runs": [report.as_json(f) for f in found]}, indent=2))
            return
        from persllm_bench.judging import tables

        console.print(tables.calibration_table(found[0]))
        if attacks:
            console.print(tables.attack_table(found[0]))
        for f in found:
            console.print(tables.fidelity_table(f))
    except ValueError as error:
        raise fail(error) from error


@app.command()
def adjudicate(
    run: Annotated[Path, typer.Argument(help="A run folder (one condition).")],
    task: Annotated[str, typer.Option(help="Whose replies; a task of the run with free text.")] = "persllm_open",
    draw: Annotated[int, typer.Option(min=0, help="Draw so many at random and write a sheet to fill in.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    sheet: Annotated[Path, typer.Option(help="Where the sheet to fill in goes.")] = Path("sheet.jsonl"),
    take: Annotated[Path | None, typer.Option("--import", help="A sheet that a person has filled in.")] = None,
    rater: Annotated[str, typer.Option(help="Short name of that person.")] = "first",
) -> None:
    """Draw replies for people to rate, or take in what they found. With 200 the run corrects its judge."""
    from persllm_bench.judging import adjudication
    from persllm_bench.judging.said import rating_samples, tasks_of
    from persllm_bench.runs import RunFolder

    if bool(draw) == bool(take):
        raise fail("either --draw N or --import FILE")
    try:
        folder, data = RunFolder(run), load()
        known = folder.require(data)
        (name,) = tasks_of(folder, [task])
        samples = rating_samples(data, known, name, list(folder.replies(name)))
        if draw:
            made = adjudication.draw(run, name, samples, draw, seed, sheet)
            typer.echo(f"{len(made.drawn)} of {made.of} replies of {name} drawn; fill in errors in {sheet}")
        elif take:
            wrong = adjudication.take(run, name, samples, rater, take)
            typer.echo(f"{rater} rated the replies of {name}: {wrong} with an error")
    except ValueError as error:
        raise fail(error) from error
