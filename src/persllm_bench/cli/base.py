"""The application, and what its commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from persllm_bench.faces.settings import BACKENDS

if TYPE_CHECKING:
    from persllm_bench.drivers import Target
    from persllm_bench.estimates import Estimate

BackendOption = Annotated[str, typer.Option(help=f"{', '.join(BACKENDS)} (OpenAI-compatible).")]
BaseUrlOption = Annotated[str, typer.Option(help="For the endpoint, such as http://localhost:8000/v1.")]
BatchSizeOption = Annotated[int, typer.Option(min=1)]
DeviceOption = Annotated[str, typer.Option(help="Such as cuda or cpu; default: the harness chooses.")]
ReasoningOption = Annotated[int, typer.Option(min=0, help="Extra tokens for models that think first.")]
ModelArgOption = Annotated[list[str] | None, typer.Option(help="KEY=VALUE for the back end; may be repeated.")]

app = typer.Typer(help="Does a language model really have a personality?", no_args_is_help=True, add_completion=False)
console = Console(width=None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", "150")))


def fail(error: BaseException | str) -> typer.Exit:
    typer.secho(f"persllm-bench: {error}", err=True, fg="red")
    return typer.Exit(2)


def target(
    model: str, backend: str, base_url: str, batch_size: int, device: str, model_arg: Iterable[str] | None = None
) -> Target:
    """What the options name. Raises ValueError for an unknown back end, or a model argument without a value."""
    from persllm_bench.drivers import Target

    if backend not in BACKENDS:
        raise ValueError(f"unknown back end {backend!r}; there are {', '.join(BACKENDS)}")
    given = [a.partition("=") for a in model_arg or ()]
    if bare := [name for name, equals, _ in given if not equals]:
        raise ValueError(f"--model-arg {bare[0]!r}: allowed is KEY=VALUE")
    return Target(model, backend, base_url, batch_size, device, {k: v for k, _, v in given})  # type: ignore[arg-type]


def cost_table(rows: Iterable[Estimate], title: str, caption: str) -> Table:
    """What is to be asked, in calls and tokens."""
    table = Table(
        "task", "calls", "prompt tokens", "of them new", "reply tokens, at most", title=title, caption=caption
    )
    for row in rows:
        table.add_row(row.task, *(f"{n:,}" for n in (row.calls, row.prompt, row.new, row.reply)))
    return table
