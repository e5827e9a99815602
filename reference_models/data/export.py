"""General chats of the mini model's corpus folder as one JSONL file of messages, for recipes on the mini backbone."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

from reference_models.mini import corpus

CHATS: dict[corpus.Source, int] = {"persona_chat": 2000, "self_dialogue": 2000, "instructions": 800}
"""At most so many of each source."""


def export(folder: Path, out: Path, seed: int = 7) -> None:
    """Whole chats with at least one reply, drawn by the seed."""
    rng = random.Random(seed)
    lines = []
    for source, count in CHATS.items():
        docs = [d for d in corpus.documents(folder, source) if isinstance(d, list) and _is_chat(d)]
        lines += [json.dumps({"messages": d}) for d in rng.sample(docs, min(count, len(docs)))]
    new = out.with_name(out.name + ".new")
    new.write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.replace(new, out)


def _is_chat(doc: corpus.Chat) -> bool:
    roles = [m["role"] for m in doc]
    return roles[0] != "assistant" and "assistant" in roles and all(m["content"].strip() for m in doc)
