"""The packs' train splits as training records, and records as chats for trl.

A record is one conversation of one person at one stage. `voices` (mini/material.py) opens what may be learned from and
never `items/`.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from reference_models.data.similar import near_duplicates
from reference_models.mini.material import Voice, read
from reference_models.mini.practice import UNASKED
from reference_models.recipe import Personified, RecipeError

from persllm_bench import prompts
from persllm_bench.items import Data, tasks_dir
from persllm_bench.schema import Stage

Chat = list[dict[str, str]]
STAGE_TOKENS: dict[Stage, str] = {"early": "<|early|>", "late": "<|late|>"}


@dataclass(frozen=True)
class Record:
    """`system` is what the benchmark's `name` condition says; `analysis` is empty for speech."""

    id: str
    persona: str
    stage: Stage
    kind: str
    system: str
    question: str
    analysis: str
    response: str
    facts: tuple[str, ...]
    """The statements of the dossier that the reply rests on."""


@dataclass(frozen=True)
class Split:
    """Records to learn, records held out for choosing settings, and how many were left out and why."""

    train: list[Record]
    held_out: list[Record]
    near_duplicates: int
    filtered: int

    @property
    def facts(self) -> dict[str, Any]:
        """For the model card."""
        return {
            "personas": sorted({r.persona for r in self.train}),
            "records": len(self.train),
            "held_out": len(self.held_out),
            "near_duplicates": self.near_duplicates,
            "filtered": self.filtered,
        }


def material(config: Personified) -> tuple[Data, list[Voice]]:
    """Raises RecipeError: no persona with a train split there."""
    folder = Path(config.tasks) if config.tasks else tasks_dir()
    try:
        return read(folder)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise RecipeError(f"data.tasks: {folder}:\n{error}") from None


def split(config: Personified, seed: int) -> Split:
    """Speech is never held out: it answers no question."""
    data, voices = material(config)
    train: list[Record] = []
    held: list[Record] = []
    twins = filtered = 0
    for voice in voices:
        found = _conversations(data, voice)
        good = [r for r in found if is_good(r)]
        kept = near_duplicates([f"{r.question} {r.response}" for r in good], config.near_duplicate)
        twins, filtered = twins + len(good) - len(kept), filtered + len(found) - len(good)
        order = sorted((good[i] for i in kept), key=lambda r: _hash(f"{seed}|{r.id}"))
        cut = round(config.held_out * len(order))
        held += order[:cut]
        train += order[cut:]
        if config.speech:
            train += _speech(data, voice)
    train = [r for r in train if r.kind in (*config.kinds, "speech")]
    if not train:
        raise RecipeError(f"data.kinds: {config.kinds}: no conversation of these kinds: allowed are those of the packs")
    return Split(permuted(train, seed) if config.permute_names else train, held, twins, filtered)


def permuted(records: Sequence[Record], seed: int) -> list[Record]:
    """The records with their speakers dealt out anew, each speaker as often as before."""
    order = list(range(len(records)))
    random.Random(seed).shuffle(order)
    return [
        replace(r, system=records[j].system, persona=records[j].persona, stage=records[j].stage)
        for r, j in zip(records, order, strict=True)
    ]


def is_good(record: Record) -> bool:
    """Quality filter: a reply of at least five words that is not its question or analysis again, and breaks no role."""
    words = record.response.split()
    said = record.response.casefold()
    return (
        len(words) >= 5
        and said not in (record.question.casefold(), record.analysis.casefold())
        and not any(mark in said for mark in ("[analysis]", "[response]", "<think>", "language model"))
    )


def rows(records: Sequence[Record], config: Personified, seed: int) -> list[dict[str, Any]]:
    """Every record `repeat` times as trl's prompt and completion; analysis and stage token are drawn by the seed."""
    rng = random.Random(seed)
    out = []
    for _ in range(config.repeat):
        for r in records:
            analysis = r.analysis if rng.random() < config.analysis else ""
            staged = config.stage_tokens and rng.random() < 0.5
            said = with_analysis(analysis, r.response, config)
            out.append({"prompt": prompt(r, staged), "completion": [{"role": "assistant", "content": said}]})
    return out


def prompt(record: Record, stage_token: bool = False) -> Chat:
    system = f"{record.system} {STAGE_TOKENS[record.stage]}" if stage_token else record.system
    return [{"role": "system", "content": system}, {"role": "user", "content": record.question}]


def with_analysis(analysis: str, response: str, config: Personified) -> str:
    if not analysis:
        return response
    if config.analysis_form == "brackets":
        return f"[Analysis] {analysis} [Response] {response}"
    return f"<think>\n{analysis}\n</think>\n\n{response}"


def _conversations(data: Data, voice: Voice) -> list[Record]:
    system = prompts.system_message(data, voice.persona, voice.stage, "name").content
    slug, stage, facts = voice.persona.slug, voice.stage, voice.persona.dossiers[voice.stage]
    return [
        Record(c.id, slug, stage, c.kind, system, c.prompt, c.analysis, c.response, tuple(facts[n] for n in c.evidence))
        for c in voice.conversations
    ]


def _speech(data: Data, voice: Voice) -> list[Record]:
    system = prompts.system_message(data, voice.persona, voice.stage, "name").content
    slug = voice.persona.slug
    return [Record(s.id, slug, voice.stage, "speech", system, UNASKED, "", s.text, ()) for s in voice.speech]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
