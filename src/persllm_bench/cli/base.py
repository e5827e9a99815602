"""The application, and what its commands share."""

from __future__ import annotations

import os
import sys

import typer
from rich.console import Console

app = typer.Typer(help="Does a language model really have a personality?", no_args_is_help=True, add_completion=False)
console = Console(width=None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", "150")))


def fail(error: BaseException | str) -> typer.Exit:
    typer.secho(f"persllm-bench: {error}", err=True, fg="red")
    return typer.Exit(2)
