"""Command `plot`: charts of a run's live tasks as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from persllm_bench.cli.base import app, fail
from persllm_bench.reader import load


@app.command()
def plot(
    path: Annotated[Path, typer.Argument(help="A run folder, with pressure or dialogue in it.")],
    output: Annotated[Path, typer.Option(help="Where the charts go.")] = Path("plots"),
    scene: Annotated[
        str, typer.Option(help="One scene's opinions, such as scenes/jane_eyre_charity; default: all.")
    ] = "",
) -> None:
    """Survival curves per arm of pressure and opinion trajectories of dialogue, as SVG."""
    from persllm_bench import plots, runs

    data, folder = load(), runs.RunFolder(path)
    if scene and scene not in {s.id for s in data.banks["scenes/scenes"]}:
        raise fail(f"unknown scene {scene!r}; there are {', '.join(s.id for s in data.banks['scenes/scenes'])}")
    if not (path / "run.json").exists():
        raise fail(f"{path} is no run: no run.json in it")
    scores = {s.task: s for s in folder.score(data)}
    charts = {}
    for name, score in scores.items():
        if name.endswith("_pressure"):
            charts[f"{name}-survival"] = plots.survival_chart(plots.survival(data, score))
        if name.endswith("_dialogue"):
            table = plots.trajectories(data, score, scene)
            charts[f"{name}-{scene.split('/')[-1] or 'all'}"] = plots.trajectory_chart(table)
    if not charts:
        raise fail(f"{path} has no live task; it has {', '.join(scores) or 'nothing'}")
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name, chart in charts.items():
            chart.save(output / f"{name}.svg")
            typer.echo(output / f"{name}.svg")
    except OSError as error:
        raise fail(error) from error
