"""The data as flat tables: one row per item and stage, columns of text, numbers, or lists of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from persllm_bench.items import Data, Persona
from persllm_bench.schema import STAGES, Record

DESCRIPTIONS = {
    "personas": "Who they are: one row per person and stage, with the target of the five traits and the reasons.",
    "stances": "Positions on the topics, -2 (against the proposition) to +2 (for it), with the person's reason.",
    "dossiers": "The numbered statements of every dossier: all that a model is told in the condition `profile`.",
    "speech": "Things that the person says; style material.",
    "knowledge": "Four options in the person's voice; a twin has one row per stage, with another right option.",
    "attitude": "Which view of a topic is this person's, per stage.",
    "premise": "Pairs of a false and a true premise in one sentence frame, with the same two replies.",
    "identity": "Baits, and pairs of a danger inside the story and a real one.",
    "pressure": "A stance, the turns that press it, and which appeals do and do not move this person.",
    "open": "Questions in two wordings with reference answers.",
    "gold": "Replies with at most one planted error, with five axis scores: for calibrating judges, not for training.",
    "train": "Conversations of the trained personas.",
    "topics": "The topics that all persons share, with four views each.",
    "arguments": "Five turns that argue one side of a topic by one appeal.",
    "neutral": "Five turns about nothing that is at stake.",
    "scenes": "Scene twins for two personas: one scripted turn that moves the scored person, one that does not.",
    "cocreation": "Scenes in which two or three persons make something together.",
    "scenarios": "Behavioural choices for the five traits.",
    "inventory": "Self-report statements for the five traits.",
}


def tables(data: Data) -> dict[str, pa.Table]:
    """Table name -> table, in the order of `DESCRIPTIONS`; a table without rows is left out.

    Every column is a string, a whole number, a truth value, a float, or a list of strings; missing values are null.
    """
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in DESCRIPTIONS}
    for persona in data.personas.values():
        for name, found in _of_persona(persona):
            rows[name].append({"persona": persona.slug, **found})
    for bank, records in data.banks.items():
        rows[bank.split("/")[-1]] += [row for record in records for row in _rows(record)]
    return {name: _table(found) for name, found in rows.items() if found}


def _of_persona(persona: Persona) -> Iterator[tuple[str, dict[str, Any]]]:
    head = persona.head
    for stage in STAGES:
        about = head.stages[stage]
        traits = {
            f"{t}_{k}": v
            for t, target in about.big_five.items()
            for k, v in (("score", target.score), ("reason", target.reason))
        }
        who = {k: getattr(head, k) for k in ("name", "origin", "trained", "summary", "voice", "sources")}
        yield "personas", {**who, "stage": stage, "label": about.label, **traits}
        for stance in head.stances:
            held = getattr(stance, stage)
            yield "stances", {"stage": stage, "topic": stance.topic, "position": held.position, "reason": held.reason}
        for statement, text in persona.dossiers[stage].items():
            yield "dossiers", {"stage": stage, "statement": statement, "text": text}
    for name, records in {"speech": persona.speech, **persona.items, "train": persona.train}.items():
        for record in records:
            for row in _rows(record):
                yield name, row


def _rows(record: Record) -> Iterator[dict[str, Any]]:
    """One row, or one per stage where fields are per stage, or one per version of a gold item."""
    fields = record.model_dump()
    versions = fields.pop("versions", None)
    if versions:
        yield from (_flat({**fields, **version}) for version in versions)
        return
    staged = [
        name for name, value in fields.items() if isinstance(value, Mapping) and value and set(value) <= set(STAGES)
    ]
    if not staged:
        yield _flat(fields)
        return
    for stage in fields[staged[0]]:
        yield _flat({**fields, "stage": stage, **{name: fields[name][stage] for name in staged}})


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings become columns `field_key`."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        found |= {f"{name}_{k}": v for k, v in value.items()} if isinstance(value, Mapping) else {name: value}
    return found


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return pa.Table.from_pylist([{name: row.get(name) for name in columns} for row in rows])
