"""PersLLM's own text records as a pack's train split, dossier material and open items.

A record (Zeng et al. 2024, arXiv 2407.12393, released data) is six lines: material, `[question] ...`,
`[Analysis] ... [Response] ...`, knowledge passages, style passages, a blank line. One file holds one stage.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from persllm_bench.reader import Fault
from persllm_bench.schema import OpenItem, Speech, Stage, TrainConversation

Kind = Literal["question", "opinion", "induced"]
LINES = ("material", "[question] line", "[Analysis] ... [Response] line", "knowledge passages", "style passages")
QUESTION = re.compile(r"^\[question\]\s*(\S.*)$", re.IGNORECASE)
ANSWER = re.compile(r"^\[analysis\]\s*(\S.*?)\s*\[response\]\s*(\S.*)$", re.IGNORECASE)
SECOND_WORDING = "One more thing that I would like to hear from yourself. {}"


@dataclass(frozen=True)
class PersLLMRecord:
    """One record; `line` is the first of its lines, counted from 1."""

    material: str
    question: str
    analysis: str
    response: str
    knowledge: str
    style: str
    line: int


def parse(text: str, name: str) -> tuple[list[PersLLMRecord], list[Fault]]:
    """Every record that is whole, and every fault of the others with the line where it stands."""
    records, faults = [], []
    for start, block in _blocks(text):
        if len(block) != len(LINES):
            faults.append(
                Fault(name, start, "lines", f"{len(block)} before a blank line", f"{len(LINES)}: {', '.join(LINES)}")
            )
            continue
        question, answer = QUESTION.match(block[1]), ANSWER.match(block[2])
        if question is None:
            faults.append(Fault(name, start + 1, "question", block[1][:60], "'[question] ...', not empty"))
        if answer is None:
            faults.append(
                Fault(name, start + 2, "answer", block[2][:60], "'[Analysis] ... [Response] ...', neither empty")
            )
        if question and answer:
            records.append(PersLLMRecord(block[0], question[1], answer[1], answer[2], block[3], block[4], start))
    if not records and not faults:
        faults.append(Fault(name, None, "records", "none", "at least one record"))
    return records, faults


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    block: list[str] = []
    start = 1
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.strip():
            start = start if block else number
            block.append(line.strip())
        elif block:
            yield start, block
            block = []


@dataclass
class Pack:
    """What the records of one person come to: dossier material and speech, conversations, open items."""

    statements: dict[Stage, list[str]]
    train: list[TrainConversation]
    open: list[OpenItem]
    speech: list[Speech]

    def write(self, folder: Path) -> list[Path]:
        """Write `<stage>.md`, `train/<stage>.jsonl`, `items/open.jsonl` and `speech.jsonl`; returns their paths.

        Raises:
            FileExistsError: the folder has files in it already.
        """
        if folder.exists() and any(folder.iterdir()):
            raise FileExistsError(f"{folder} is not empty: name a new folder")
        files: dict[str, Sequence[str]] = {
            f"{stage}.md": [f"E{i}. {text}" for i, text in enumerate(found, 1)]
            for stage, found in self.statements.items()
        }
        for stage in self.statements:
            files[f"train/{stage}.jsonl"] = _json([t for t in self.train if t.stage == stage])
        files |= {"items/open.jsonl": _json(self.open), "speech.jsonl": _json(self.speech)}
        for name, lines in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return [folder / name for name in files]


def convert(slug: str, records: Sequence[tuple[Stage, Kind, PersLLMRecord]], *, held_out: float = 0.2) -> Pack:
    """A fifth of the questions, drawn by hash and whatever their stage, become open items; the rest is the train split.

    A distinct material is a statement, which what rests on it cites; a distinct style passage is a speech sample. Equal
    questions of a stage count once. An open item's second wording is the question in a fixed frame.
    """
    pack = Pack({stage: [] for stage, _, _ in sorted(records, key=lambda r: r[0])}, [], [], [])
    seen: set[tuple[Stage, str]] = set()
    for stage, kind, r in records:
        statements = pack.statements[stage]
        if r.material not in statements:
            statements.append(r.material)
        cited = f"E{statements.index(r.material) + 1}"
        if r.style and r.style not in {s.text for s in pack.speech if s.stage == stage}:
            pack.speech.append(Speech(id=f"{slug}/speech/{len(pack.speech) + 1}", stage=stage, text=r.style))
        if (stage, r.question) in seen:
            continue
        seen.add((stage, r.question))
        name = f"{stage[0]}{len(seen):04d}"
        if int(hashlib.sha256(r.question.encode()).hexdigest(), 16) % 1000 < 1000 * held_out:
            wordings = [r.question, SECOND_WORDING.format(r.question)]
            references = {stage: [r.response]}
            pack.open.append(
                OpenItem(id=f"{slug}/open/{name}", questions=wordings, references=references, evidence={stage: [cited]})
            )
        else:
            pack.train.append(
                TrainConversation(
                    id=f"{slug}/train/{name}",
                    stage=stage,
                    kind=kind,
                    prompt=r.question,
                    analysis=r.analysis,
                    response=r.response,
                    evidence=[cited],
                )
            )
    return pack


def _json(records: Sequence[BaseModel]) -> list[str]:
    return [r.model_dump_json() for r in records]
