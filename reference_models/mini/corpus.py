"""General text from a corpus folder, as plain documents and as chats.

The folder holds `novels/*.txt`, `self_dialogue.jsonl`, `synthetic_persona_chat.jsonl`, `schema_guided_dialogue.jsonl`
and `self_instruct_seed_tasks.jsonl`; the model card names where each comes from.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

from reference_models.mini.config import Source

Chat = list[dict[str, str]]
Document = str | Chat

NOVEL_PIECE = 16_000
"""Characters a novel is cut into, so that batches mix books: about one context of tokens."""


def documents(folder: Path, source: Source) -> list[Document]:
    """Everything that one source holds, in file order."""
    return list(_READERS[source](folder))


def chat(turns: list[str], system: str | None = None) -> Chat:
    """Alternating turns as messages, the first by the user."""
    messages = [{"role": "system", "content": system}] if system else []
    roles = ("user", "assistant")
    return messages + [{"role": roles[i % 2], "content": text} for i, text in enumerate(turns)]


def _novels(folder: Path) -> Iterator[str]:
    for path in sorted((folder / "novels").glob("*.txt")):
        text = _reflow(path.read_text(encoding="utf-8-sig", errors="replace"))
        start = 0
        while start < len(text):
            end = text.find("\n", start + NOVEL_PIECE)
            end = len(text) if end < 0 else end
            yield text[start:end].strip()
            start = end + 1


def _reflow(text: str) -> str:
    """Hard-wrapped lines joined into paragraphs; a short line ends one."""
    paragraphs: list[str] = [""]
    for line in text.replace("\ufeff", "").splitlines():
        line = re.sub(r"\s+", " ", line).strip()
        paragraphs[-1] = f"{paragraphs[-1]} {line}".strip()
        if len(line) < 50:
            paragraphs.append("")
    plain = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2014": " - ", "_": None})
    return "\n".join(p for p in paragraphs if p).translate(plain)


def _self_dialogue(folder: Path) -> Iterator[Chat]:
    for row in _rows(folder / "self_dialogue.jsonl"):
        yield chat([_tidy(t) for t in row["turns"] if t.strip()])


def _persona_chat(folder: Path) -> Iterator[Chat]:
    """The described person answers: their description is the system prompt."""
    for row in _rows(folder / "synthetic_persona_chat.jsonl"):
        turns = [re.sub(r"^User [12]:\s*", "", t).strip() for t in row["turns"]]
        if all(turns) and not any("[User" in t for t in turns):
            yield chat(turns, "You are this person:\n" + "\n".join(f"- {line}" for line in row["persona_2"]))
            if len(turns) > 3:
                yield chat(turns[1:], "You are this person:\n" + "\n".join(f"- {line}" for line in row["persona_1"]))


def _task_dialogue(folder: Path) -> Iterator[Chat]:
    for row in _rows(folder / "schema_guided_dialogue.jsonl"):
        yield chat([text.strip() for _, text in row["turns"]], "You are a helpful assistant.")


def _instructions(folder: Path) -> Iterator[Chat]:
    for row in _rows(folder / "self_instruct_seed_tasks.jsonl"):
        for instance in row["instances"]:
            if instance["output"].strip():
                prompt = "\n\n".join(filter(None, (row["instruction"].strip(), instance["input"].strip())))
                yield chat([prompt, instance["output"].strip()])


def _tidy(turn: str) -> str:
    """Typed chats rarely bother with capitals."""
    turn = turn.strip()
    return turn[0].upper() + turn[1:]


def _rows(path: Path) -> Iterator[dict]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


_READERS = {
    "novels": _novels,
    "self_dialogue": _self_dialogue,
    "persona_chat": _persona_chat,
    "task_dialogue": _task_dialogue,
    "instructions": _instructions,
}


def endless(docs: list[Document], seed: int) -> Iterator[Document]:
    """The documents in a fresh random order, again and again."""
    rng = random.Random(seed)
    while True:
        order = list(range(len(docs)))
        rng.shuffle(order)
        for i in order:
            yield docs[i]
