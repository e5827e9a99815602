"""The parts of a comparison; the first model is compared with each of the others."""

from __future__ import annotations

from functools import partial

import streamlit as st

from parts import board, charts, query, tables, text
from parts.tables import Column, Row

CONDITION = {"prompted": "profile", "trained": "name"}
SIZE = 25


def able(track: str) -> list[str]:
    """Entries with scores on the track, the ranked first."""
    there = set(board.board().scores(track=track)["entry"])
    return [e for e in board.ranked_first() if e in there]


def scores(models: list[str], track: str) -> None:
    """One row per task, one bar per model."""
    found = board.board().scores(entry=models, track=track)
    wanted = [board.MEAN, "persllm-alignment", "persllm-induction", "persllm-dialogue", *board.TASKS]
    rows = []
    for task in wanted:
        mine = found[found["task"] == task].set_index("entry").to_dict("index")
        if mine:
            rows.append({"task": task, "at": mine})
    low = min([-10.0, *found["low"].dropna()])

    def bar(entry: str, row: Row) -> str:
        at = row["at"].get(entry)
        return tables.interval(at["score"], at["low"], at["high"], (low, 100)) if at else "–"

    names = [Column(board.entry_name(m), partial(bar, m), "bar") for m in models]
    tables.table(
        rows, [Column("Task", lambda r: _task(r["task"]), "head tight"), *names], "Scores of the chosen models"
    )


def _task(task: str) -> str:
    name = board.task_name(task)
    return name if "_" not in task else f"&emsp;{name}"


def differences(a: str, b: str, track: str) -> None:
    """a minus b with intervals, paired over personas."""
    found = board.board().compare(a, b, track)
    st.html(f"<h4>{text.markup(board.entry_name(a), 60)} minus {text.markup(board.entry_name(b), 60)}</h4>")
    if found.empty:
        st.caption("They share no task on this track.")
        return
    reach = max(10.0, float(found[["low", "high"]].abs().max(axis=None)))

    def verdict(row: Row) -> str:
        return tables.badge("open") if row["p"] > 0.05 else "first" if row["difference"] > 0 else "second"

    tables.table(
        found.to_dict("records"),
        [
            Column("Task", lambda r: _task(r["task"]), "head tight"),
            Column(
                "Difference", lambda r: tables.interval(r["difference"], r["low"], r["high"], (-reach, reach)), "bar"
            ),
            Column("p", lambda r: "< 0.001" if r["p"] < 0.001 else tables.number(r["p"], 3), "number"),
            Column("Ahead", verdict),
            Column("Could be seen", lambda r: tables.number(r["detectable"]), "number wide"),
            Column("Personas", lambda r: tables.count(r["personas"]), "number wide"),
        ],
        "Paired differences by task",
    )
    st.caption(
        "Points, with 95 % intervals and p values of the paired t test over personas, one task at a time and "
        "not adjusted for the number of "
        "tasks. Open: the test cannot tell who is ahead. Could be seen: the true difference that this test "
        "finds four times in five."
    )
    tables.download(found, f"differences_{a}_{b}".replace("/", "_"))


def tasks(models: list[str], track: str) -> list[str]:
    """Tasks that all of them have, means first."""
    found = board.board().scores(entry=models, track=track)
    counts = found.groupby("task")["entry"].nunique()
    shared = set(counts[counts == len(models)].index)
    known = [board.MEAN, *[t for t in board.NAMES if t != board.MEAN]]
    return [t for t in known if t in shared] + sorted(shared - set(known))


def personas(models: list[str], track: str, task: str) -> None:
    found = board.board().personas(entry=models, condition=CONDITION[track], task=task)
    if found.empty:
        st.caption("No persona has a score on this task.")
        return
    names = board.people()
    wide = found.pivot_table(index="persona", columns="entry", values="score").reindex(columns=models).dropna()
    wide = wide.sort_values(models[0], ascending=False, kind="stable")
    labels = {m: text.isolated(board.entry_name(m), 50) for m in models}
    long = (
        wide.rename(columns=labels)
        .rename(index=names)
        .reset_index()
        .melt("persona", var_name="model", value_name="score")
    )
    charts.show(
        charts.by_persona(long, [names.get(p, p) for p in wide.index], list(labels.values())),
        "Score by persona and model",
    )

    def cell(entry: str, row: Row) -> str:
        return tables.number(row[entry])

    rows = wide.reset_index().to_dict("records")
    person = Column(
        "Persona",
        lambda r: text.link("personas", names.get(r["persona"], r["persona"]), persona=r["persona"]),
        "head tight",
    )
    each = [Column(board.entry_name(m), partial(cell, m), "number") for m in models]
    gap = Column("First minus second", lambda r: tables.number(r[models[0]] - r[models[1]]), "number")
    with st.expander("The same as a table"):
        tables.table(rows, [person, *each, gap], "Scores by persona")


def flips(models: list[str], track: str, task: str) -> None:
    """Samples that one gets right and another wrong, each with its replies."""
    condition = CONDITION[track]
    shared = [t for t in tasks(models, track) if "_" in t]
    if not shared:
        st.caption("They share no task.")
        return
    first = task if task in shared else shared[0]
    name = query.choice(st.container(width=320), "Items of", "items", shared, board.task_name, first)
    found = board.board().flips(models, name, condition)
    if found.empty:
        st.caption(
            "None: they are right and wrong on the same items, or nothing in this task is right or wrong by itself."
        )
        return
    st.html(f'<p class="small">{len(found)} replies that one has right and another wrong.</p>')
    names = board.people()
    shown = found[query.page(len(found), SIZE)]

    def said(i: int, entry: str, row: Row) -> str:
        right = row[f"right_{i}"]
        mark = "right" if right > 0.5 else "wrong"
        to = text.link(
            "replies",
            f"{mark}: {text.line(row[f'reply_{i}'], 24)}",
            entry=entry,
            condition=condition,
            task=name,
            reply=talk(row["sample"]),
        )
        return f'<span class="{mark}">{to}</span>'

    def item(row: Row) -> str:
        return text.markup(row["item"].split("/", 1)[-1]) + f' <span class="small">{text.markup(row["stage"])}</span>'

    tables.table(
        shown.to_dict("records"),
        [
            Column("Item", item, "head"),
            Column("Persona", lambda r: text.markup(names.get(r["persona"], r["persona"])), "tight"),
            *[Column(board.entry_name(m), partial(said, i, m)) for i, m in enumerate(models)],
        ],
        "Items that flipped",
    )
    tables.download(found.rename(columns={f"right_{i}": f"right {m}" for i, m in enumerate(models)}), f"flips_{name}")


def talk(sample: str) -> str:
    """The reply that a sample belongs to: itself, or in a live task the whole talk."""
    head, _, variant = sample.rpartition("|")
    arm, _, rest = variant.partition("/")
    return f"{head}|{arm}" if rest.startswith("turn") else sample
