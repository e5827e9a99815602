"""The parts of a model's page."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import streamlit as st

from parts import board, tables, text
from parts.tables import Column, Row

Entry = pd.Series
"""A row of `entries`."""
CORE = [board.MEAN, *[f"persllm-{f}" for f in ("alignment", "induction", "dialogue")], *board.TASKS]
BASELINES = Path(__file__).resolve().parents[2] / "tasks" / "baselines.json"
LEVELS = {1: "scores derived from its replies", 2: "a drawn part asked again", 3: "everything asked again"}


def conditions(row: Entry) -> list[str]:
    """Conditions that the entry was asked under, in the order of the suite."""
    asked = set(str(row["conditions"]).split(", "))
    return [c for c in board.CONDITIONS if c in asked]


def facts(found: dict[str, str], kind: str = "") -> None:
    """A short list of facts; values are HTML. kind: `broad` for values that are drawn."""
    st.html(
        f'<dl class="facts {kind}">'
        + "".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in found.items())
        + "</dl>"
    )


def header(row: Entry) -> None:
    if row["unranked_because"]:
        what = "A calibration entry: it" if row["calibration"] else "It"
        st.caption(text.label(f"{what} stands in no ranking ({row['unranked_because']})."))
    if not row["data_current"]:
        st.warning("Its replies are to an older version of the data. Scores of different versions are not comparable.")
    policy = row["harness"] == "policy"
    facts(
        {
            "Organisation": text.markup(row["org"]),
            "Size": "–" if policy else tables.size(row["parameters"]),
            "Weights": "–" if policy else "open" if row["open_weights"] else "closed",
            "Licence": text.markup(row["licence"]),
            "Base model": text.markup(row["base_model"]),
            "Level of verification": f"{row['level']}, {LEVELS[row['level']]}",
            "Date": text.markup(row["date"] or row["verified"]),
            "Attempts declared": tables.count(row["attempts"]),
        }
    )


def standing(row: Entry) -> None:
    """Rank and score on each track that it was asked on."""
    scores = board.board().scores(entry=row["entry"], task=board.MEAN)
    found = {}
    for track, name in board.TRACKS.items():
        ranks = board.board().ranking(track).set_index("entry")
        mine = scores[scores["track"] == track]
        if mine.empty:
            continue
        score = mine.iloc[0]
        found[f"{name} track"] = tables.interval(score["score"], score["low"], score["high"])
        if row["entry"] in ranks.index:
            at = ranks.loc[row["entry"]]
            found[f"Rank, {name.lower()}"] = f'<span class="figure">{at["rank"]}</span> of {len(ranks)}, ' + (
                "no other possible"
                if at["rank_low"] == at["rank_high"]
                else f"{at['rank_low']} to {at['rank_high']} possible"
            )
    if found:
        facts(found, "broad")


def tasks(row: Entry) -> None:
    """Every task with its interval, beside the controls and the best shortcut."""
    scores = board.board().scores(entry=row["entry"])
    best = {k: v["scaled"] for k, v in json.loads(BASELINES.read_text())["best"].items()}
    rows = []
    for name in [*CORE, *sorted(set(scores["task"]) - set(CORE))]:
        mine = scores[scores["task"] == name].set_index("condition")
        if mine.empty:
            continue
        head = next(c for c in ("profile", "name", *mine.index) if c in mine.index)
        rows.append({"task": name, "head": head, "best": best.get(name), "at": mine.to_dict("index")})
    asked = [c for c in conditions(row) if c != "profile"]
    low = min([-10.0, *scores["low"].dropna()])

    def bar(r: Row) -> str:
        at = r["at"][r["head"]]
        return tables.interval(at["score"], at["low"], at["high"], (low, 100))

    def control(condition: str) -> Column:
        show = lambda r: tables.number(r["at"].get(condition, {}).get("score"))  # noqa: E731
        return Column(condition, show, "number wide")

    tables.table(
        rows,
        [
            Column("Task", lambda r: _task(row, r), "head tight"),
            Column("Score" if "profile" in conditions(row) else "Score by first condition", bar, "bar"),
            *[control(c) for c in asked],
            Column("Best shortcut", lambda r: tables.number(r["best"]), "number wide"),
            Column("Items", lambda r: tables.count(r["at"][r["head"]]["items"]), "number wide"),
            Column("Unparsed", lambda r: tables.number(100 * r["at"][r["head"]]["unparsed"], 1, " %"), "number wide"),
        ],
        "Scores by task and condition",
    )
    st.caption(
        "The bar is the score under profile, else name. Beside it the same tasks under the other conditions: "
        "none asks nobody, wrong gives "
        "somebody else's dossier. A model that has the personality is far above both."
    )


def _task(row: Entry, r: Row) -> str:
    name = board.task_name(r["task"])
    if r["task"] in (board.MEAN, "persllm-ll"):
        return f"<strong>{name}</strong>"
    if r["task"].startswith("persllm-") and "_" not in r["task"]:
        return name
    return "&emsp;" + text.link("replies", name, entry=row["entry"], task=r["task"], condition=r["head"])


def heatmap(row: Entry, condition: str) -> None:
    """Persona by task; each cell leads to the replies behind it."""
    found = board.board().personas(entry=row["entry"], condition=condition)
    found = found[~found["task"].str.match("persllm-[a-z]+$") | (found["task"] == board.MEAN)]
    if found.empty:
        st.caption("Nothing was asked under this condition.")
        return
    wide = found.pivot_table(index="persona", columns="task", values="score", sort=False)
    wide = wide[sorted(wide.columns, key=lambda t: (CORE.index(t) if t in CORE else len(CORE), t))]
    by = board.MEAN if board.MEAN in wide else wide.columns[0]
    wide = wide.sort_values(by, ascending=False, kind="stable")
    names = board.people()

    def cell(task: str) -> Column:
        def show(r: Row) -> str:
            value = r[task]
            shown = tables.number(value, 0)
            if pd.isna(value) or task == board.MEAN:
                return f'<span style="{tables.tint(value)}">{shown}</span>'
            to = text.href("replies", entry=row["entry"], task=task, condition=condition, persona=r["persona"])
            where = text.attribute(f"{names.get(r['persona'], r['persona'])}, {board.task_name(task)}")
            return f'<a class="go" href="{to}" style="{tables.tint(value)}" title="{where}">{shown}</a>'

        return Column(board.task_name(task), show, "cell")

    person = Column(
        "Persona",
        lambda r: text.link("personas", names.get(r["persona"], r["persona"]), persona=r["persona"]),
        "head tight",
    )
    tables.table(
        wide.reset_index().to_dict("records"),
        [person, *[cell(t) for t in wide.columns]],
        f"Scores by persona and task, {condition}",
        classes="heat",
    )
    st.caption(
        "Blue is above chance, orange below; one persona's score rests on few items. A cell opens the replies "
        "behind it."
    )


def run(row: Entry) -> None:
    policy = row["harness"] == "policy"
    facts(
        {
            "Harness": text.markup("no model was asked" if policy else row["harness"]),
            "Backend": text.markup(" ".join(str(v) for v in (row["backend"], row["backend_version"]) if v)),
            "Precision": text.markup(row["dtype"]),
            "Hardware": text.markup(row["hardware"]),
            "Calls": tables.count(row["calls"]),
            "Characters asked": tables.count(row["prompt_characters"]),
            "Characters replied": tables.count(row["reply_characters"]),
            "Benchmark": text.markup(row["benchmark_version"]),
            "Trained on the train split": "yes" if row["trained"] else "no",
            "Test items in training": text.markup(row["test_items"]),
            "Training data": text.markup(row["training_data"]),
            "Contact": text.markup(row["contact"]),
        }
    )
    st.code(text.plain(row["command"]), language=None, wrap_lines=True)
    st.caption(
        text.label(f"The command that made the replies, at revision {row['revision']}; packages: {row['packages']}.")
    )
    if not policy:
        folder = f"submissions/{row['entry']}"
        st.code(
            text.plain(f"persllm-bench check {folder}\npersllm-bench score {folder}"), language=None, wrap_lines=True
        )
        st.caption("Derives every score on this page once more from the replies.")


def downloads(row: Entry) -> None:
    place = st.container(horizontal=True)
    shown = board.board()
    name = f"{row['org']}_{row['name']}"
    with place:
        tables.download(shown.scores(entry=row["entry"]), f"scores_{name}", "Scores, CSV")
        tables.download(shown.measures(entry=row["entry"]), f"measures_{name}", "All measures, CSV")
        st.download_button(
            "Every sample, Parquet", lambda: _units(row["entry"]), f"samples_{name}.parquet", on_click="ignore"
        )
        st.download_button("Bundle, tar", lambda: board.bundle(row["entry"]), f"{name}.tar", on_click="ignore")


def _units(entry: str) -> bytes:
    out = io.BytesIO()
    board.board().units(entry).to_parquet(out, index=False)
    return out.getvalue()
