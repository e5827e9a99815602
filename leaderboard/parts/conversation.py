"""One reply, opened: the question, the options, the reply, what settles it; a live task as a conversation."""

from __future__ import annotations

import html

import pandas as pd
import streamlit as st

from parts import board, heard, query, tables, text
from parts.tables import Column, Row
from persllm_bench.board import Board
from persllm_bench.board.shown import Option, Reply

OTHERS = 8
"""So many of the best ranked models are shown beside a reply."""


@st.cache_resource(max_entries=16, show_spinner="Reading the reply …")
def _replies(_board: Board, stamp: str, entry: str, condition: str, task: str, persona: str) -> dict[str, Reply]:
    return {r.id: r for r in _board.replies(entry, condition, task, persona)}


def show(entry: str, condition: str, task: str, wanted: str) -> None:
    """The reply named by the address; what is wrong, where it cannot be shown."""
    shown = board.board()
    try:
        found = _replies(shown, shown.facts["content_sha256"], entry, condition, task, wanted.split("|")[0])
    except (ValueError, OSError) as error:
        st.error(text.label(f"This reply cannot be shown: {error}", 400))
        return
    reply = found.get(wanted)
    if reply is None:
        st.warning("There is no such reply in this submission. It may belong to another task or condition.")
        return
    here = {k: v for k, v in query.current().items() if k != "reply"}
    with st.container(border=True):
        st.html(_head(reply) + f"<p>{text.link('replies', 'Close', **here)}</p>")
        if reply.turns:
            _talk(reply)
        else:
            _single(reply)
        _settles(reply)
        with st.expander("Everything that the model was sent"):
            for message in reply.messages:
                st.html(f'<div class="who">{text.markup(message["role"])}</div>{text.block(message["content"])}')
        if not reply.turns:
            _others(entry, condition, task, reply)


def _head(reply: Reply) -> str:
    person = board.people().get(reply.persona, reply.persona)
    label = board.data().personas[reply.persona].head.stages[reply.stage].label  # type: ignore[index]
    parse = "" if reply.parse == "parsed" else f" {tables.badge(reply.parse)}"
    return (
        f"<h3>{text.markup(person)}</h3><p>{text.markup(label)}</p>"
        f'<p class="small">{text.markup(reply.item)}, asked as {text.markup(reply.variant)}. '
        f"Worth: {heard.verdict(reply.credit, reply.parse != 'parsed')}{parse}</p>"
    )


def _single(reply: Reply) -> None:
    question = reply.messages[-1]["content"] if reply.messages else ""
    if reply.options:
        question = question.split("\n\n", 1)[0]
    st.html(f'<div class="turn"><div class="who">asked</div>{text.block(question)}</div>')
    if reply.options:
        st.html(f'<ul class="options">{"".join(_option(o) for o in reply.options)}</ul>')
    if reply.loglikelihoods:
        _likelihoods(reply)
    elif reply.error:
        st.html(f'<div class="turn mine"><div class="who">error</div>{text.block(reply.error)}</div>')
    else:
        st.html(f'<div class="turn mine"><div class="who">replied</div>{text.block(reply.reply)}</div>')
    if reply.finish == "length":
        st.caption("Cut off at the limit.")


def _option(option: Option) -> str:
    kinds = " ".join(k for k, on in (("right", option.right), ("chosen", option.chosen)) if on)
    marks = "".join(tables.badge(w) for w, on in (("right", option.right), ("chosen", option.chosen)) if on)
    letter = f"<strong>{html.escape(option.letter)}.</strong> " if option.letter else ""
    return f'<li class="{kinds}">{letter}{text.markup(option.text)} {marks}</li>'


def _likelihoods(reply: Reply) -> None:
    given, baseline = reply.loglikelihoods["given"], reply.loglikelihoods["baseline"]  # type: ignore[index]
    rows = [
        {"option": o, "given": g, "baseline": b, "gain": g - b}
        for o, g, b in zip(reply.options, given, baseline, strict=False)
    ]
    number = lambda name: Column(name, lambda r: tables.number(r[name], 2), "number")  # noqa: E731
    tables.table(
        rows,
        [
            Column("Option", lambda r: text.markup(r["option"].text, 80), "head"),
            number("given"),
            number("baseline"),
            number("gain"),
        ],
        "Log-likelihood of each option in nats",
    )
    st.caption("Log-likelihood in nats with the persona (given) and without (baseline); the greatest gain is chosen.")


def _talk(reply: Reply) -> None:
    """Turns in order, each followed by the private probes after it."""
    setting = [
        f'<p class="small">{html.escape(name)}: {text.markup(value, 400)}</p>' for name, value in reply.setting.items()
    ]
    probes = [p for p in reply.probes if p.private]
    said = [_probes(reply, [p for p in probes if p.turn == 0])]
    last = 0
    for turn in reply.turns:
        if turn.turn != last:
            said.append(_probes(reply, [p for p in probes if p.turn == last and last > 0]))
            last = turn.turn
        kind = "" if turn.scripted else " mine"
        who = f"{turn.who}, scripted" if turn.scripted and turn.who != "user" else turn.who
        said.append(
            f'<div class="turn{kind}"><div class="who">{turn.turn}. '
            f"{text.markup(who)}</div>{text.block(turn.text)}</div>"
        )
    said.append(_probes(reply, [p for p in probes if p.turn >= last > 0]))
    st.html("".join(setting + said))


def _probes(reply: Reply, probes: list) -> str:  # type: ignore[type-arg]
    found = []
    for probe in probes:
        letters = ", ".join(
            f"{html.escape(d)} {text.markup(letter or 'unparsed')}" for d, letter in probe.letters.items()
        )
        found.append(f"{text.markup(probe.who)} {tables.number(probe.position, 1)} ({letters})")
    return f'<p class="probe small">privately: {"; ".join(found)}</p>' if found else ""


def _settles(reply: Reply) -> None:
    if reply.evidence:
        rows = "".join(f"<dt>{text.markup(s.id)}</dt><dd>{text.markup(s.text)}</dd>" for s in reply.evidence)
        st.html(f'<h4>What settles it</h4><dl class="evidence">{rows}</dl>')
    for reference in reply.references:
        st.html(f'<div class="turn"><div class="who">a reference answer</div>{text.block(reference)}</div>')


def _others(entry: str, condition: str, task: str, reply: Reply) -> None:
    shown = board.board()
    best = [e for e in shown.ranking("prompted")["entry"].head(OTHERS + 1) if e != entry][:OTHERS]
    rows = []
    for other in best:
        found = shown.units(other, condition=condition, task=task, sample=reply.id)
        if len(found):
            rows.append({"entry": other, **found.iloc[0].to_dict()})
    if not rows:
        return
    st.html("<h4>The best ranked on the same</h4>")

    def link(row: Row) -> str:
        return text.link(
            "replies",
            board.entry_name(row["entry"]),
            50,
            entry=row["entry"],
            condition=condition,
            task=task,
            reply=reply.id,
        )

    tables.table(
        rows,
        [
            Column("Model", link, "head"),
            Column("Replied", lambda r: text.markup(r["reply"], 60)),
            Column(
                "Worth", lambda r: heard.verdict(None if pd.isna(r["right"]) else r["right"], r["outcome"] != "parsed")
            ),
        ],
        "The same sample, other models",
    )
