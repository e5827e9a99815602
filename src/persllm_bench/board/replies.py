"""Replies of one task of a bundle, read on demand and joined with what was asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from persllm_bench.board.shown import Option, Probe, Reply, Statement, Turn
from persllm_bench.board.units import right
from persllm_bench.cocreation import WorkTalk
from persllm_bench.conversation import DIRECTIONS, Conversation, PressureTalk
from persllm_bench.dialogue import SceneTalk
from persllm_bench.items import Data
from persllm_bench.prompts import LETTERS, Condition
from persllm_bench.schema import InventoryItem, PressureItem, Scenario, Scene
from persllm_bench.scoring import Outcome
from persllm_bench.scoring import Reply as Row
from persllm_bench.scoring.keys import right_choices
from persllm_bench.scoring.likelihood import best
from persllm_bench.scoring.live import own_side_of
from persllm_bench.scoring.score import parse
from persllm_bench.submissions import BadBundle, folder_tree, seal
from persllm_bench.submissions.bundle import MAX_EXPANDED, Faults, rows
from persllm_bench.suite import task as task_of

WORST = ("error", "truncated", "unparsed", "parsed")


def replies(
    folder: Path, where: str, sha256: str, data: Data, condition: Condition, name: str, persona: str = ""
) -> list[Reply]:
    """A bundle's replies to one task under one condition, of one persona or of all; a live talk is one reply.

    sha256: the content hash of the bundle that was validated; only what has it is read.

    Raises:
        ValueError: nothing in `folder`, another content than that, faults in it (BadBundle), or no such task in it.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not there: replies are read from the folder of submissions; say where it is")
    sealed = seal(folder_tree(folder), where, data)
    if sealed.sha256 != sha256:
        raise ValueError(f"{folder} has changed since the board was built: build it again")
    path = f"samples/{condition}/{name}.jsonl.zst"
    if path not in sealed.files:
        told = ", ".join(f"{task} under {c}" for c, task in sealed.submission.files.values())
        raise ValueError(f"{where} has no replies to {name} under {condition}; it has {told}")
    faults = Faults(where)
    found, _ = rows(sealed.files[path], path, MAX_EXPANDED, faults)
    if faults.found:
        raise BadBundle(faults.all())
    given = {row.sample_id: row for row in found.values()}
    spec, personas = task_of(name), sealed.submission.conditions[condition].personas
    if persona and not spec.quick and persona in (personas or data.personas):
        personas = [persona]
    if spec.kind == "live":
        talks = spec.conversations(data, condition, personas)
        return [_talk(data, t, given) for t in talks if persona in ("", t.persona)]
    asked = spec.samples(data, condition, personas)
    return [_single(data, parse(s, given[s.id])) for s in asked if persona in ("", s.persona)]


def _single(data: Data, o: Outcome) -> Reply:
    s, row = o.sample, o.reply
    likely = row.loglikelihoods and {"given": row.loglikelihoods.given, "baseline": row.loglikelihoods.baseline}
    return Reply(
        id=s.id,
        persona=s.persona,
        stage=s.stage,
        item=s.item,
        variant=s.variant,
        messages=tuple(m.as_dict() for m in s.messages),
        options=tuple(_options(o, right_choices(data, s))) if s.choices else (),
        reply=row.reply,
        parse=o.status,
        credit=right(data, o),
        evidence=tuple(_evidence(data, s.persona, s.item, s.stage)),
        finish=row.finish_reason,
        error=row.error,
        loglikelihoods=likely or None,
        references=tuple(getattr(data.item(s.item), "references", {}).get(s.stage, ())),
    )


def _options(o: Outcome, right: frozenset[str]) -> Iterator[Option]:
    s = o.sample
    picked = best(o, "acc_pmi") if s.baseline else [i for i, choice in enumerate(s.choices) if choice == o.choice]
    for i, (choice, text) in enumerate(zip(s.choices, s.options, strict=True)):
        yield Option("" if s.baseline else LETTERS[i], text, choice in right, i in picked)


