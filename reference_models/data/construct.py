"""From material about a person to training conversations and preference pairs, after PersLLM (arXiv 2407.12393).

    python -m reference_models.data.construct --config FILE --pack tasks/personas/NAME --out DIR [--dry-run]

For every stage: questions, opinions to react to, and induced questions whose premise is false are drawn from passages;
for each, the relevant passages are looked up; then comes an analysis, and from it the reply. (The paper asks for
analysis and reply in one call; in two nothing has to be parsed.) What is poor or nearly said before is left out, a
fifth is held out, and pairs are made of the rest. Every answer is kept in DIR.part as it comes: run again to go on.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError
from reference_models.data.endpoint import Answers, Endpoint, Failure
from reference_models.data.materials import Material, Passage, read, relevant
from reference_models.data.pairs import pairs
from reference_models.data.records import Record, is_good
from reference_models.data.similar import near_duplicates
from reference_models.recipe import Kind, Preference, RecipeError, Strict, lines_of

from persllm_bench.schema import TrainConversation

ASK: dict[Kind, str] = {
    "question": "Write one question that somebody might ask this person, which the passage answers.",
    "opinion": "Write one or two sentences in which somebody tells this person an opinion on what the passage is "
    "about, and expects agreement.",
    "induced": "Write one question or remark to this person that takes something for granted which the passage shows "
    "to be false, without saying that it is.",
}
Words = Annotated[tuple[int, int], Field(description="at least, at most")]


class Construction(Strict):
    endpoint: Endpoint
    counts: dict[Kind, Annotated[int, Field(ge=0)]] = Field(
        default_factory=lambda: {"question": 60, "opinion": 30, "induced": 30}
    )
    """Per stage."""
    knowledge_words: Words = (1300, 1500)
    speech_words: Words = (350, 500)
    held_out: Annotated[float, Field(ge=0, lt=1)] = 0.2
    near_duplicate: Annotated[float, Field(gt=0, le=1)] = 0.95
    preference: Preference = Preference()
    seed: int = 7
    prices: tuple[float, float] | None = None
    """Per million tokens read and written, in any currency, for the estimate."""


@dataclass(frozen=True)
class Draft:
    """A question that is to be answered."""

    material: Material
    kind: Kind
    number: int
    passage: Passage
    question: str = ""
    analysis: str = ""


def load(path: Path) -> Construction:
    """Raises RecipeError: no YAML, unknown keys, values that are not allowed; a line per fault."""
    try:
        return Construction.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise RecipeError("\n".join(lines_of(error, str(path), Construction))) from None
    except (OSError, yaml.YAMLError) as error:
        raise RecipeError(f"{path}: {error}") from None


def plan(config: Construction, materials: list[Material]) -> list[Draft]:
    """Which passage each question is to be about: statements in a random order, read again where they run out."""
    rng = random.Random(config.seed)
    drafts = []
    for material in materials:
        numbered = [p for p in material.knowledge if p.statement]
        for kind, count in config.counts.items():
            order: list[Passage] = []
            while len(order) < count:
                order += rng.sample(numbered, len(numbered))
            drafts += [Draft(material, kind, n, passage) for n, passage in enumerate(order[:count])]
    return drafts


def estimate(config: Construction, drafts: list[Draft]) -> dict[str, float]:
    """Calls, and tokens at most, by 4 / 3 of a token to a word and what retrieval may take."""
    read_words = sum(d.passage.text.count(" ") + 120 for d in drafts)
    read_words += len(drafts) * 2 * (config.knowledge_words[1] + config.speech_words[1] + 150)
    read_tokens, written = read_words * 4 / 3, 3 * len(drafts) * config.endpoint.max_tokens
    told = {"calls": 3 * len(drafts), "tokens_read": round(read_tokens), "tokens_written_at_most": written}
    if config.prices:
        told["cost_at_most"] = round((read_tokens * config.prices[0] + written * config.prices[1]) / 1e6, 2)
    return told


def construct(config: Construction, pack: Path, out: Path) -> dict[str, Any]:
    """Writes `train/<stage>.jsonl`, `held_out.jsonl`, `pairs.jsonl`, `failures.jsonl`, `answers.jsonl` (what was
    paid for) and `facts.json` to `out`, whole or not at all, and returns the facts.

    Raises:
        RecipeError: empty material, `out` exists, or nothing good came back.
    """
    if out.exists():
        raise RecipeError(f"--out: {out} exists: allowed is a new folder")
    drafts = plan(config, read(pack))
    work = out.with_name(out.name + ".part")
    work.mkdir(parents=True, exist_ok=True)
    answers = Answers(config.endpoint, work / "cache.jsonl")
    failures: list[Failure] = []
    drafts = [_with(d, question=text) for d, text in _asked(config, answers, drafts, _question, failures)]
    drafts = [_with(d, analysis=text) for d, text in _asked(config, answers, drafts, _analysis, failures)]
    found = [_record(d, text) for d, text in _asked(config, answers, drafts, _reply, failures)]
    good = [r for r in found if is_good(r)]
    kept = [good[i] for i in near_duplicates([f"{r.question} {r.response}" for r in good], config.near_duplicate)]
    if not kept:
        raise RecipeError(f"{pack}: of {len(found)} conversations none is usable: see {work / 'cache.jsonl'}")
    order = random.Random(config.seed).sample(kept, len(kept))
    cut = round(config.held_out * len(order))
    held, train = order[:cut], order[cut:]
    made = pairs(train, config.preference, config.seed) if len({r.stage for r in train}) > 1 else []
    facts = {
        "persona": pack.name,
        "planned": sum(config.counts.values()) * 2,
        "answered": len(found),
        "poor": len(found) - len(good),
        "near_duplicates": len(good) - len(kept),
        "train": len(train),
        "held_out": len(held),
        "pairs": len(made),
        "failures": len(failures),
    }
    whole = work / "whole"
    shutil.rmtree(whole, ignore_errors=True)
    for stage in ("early", "late"):
        _write(whole / "train" / f"{stage}.jsonl", (_conversation(r) for r in train if r.stage == stage))
    _write(whole / "held_out.jsonl", map(_conversation, held))
    told = ({"prompt": p.chosen.id, "rejected": p.rejected.id, "source": p.source} for p in made)
    _write(whole / "pairs.jsonl", map(json.dumps, told))
    _write(whole / "failures.jsonl", (json.dumps({"request": f.request, "error": f.error}) for f in failures))
    _write(whole / "facts.json", [json.dumps(facts)])
    _write(whole / "answers.jsonl", sorted(answers.cache.read_text(encoding="utf-8").splitlines()))
    os.replace(whole, out)
    shutil.rmtree(work)
    return facts


def _asked(
    config: Construction, answers: Answers, drafts: list[Draft], make: Any, failures: list[Failure]
) -> Iterator[tuple[Draft, str]]:
    """The drafts that got an answer, with it; the others go to `failures`."""
    requests = [answers.request(make(config, d), config.seed + d.number) for d in drafts]
    for draft, request, answer in zip(drafts, requests, answers.ask(requests), strict=True):
        if isinstance(answer, Failure):
            failures.append(answer)
        elif text := " ".join(answer.split()):
            yield draft, text
        else:
            failures.append(Failure(request, "an empty answer"))


def _with(draft: Draft, **found: str) -> Draft:
    return Draft(**{**draft.__dict__, **found})


def _question(config: Construction, d: Draft) -> list[dict[str, str]]:
    who = f"{d.material.name}. {d.material.label}"
    text = f"Person: {who}\n\nPassage: {d.passage.text}\n\n{ASK[d.kind]} Write nothing else."
    return [{"role": "user", "content": text}]


def _about(config: Construction, d: Draft) -> str:
    known = relevant(d.material.knowledge, f"{d.question} {d.passage.text}", *config.knowledge_words)
    listed = "\n".join(f"- {p.text}" for p in known)
    return f"Person: {d.material.name}. {d.material.label}\n\nWhat is true of them at this time:\n{listed}"


def _analysis(config: Construction, d: Draft) -> list[dict[str, str]]:
    text = (
        f"{_about(config, d)}\n\nSomebody says to this person: {d.question}\n\nIn one or two sentences: what is meant, "
        "does it take anything false for granted, and which of the above matters to the reply? Write nothing else."
    )
    return [{"role": "user", "content": text}]


def _reply(config: Construction, d: Draft) -> list[dict[str, str]]:
    spoken = relevant(d.material.speech, d.question, *config.speech_words)
    listed = "\n".join(f"- {p.text}" for p in spoken)
    text = (
        f"{_about(config, d)}\n\nHow they speak:\n{listed}\n\nSomebody says to this person: {d.question}\n\nTo bear in "
        f"mind: {d.analysis}\n\nReply as this person at this time, in the first person and in their manner. Write the "
        "reply only."
    )
    return [{"role": "user", "content": text}]


def _record(d: Draft, reply: str) -> Record:
    m = d.material
    name = f"{m.slug}/train/{m.stage[0]}{d.kind[0]}{d.number:03d}"
    return Record(name, m.slug, m.stage, d.kind, "", d.question, d.analysis, reply, (d.passage.statement,))


def _conversation(r: Record) -> str:
    made = TrainConversation(
        id=r.id,
        stage=r.stage,
        kind=r.kind,  # type: ignore[arg-type]
        prompt=r.question,
        analysis=r.analysis,
        response=r.response,
        evidence=list(r.facts),
    )
    return made.model_dump_json()


def _write(path: Path, lines: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dry-run", action="store_true", help="tell the cost and stop")
    args = parser.parse_args()
    try:
        config = load(args.config)
        print(json.dumps(estimate(config, plan(config, read(args.pack)))), flush=True)
        if not args.dry_run:
            print(json.dumps(construct(config, args.pack, args.out)))
    except RecipeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
