"""What is known of a person at a stage, as passages, and which of them matter to a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from pydantic import ValidationError
from reference_models.data.similar import similarities
from reference_models.recipe import RecipeError

from persllm_bench.reader import STATEMENT
from persllm_bench.schema import STAGES, PersonaHead, Speech, Stage


@dataclass(frozen=True)
class Passage:
    """`statement` is the number in the dossier; empty for a passage of the folder `material`."""

    text: str
    statement: str = ""


@dataclass(frozen=True)
class Material:
    """One person at one stage."""

    slug: str
    name: str
    stage: Stage
    label: str
    knowledge: tuple[Passage, ...]
    speech: tuple[Passage, ...]


def read(pack: Path) -> list[Material]:
    """A pack's `persona.yaml`, `<stage>.md` and `speech.jsonl`, and what lies in `material/<stage>/knowledge` and
    `material/<stage>/speech` as `.txt`, a passage per paragraph. Nothing under `items/` is opened.

    Raises:
        RecipeError: a file that is missing or broken, or a stage without knowledge, statements or speech; all at once.
    """
    faults: list[str] = []
    try:
        head = PersonaHead.model_validate(yaml.safe_load((pack / "persona.yaml").read_text(encoding="utf-8")))
        spoken = [Speech.model_validate_json(line) for line in _lines(pack / "speech.jsonl")]
    except (OSError, ValueError, yaml.YAMLError, ValidationError) as error:
        raise RecipeError(f"{pack}: {error}") from None
    found = []
    for stage in STAGES:
        numbered = [STATEMENT.match(line) for line in _lines(pack / f"{stage}.md", faults)]
        statements = [Passage(m[2], m[1]) for m in numbered if m]
        speech = [Passage(s.text) for s in spoken if s.stage == stage]
        more = pack / "material" / stage
        speech += _paragraphs(more / "speech")
        for what, passages in (("statements in " + f"{stage}.md", statements), ("speech", speech)):
            if not passages:
                faults.append(f"{pack}: {stage}: no {what}: at least one is needed")
        knowledge = (*statements, *_paragraphs(more / "knowledge"))
        found.append(Material(pack.name, head.name, stage, head.stages[stage].label, knowledge, tuple(speech)))
    if faults:
        raise RecipeError("\n".join(faults))
    return found


def relevant(passages: Sequence[Passage], question: str, least: int, most: int) -> list[Passage]:
    """The passages most like a question, best first, until they have `least` words; none that would pass `most`,
    unless it is the first."""
    order = np.argsort(-similarities([question], [p.text for p in passages])[0], kind="stable")
    chosen: list[Passage] = []
    words = 0
    for i in order.tolist():
        length = len(passages[i].text.split())
        if words >= least:
            break
        if words + length <= most or not chosen:
            chosen.append(passages[i])
            words += length
    return chosen


def _lines(path: Path, faults: list[str] | None = None) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        if faults is None:
            raise
        faults.append(f"{path}: {error.strerror}")
        return []


def _paragraphs(folder: Path) -> list[Passage]:
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.txt"))]
    return [Passage(" ".join(part.split())) for text in texts for part in text.split("\n\n") if part.strip()]
