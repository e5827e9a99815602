"""The board that is shown, loaded once for all readers, and what the pages ask of it most."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pandas as pd
import streamlit as st

from persllm_bench.board import Board, build
from persllm_bench.items import Data
from persllm_bench.reader import load
from persllm_bench.suite import CORE, FAMILIES

SUBMISSIONS = Path(__file__).resolve().parents[2] / "submissions"
TRACKS = {"prompted": "Prompted", "trained": "Trained"}
CONDITIONS = {
    "profile": "profile: dossier in the prompt",
    "name": "name: name and stage only",
    "none": "none: nobody",
    "wrong": "wrong: somebody else's dossier",
    "swapped": "swapped: names replaced",
}
MEAN = "persllm-core"
NAMES = {
    MEAN: "PersLLM-Core",
    "persllm-ll": "Likelihood twins",
    **{f"persllm-{family}": family.capitalize() for family in FAMILIES},
    **{f"persllm_{base}": base.capitalize() for bases in FAMILIES.values() for base in bases},
}
TASKS = [f"persllm_{base}" for base in CORE]


def task_name(task: str) -> str:
    """How a task is called on the pages."""
    kind, _, base = task.removeprefix("persllm-").partition("_")
    known = {"ll": " (likelihood)", "quick": " (quick)"}
    return NAMES.get(task) or (base.capitalize() + known[kind] if kind in known else task)


@st.cache_resource(show_spinner="Reading the board …")
def _board(folder: str, written: float) -> Board:
    """`written` is the time of the last build: a new one is read anew."""
    return Board(Path(folder))


def folder() -> Path:
    """Where the board lies: `PERSLLM_BOARD`, or `leaderboard/data`."""
    return Path(os.environ.get("PERSLLM_BOARD") or Path(__file__).resolve().parents[1] / "data")


def exists() -> bool:
    return (folder() / "board.json").is_file()


def board() -> Board:
    """The board; ends the page with what to do where there is none.

    Where the app is deployed with submissions but without a board, the first reader's visit builds it.
    """
    if not exists() and not os.environ.get("PERSLLM_BOARD") and SUBMISSIONS.is_dir():
        _built(str(folder()))
    if not exists():
        st.info("There is no board here yet. Build one, then load this page again:")
        st.code("persllm-bench board submissions --output leaderboard/data", language=None)
        st.stop()
    return _board(str(folder()), (folder() / "board.json").stat().st_mtime)


@st.cache_resource(show_spinner="Building the board from the submissions. This is done once …")
def _built(folder: str) -> None:
    build(SUBMISSIONS, load(), Path(folder))


def data() -> Data:
    """The items of this version; raises ValueError where the board was built on another."""
    return board().data


def entries() -> pd.DataFrame:
    return board().entries().set_index("entry", drop=False)


def entry_names() -> dict[str, str]:
    """Entry -> name: the model, with `@ revision / run` where others have it too (a commit as eight characters)."""
    shown = board()
    return _names(shown, shown.facts["content_sha256"])


def entry_name(entry: str) -> str:
    return entry_names().get(entry, entry)


@st.cache_resource(max_entries=4, show_spinner=False)
def _names(_board: Board, stamp: str) -> dict[str, str]:
    """The shortest form that is unique, by entry."""
    table = _board.entries()
    short = table["revision"].map(lambda r: r if len(r) != 40 else r[:8])
    forms = [table["model"], table["model"] + " @ " + short, table["model"] + " @ " + short + " / " + table["run"]]
    names = table["entry"].copy()
    for form in reversed(forms):
        names = names.where(form.duplicated(keep=False), form)
    return dict(zip(table["entry"], names, strict=True))


def choose_entry(place: object, default: str = "") -> str:
    """The model that a page is about, by the address; ends the page where the board is empty."""
    from parts import query

    order = ranked_first()
    if not order:
        st.info("No submissions yet. The page Submit says how to add the first.")
        st.stop()
    given = query.get("entry")
    if given and given not in order:
        st.warning("That submission is not on this board. It may have been withdrawn, or left out because of a fault.")
    return query.choice(place, "Model", "entry", order, entry_names().__getitem__, default)


def ranked_first() -> list[str]:
    """All entries: the ranked by score, then the others by name."""
    ranking = board().ranking("prompted")
    first = ranking["entry"].tolist()
    known = set(first)
    return first + sorted((e for e in entries()["entry"] if e not in known), key=entry_names().__getitem__)


def people() -> dict[str, str]:
    """Slug -> name of every persona, by name."""
    return dict(sorted(((slug, p.head.name) for slug, p in data().personas.items()), key=lambda pair: pair[1]))


def bundle(entry: str) -> bytes:
    """The submission's folder as a tar file, its bytes as they were checked."""
    folder = board().submissions / entry
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
            tar.add(path, f"{entry}/{path.relative_to(folder).as_posix()}", recursive=False)
    return out.getvalue()