def _talk(data: Data, talk: Conversation, given: Mapping[str, Row]) -> Reply:
    said = {name: given[f"{talk.id}/{name}"] for calls in talk.rounds for name in calls}
    replied = {name: row.reply for name, row in said.items()}
    outcomes = {name: parse(talk.call(name, replied), row) for name, row in said.items()}
    worth = [v for o in outcomes.values() if (v := right(data, o)) is not None]
    turns, systems = _turns(talk, replied)
    return Reply(
        id=talk.id,
        persona=talk.persona,
        stage=talk.stage,
        item=talk.item,
        variant=talk.arm,
        messages=tuple({"role": "system", "content": text} for text in systems),
        parse=min((o.status for o in outcomes.values()), key=WORST.index),
        credit=fmean(worth) if worth else None,
        evidence=tuple(_evidence(data, talk.persona, talk.item, talk.stage, talk.arm)),
        turns=tuple(turns),
        probes=tuple(_probes(data, outcomes)),
        setting=_setting(data, talk),
    )


def _turns(talk: Conversation, replied: Mapping[str, str | None]) -> tuple[list[Turn], list[str]]:
    """What was said in order, and the system messages."""
    if isinstance(talk, PressureTalk):
        pairs = [
            (Turn(t, "user", text, True), Turn(t, "model", replied[f"turn{t}/reply"] or "", False))
            for t, text in enumerate(talk.turns, 1)
        ]
        return [turn for pair in pairs for turn in pair], [talk.system.content]
    if isinstance(talk, SceneTalk):
        found = []
        for turn, side in talk.utterances:
            scripted = side == "partner" and turn in talk.scripted
            text = talk.scripted[turn] if scripted else replied[f"turn{turn}/{side}"] or ""
            found.append(Turn(turn, side, text, scripted))
        return found, [m.content for m in talk.systems.values()]
    assert isinstance(talk, WorkTalk)
    calls = [name for names in talk.rounds for name in names]
    return [Turn(int(name[4]), talk.names[int(name.split("-")[1])], replied[name] or "", False) for name in calls], [
        m.content for m in talk.systems
    ]


def _probes(data: Data, outcomes: Mapping[str, Outcome]) -> Iterator[Probe]:
    pairs: dict[tuple[int, str], dict[str, Outcome]] = defaultdict(dict)
    for name, o in outcomes.items():
        if o.sample.choices:
            turn, what = name.split("/")
            kind, _, direction = what.rpartition("-")
            pairs[int(turn[4:]), kind][direction] = o
    for (when, kind), both in sorted(pairs.items()):
        where, _, who = kind.partition("-")
        letters = {d: _letter(both[d]) for d in DIRECTIONS if d in both}
        marks = [float(o.choice) for o in both.values() if o.choice is not None]
        side = own_side_of(data, next(iter(both.values())).sample.item)
        position = side * fmean(marks) if len(marks) == len(DIRECTIONS) else None
        yield Probe(when, who or "model", where == "probe", letters, position)


def _letter(o: Outcome) -> str | None:
    return None if o.choice is None else LETTERS[o.sample.choices.index(o.choice)]


def _setting(data: Data, talk: Conversation) -> dict[str, str]:
    told = {"arm": talk.arm}
    item = data.item(talk.item)
    if isinstance(talk, PressureTalk | SceneTalk):
        told["proposition"] = talk.proposition
    for name in ("tactic", "setting", "brief"):
        if hasattr(item, name) and (name != "tactic" or talk.arm == "pressure"):
            told[name] = getattr(item, name)
    return told


def _evidence(data: Data, persona: str, name: str, stage: str, arm: str = "") -> Iterator[Statement]:
    """The statements that settle a sample, of the persona's own dossier whatever the condition."""
    item, pack = data.item(name), data.personas[persona]
    if isinstance(item, Scenario | InventoryItem):
        target = pack.head.stages[stage].big_five[item.trait]  # type: ignore[index]
        yield Statement(f"{stage}/{item.trait}", f"{target.score:g} of 5: {target.reason}")
        return
    cited = getattr(item, "evidence", None) or []
    if isinstance(item, PressureItem | Scene):
        parts: Sequence[str] = ("stance", *({"pressure": (), "neutral": ()}.get(arm, (arm,))))
        cited = [s for part in parts for s in item.evidence.get(part, ())]  # type: ignore[call-overload]
    elif isinstance(cited, dict):
        cited = cited.get(stage, [])
    for statement in dict.fromkeys(cited):
        yield Statement(f"{stage}/{statement}", pack.dossiers[stage][statement])  # type: ignore[index]
