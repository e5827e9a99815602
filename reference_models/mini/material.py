"""What the mini model may learn of the personas, and nothing of what it is tested on.

`read` is the only place that opens files of the packs. It opens `persona.yaml`, the two dossiers, `speech.jsonl` and
`train/`, and never `items/`: with every `items` folder deleted it returns the same.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from persllm_bench.items import Data, Persona
from persllm_bench.reader import STATEMENT
from persllm_bench.schema import STAGES, PersonaHead, Speech, Stage, TrainConversation
from persllm_bench.schema.base import Record

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Voice:
    """One person at one stage: what they were asked and replied, and what they say unasked."""

    persona: Persona
    stage: Stage
    conversations: tuple[TrainConversation, ...]
    speech: tuple[Speech, ...]


def read(tasks: Path) -> tuple[Data, list[Voice]]:
    """The trained personas that have a train split, without items and without banks.

    Raises:
        ValueError: no persona under `tasks` has a train split, or records that break their rules, by file and line.
    """
    personas = {}
    for folder in sorted(p for p in (tasks / "personas").iterdir() if p.is_dir()):
        if all((folder / "train" / f"{stage}.jsonl").is_file() for stage in STAGES):
            persona = _persona(folder)
            if persona.head.trained:
                personas[persona.slug] = persona
    if not personas:
        raise ValueError(f"no persona with a train split under {tasks / 'personas'}")
    voices = [_voice(persona, stage) for persona in personas.values() for stage in STAGES]
    return Data(tasks, personas, {}), voices


def permuted(voices: Sequence[Voice], seed: int) -> list[Voice]:
    """Control: who says what is dealt out at random, once for all; each voice has as much to say as before."""
    rng, dealt = random.Random(seed), list(voices)
    for what in ("conversations", "speech"):
        said = [one for v in voices for one in getattr(v, what)]
        rng.shuffle(said)
        rest = iter(said)
        dealt = [replace(v, **{what: tuple(islice(rest, len(getattr(v, what))))}) for v in dealt]
    return dealt


def speaker(conversation: TrainConversation) -> tuple[str, Stage]:
    """Whose conversation it was before any permutation: persona and stage."""
    return conversation.id.partition("/")[0], conversation.stage


def _persona(folder: Path) -> Persona:
    head = PersonaHead.model_validate(yaml.safe_load((folder / "persona.yaml").read_text(encoding="utf-8")))
    dossiers = {stage: _dossier(folder / f"{stage}.md") for stage in STAGES}
    speech = tuple(_records(folder / "speech.jsonl", Speech))
    train = tuple(c for stage in STAGES for c in _records(folder / "train" / f"{stage}.jsonl", TrainConversation))
    for c in train:
        if unknown := [number for number in c.evidence if number not in dossiers[c.stage]]:
            raise ValueError(f"{folder}: {c.id}: evidence: {unknown}: allowed are the statements of {c.stage}.md")
    return Persona(folder.name, head, dossiers, speech, {}, train)


def _voice(persona: Persona, stage: Stage) -> Voice:
    conversations = tuple(c for c in persona.train if c.stage == stage)
    return Voice(persona, stage, conversations, tuple(s for s in persona.speech if s.stage == stage))


def _dossier(path: Path) -> dict[str, str]:
    found = map(STATEMENT.match, _lines(path))
    return {match[1]: match[2] for match in found if match}


def _records(path: Path, kind: type[R]) -> list[R]:
    """Raises ValueError: a line for every field of every line that breaks the record's rules."""
    found, faults = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if line.strip():
            try:
                found.append(kind.model_validate_json(line))
            except ValidationError as error:
                for fault in error.errors():
                    field = ".".join(map(str, fault["loc"])) or "(the whole)"
                    faults.append(f"{path}:{number}: {field}: {str(fault['input'])[:60]!r}: {fault['msg']}")
    if faults:
        raise ValueError("\n".join(faults))
    return found


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
