"""The personas: all of them as a table, and one with its two stages, targets and hardest items."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from parts import board, charts, query, tables, text
from parts.profile import facts
from parts.tables import Column, Row
from persllm_bench.schema import TRAITS

TRAIT_NAMES = dict(
    zip("OCEAN", ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism"), strict=True)
)
ITEMS = ("knowledge", "attitude", "premise", "identity", "pressure", "open")
SIZE = 20
OPEN = "persllm_open"
"""Scored by likeness, not right or wrong."""


def hardness() -> pd.DataFrame:
    """Mean of full submissions by persona and task, 0 to 100, from item statistics; empty where there are none."""
    found = board.board().difficulty()
    found = found[(found["entries"] > 0) & (found["task"] != OPEN)]
    return found.pivot_table(index="persona", columns="task", values="mean").mul(100)


def overview() -> None:
    table = board.board().personas_table()
    hard = hardness()
    mean = hard.mean(axis=1)
    table["right"] = table["persona"].map(mean)
    origin = query.choice(st.container(width=360), "Origin", "origin", ["all", *sorted(table["origin"].unique())])
    if origin != "all":
        table = table[table["origin"] == origin]
    st.html(
        f'<p class="small">{len(table)} people, each at an early and a late stage of life. Right: what full '
        f"submissions earn on the items about "
        "the person, on average; the lower, the harder.</p>"
    )
    tables.table(
        table.sort_values("name").to_dict("records"),
        [
            Column("Name", _name, "head"),
            Column("Early", lambda r: text.markup(r["early_label"]), "small wide"),
            Column("Late", lambda r: text.markup(r["late_label"]), "small wide"),
            Column(
                "Origin", lambda r: text.markup(r["origin"]) + (f" {tables.badge('trained')}" if r["trained"] else "")
            ),
            Column("Items", lambda r: tables.count(sum(r[f"{n}_items"] for n in ITEMS)), "number wide"),
            Column("Right", lambda r: tables.number(r["right"], 0, " %"), "number"),
        ],
        "Personas",
    )
    tables.download(table, "personas")
    if len(mean) and len(table):
        st.subheader("How hard each is")
        names = board.people()
        long = hard.loc[hard.index.isin(table["persona"])].rename(index=names).rename(columns=board.task_name)
        order = long.mean(axis=1).sort_values().index.tolist()
        long = long.reset_index().melt("persona", var_name="task", value_name="right").dropna()
        charts.show(charts.hardness(long, order), "Share right by persona and task")
        with st.expander("The same as a table"):
            tables.simple(
                hard.rename(index=names).rename(columns=board.task_name).reset_index(),
                "Share right by persona and task",
                0,
            )


def _goes(row: Row) -> str:
    return "no" if row["flagged"] else "yes" if pd.notna(row["rest"]) else "–"


def _name(row: Row) -> str:
    name = text.link("personas", row["name"], persona=row["persona"])
    return f'{name}<br><span class="small">{text.markup(row["summary"])}</span>'


def one(slug: str) -> None:
    pack = board.data().personas[slug]
    head = pack.head
    st.html(f'<h2>{text.markup(head.name)}</h2><p class="lede">{text.markup(head.summary)}</p>')
    facts(
        {
            "Origin": text.markup(head.origin),
            "Train split": "yes" if head.trained else "no",
            "Items": ", ".join(
                f"{len(items)} {text.markup(task)}" for task, items in pack.items.items() if task in ITEMS
            ),
        }
    )
    st.html(
        f'<p class="prose">Way of talking. {text.markup(head.voice)}</p>'
        f'<p class="prose small">Sources: {text.markup("; ".join(head.sources))}</p>'
    )
    for place, (stage, life) in zip(st.columns(2, gap="large"), head.stages.items(), strict=False):
        with place:
            st.subheader(f"{stage.capitalize()} stage")
            st.html(f"<p>{text.markup(life.label)}</p>")
            rows = [
                {"Trait": TRAIT_NAMES[t], "target": life.big_five[t].score, "reason": life.big_five[t].reason}
                for t in TRAITS
            ]
            tables.table(
                rows,
                [
                    Column("Trait", lambda r: r["Trait"], "head"),
                    Column("Target, 1 to 5", lambda r: tables.number(r["target"]), "number"),
                    Column("Why", lambda r: text.markup(r["reason"]), "small"),
                ],
                f"Big Five targets, {stage}",
            )
            with st.expander("The dossier"):
                lines = "".join(
                    f"<dt>{text.markup(k)}</dt><dd>{text.markup(v)}</dd>" for k, v in pack.dossiers[stage].items()
                )
                st.html(f'<dl class="evidence">{lines}</dl>')
    st.subheader("Its hardest items")
    _hardest(slug)


def _hardest(slug: str) -> None:
    found = board.board().difficulty()
    found = found[(found["persona"] == slug) & (found["entries"] > 0) & (found["task"] != OPEN)].sort_values(
        "mean", kind="stable"
    )
    if found.empty:
        st.caption("Known when there are full submissions.")
        return
    best = board.ranked_first()[0]

    def item(row: Row) -> str:
        to = {"entry": best, "condition": "profile", "task": row["task"], "persona": slug, "order": "hard"}
        return text.link("replies", row["item"].split("/", 1)[-1], **to)

    tables.table(
        found[query.page(len(found), SIZE)].to_dict("records"),
        [
            Column("Item", item, "head"),
            Column("Task", lambda r: board.task_name(r["task"])),
            Column("Right", lambda r: tables.number(100 * r["mean"], 0, " %"), "number"),
            Column("Submissions", lambda r: tables.count(r["entries"]), "number wide"),
            Column("Goes with its task", _goes, "wide"),
        ],
        "Items, the hardest first",
    )
    st.caption(
        "Right: mean of full submissions. Goes with its task: whether those who are good at the task are good "
        "at the item (item-rest correlation not below 0)."
    )
