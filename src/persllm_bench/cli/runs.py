"""Commands about runs: `run`, `score` and `table`."""

from __future__ import annotations

import fnmatch
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from persllm_bench import suite
from persllm_bench.cli import base
from persllm_bench.cli.base import app, console, fail
from persllm_bench.faces.settings import HARNESSES, Settings
from persllm_bench.reader import load, tasks_dir

if TYPE_CHECKING:
    from persllm_bench.scoring import TaskScore

DEFAULT = ",".join(f"persllm_{base}" for base in suite.KINDS)


def _names(tasks: str) -> list[str]:
    """Task names from a comma-separated list with groups and `*`, in the order of the suite."""
    wanted: set[str] = set()
    for pattern in filter(None, (p.strip() for p in tasks.split(","))):
        found = set(suite.GROUPS.get(pattern, ())) or set(fnmatch.filter(suite.TASKS, pattern))
        if not found:
            raise ValueError(f"unknown task {pattern!r}; there are {', '.join((*suite.TASKS, *suite.GROUPS))}")
        wanted |= found
    return [name for name in suite.TASKS if name in wanted]


@app.command()
def run(
    model: Annotated[str, typer.Option(help="Model folder, hub name, or the name served by the endpoint.")],
    output: Annotated[Path, typer.Option(help="Where the run goes; one folder per condition.")],
    tasks: Annotated[str, typer.Option(help="Comma-separated names, groups or wildcards.")] = DEFAULT,
    condition: Annotated[str, typer.Option(help="Comma-separated: profile, name, none, wrong, swapped.")] = "profile",
    personas: Annotated[str, typer.Option(help="Comma-separated slugs; default: all.")] = "",
    backend: base.BackendOption = "hf",
    base_url: base.BaseUrlOption = "",
    harness: Annotated[str, typer.Option(help="lm-eval or inspect.")] = "lm-eval",
    batch_size: base.BatchSizeOption = 16,
    device: base.DeviceOption = "",
    reasoning: base.ReasoningOption = 0,
    partner: Annotated[str, typer.Option(help="Another model of the same back end, for scene partners.")] = "",
    model_arg: base.ModelArgOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be asked, and stop.")] = False,
) -> None:
    """Run tasks on a model. Run again with the same options to resume."""
    from persllm_bench.estimates import estimate

    if harness not in HARNESSES:
        raise fail(f"unknown harness {harness!r}; there are {', '.join(HARNESSES)}")
    try:
        driven = base.target(model, backend, base_url, batch_size, device, model_arg)
        names = _names(tasks)
        conditions: list[Any] = [c.strip() for c in condition.split(",") if c.strip()]
        slugs = [p.strip() for p in personas.split(",") if p.strip()]
        for c in conditions:
            rows, how = estimate(names, Settings(c, ",".join(slugs), reasoning), model)
            console.print(base.cost_table(rows, f"condition {c}", how))
        if dry_run:
            return
        from persllm_bench import runner

        folders = runner.run(
            driven,
            names,
            output,
            conditions=conditions,
            personas=slugs,
            reasoning=reasoning,
            harness=harness,  # type: ignore[arg-type]
            partner=partner,
            say=typer.echo,
        )
    except ValueError as error:
        raise fail(error) from error
    for folder in folders:
        typer.echo(f"replies saved under {folder}")


@app.command()
def score(
    path: Annotated[Path, typer.Argument(help="A run folder, its parent, or the folder of a submission.")],
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable, all measures.")] = False,
    measures: Annotated[bool, typer.Option("--measures", help="Every measure of every task.")] = False,
) -> None:
    """Derive every score of a run or a submission from its raw replies."""
    from persllm_bench import report

    scored = _scored(path)
    if as_json:
        typer.echo(json.dumps([row for scores in scored.values() for row in report.as_json(scores)], indent=2))
        return
    _print(scored)
    if measures:
        for scores in scored.values():
            for s in scores:
                console.print(report.measures_table(s))


@app.command()
def table(
    path: Annotated[Path, typer.Argument(help="A run folder (or its parent with one folder per condition).")],
) -> None:
    """The scores of a run beside its no-persona control and the best published shortcut."""
    from persllm_bench import shortcuts

    _print(_scored(path), shortcuts.published(tasks_dir()))


def _scored(path: Path) -> dict[str, list[TaskScore]]:
    from persllm_bench import report, runs
    from persllm_bench.cli.submit import bundle_at, is_bundle

    if is_bundle(path):
        found = bundle_at(path).score(load())
        conditions = dict.fromkeys(s.condition for s in found)
        return {f"{path} ({c})": report.ordered([s for s in found if s.condition == c]) for c in conditions}
    if not (folders := runs.run_folders(path)):
        raise fail(f"{path} is no run: no run.json in it or one level below, nor a submission.json")
    try:
        return {str(f): report.ordered(runs.RunFolder(f).score(load())) for f in folders}
    except ValueError as error:
        raise fail(error) from error


def _print(scored: dict[str, list[TaskScore]], shortcuts: dict[str, float] | None = None) -> None:
    from persllm_bench import report

    controls = [s for scores in scored.values() for s in scores if s.condition == "none"]
    for path, scores in scored.items():
        if scores[0].condition != "none" or len(scored) == 1:
            console.print(f"{path}: condition {scores[0].condition}")
            console.print(report.score_table(scores, controls, shortcuts))
