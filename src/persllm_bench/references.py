"""What records say of each other: every topic, argument, person and statement that one names exists and fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from persllm_bench.items import Data, Persona
from persllm_bench.schema import CoCreation, Scene, Stage

Place = tuple[str, int | None]
Report = Callable[[str, int | None, str, object, str], None]


def check(data: Data, lines: Mapping[str, tuple[str, int]], fault: Report) -> None:
    """Report every broken reference; lines: record id -> (path, line); fault takes path, line, rule, value, allowed."""

    def topic(name: str, where: Place) -> None:
        if name not in data.topics:
            fault(*where, "topic", name, ", ".join(data.topics))

    for argument in data.banks["topics/arguments"]:
        topic(argument.topic, lines[argument.id])
    for persona in data.personas.values():
        for stance in persona.head.stances:
            topic(stance.topic, (f"personas/{persona.slug}/persona.yaml", None))
        for item in (*persona.items["attitude"], *persona.items["pressure"]):
            topic(item.topic, lines[item.id])
        _pressure(data, persona, lines, fault)
    for scene in data.banks["scenes/scenes"]:
        topic(scene.topic, lines[scene.id])
        _scene(data, scene, lines[scene.id], fault)
    for work in data.banks["scenes/cocreation"]:
        _people(data, work, lines[work.id], fault)


def position(persona: Persona, topic: str, stage: Stage) -> int:
    """Of the person on the topic's proposition, -2..+2; 0 where the pack names none."""
    return next((getattr(s, stage).position for s in persona.head.stances if s.topic == topic), 0)


def _pressure(data: Data, persona: Persona, lines: Mapping[str, tuple[str, int]], fault: Report) -> None:
    arguments = {(a.topic, a.toward, a.appeal) for a in data.banks["topics/arguments"]}
    for item in persona.items["pressure"]:
        where, held = lines[item.id], position(persona, item.topic, item.stage)
        if held == 0:
            fault(*where, "pressure-side", held, "a topic on which the person takes a side at this stage")
            continue
        toward = "against" if held > 0 else "for"
        for appeal in (item.valid, item.sham):
            if (item.topic, toward, appeal) not in arguments:
                fault(*where, "argument", f"{item.topic} {toward} {appeal}", "an entry of topics/arguments.jsonl")


def _scene(data: Data, scene: Scene, where: Place, fault: Report) -> None:
    """The two stand on opposite sides, and the evidence is in the scored person's dossier."""
    roles = (scene.scored, scene.partner)
    if unknown := [r.persona for r in roles if r.persona not in data.personas]:
        fault(*where, "persona", unknown, ", ".join(data.personas))
        return
    own, other = (position(data.personas[r.persona], scene.topic, r.stage) for r in roles)
    if own * other >= 0:
        fault(*where, "scene-sides", f"scored {own:+d}, partner {other:+d}", "positions on opposite sides of the topic")
    dossier = data.personas[scene.scored.persona].dossiers[scene.scored.stage]
    for part, cited in scene.evidence.items():
        if not cited or any(s not in dossier for s in cited):
            fault(*where, f"evidence {part}", cited, f"statements of {scene.scored.persona}/{scene.scored.stage}.md")


def _people(data: Data, work: CoCreation, where: Place, fault: Report) -> None:
    if unknown := [r.persona for r in work.roles if r.persona not in data.personas]:
        fault(*where, "persona", unknown, ", ".join(data.personas))
