"""Scenes between two personas as conversations: four rounds, private probes before, between and after, a public one at
the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from persllm_bench import prompts
from persllm_bench.conversation import DIRECTIONS, LIVE_TOKENS, PRIVATE, PUBLIC, Conversation, probe, spoken
from persllm_bench.items import Data
from persllm_bench.prompts import Condition, Message
from persllm_bench.samples import LETTER_TOKENS, Sample
from persllm_bench.schema import Scene, Stage

ROUNDS = 4
SCENE_ARMS = ("plain", "mover", "neutral")
Side = Literal["scored", "partner"]
SIDES: tuple[Side, ...] = ("scored", "partner")
BEGIN = "(You speak first.)"


@dataclass(frozen=True)
class SceneTalk(Conversation):
    """One arm of a scene. In `plain` and `mover` the model plays both sides but for one scripted partner turn; in
    `neutral` the partner only makes neutral talk."""

    scene: Scene
    systems: dict[Side, Message]
    proposition: str
    scripted: dict[int, str]
    """Round -> what the partner says, where that is not the model's."""
    item: str
    persona: str
    stage: Stage
    arm: str
    task: str = "dialogue"

    @cached_property
    def utterances(self) -> tuple[tuple[int, Side], ...]:
        second: Side = "partner" if self.scene.first == "scored" else "scored"
        return tuple((turn, side) for turn in range(1, ROUNDS + 1) for side in (self.scene.first, second))

    @cached_property
    def rounds(self) -> tuple[tuple[str, ...], ...]:
        plan: list[tuple[str, ...]] = []
        probes = self._probes(0)
        for turn, side in self.utterances:
            said = () if side == "partner" and turn in self.scripted else (f"turn{turn}/{side}",)
            plan.append((*probes, *said))
            probes = self._probes(turn) if side != self.scene.first else ()
        return tuple(calls for calls in (*plan, probes) if calls)

    def _probes(self, turn: int) -> tuple[str, ...]:
        asked = SIDES if self.arm == "plain" else ("scored",)
        private = tuple(f"turn{turn}/probe-{side}-{d}" for side in asked for d in DIRECTIONS)
        public = tuple(f"turn{turn}/public-scored-{d}" for d in DIRECTIONS)
        return private + (public if turn == ROUNDS else ())

    def call(self, name: str, replies: Mapping[str, str | None]) -> Sample:
        turn, what = int(name[4]), name.split("/")[1]
        base = Sample(self.task, self.item, self.persona, self.stage, f"{self.arm}/{name}", ())
        if "-" not in what:
            speaker: Side = "partner" if what == "partner" else "scored"
            talk = self._talk(speaker, self.utterances.index((turn, speaker)), replies)
            return replace(base, messages=tuple(talk), max_tokens=LIVE_TOKENS)
        where, side, direction = what.split("-")
        user, choices, texts = probe(self.proposition, direction, PUBLIC if where == "public" else PRIVATE)
        talk = self._talk("partner" if side == "partner" else "scored", 2 * turn, replies)
        if talk[-1].role == "user":
            user = f"{talk.pop().content}\n\n{user}"
        messages = (*talk, Message("user", user))
        return replace(base, messages=messages, choices=choices, options=texts, max_tokens=LETTER_TOKENS)

    def _talk(self, side: Side, upto: int, replies: Mapping[str, str | None]) -> list[Message]:
        """What `side` has heard and said in the first `upto` utterances."""
        talk = [self.systems[side]]
        if self.scene.first == side:
            talk.append(Message("user", BEGIN))
        for turn, speaker in self.utterances[:upto]:
            talk.append(Message("assistant" if speaker == side else "user", self.line(turn, speaker, replies)))
        return talk

    def line(self, turn: int, side: Side, replies: Mapping[str, str | None]) -> str:
        """What was said there, scripted or live, as the other heard it."""
        if side == "partner" and turn in self.scripted:
            return self.scripted[turn]
        return spoken(replies[f"turn{turn}/{side}"])


def scene_talks(data: Data, slugs: set[str], condition: Condition) -> list[SceneTalk]:
    """Every scene, in every arm, whose scored person is among `slugs`; in the `name` condition both must be trained."""
    talks = []
    for scene in data.banks["scenes/scenes"]:
        both = {scene.scored.persona, scene.partner.persona}
        if scene.scored.persona not in slugs or (
            condition == "name" and not all(data.personas[p].head.trained for p in both)
        ):
            continue
        for arm in SCENE_ARMS:
            talks.append(
                SceneTalk(
                    scene=scene,
                    systems={side: _system(data, scene, side, condition) for side in SIDES},
                    proposition=data.topics[scene.topic].proposition,
                    scripted=_scripted(data, scene, arm, condition),
                    item=scene.id,
                    persona=scene.scored.persona,
                    stage=scene.scored.stage,
                    arm=arm,
                )
            )
    return talks


def _scripted(data: Data, scene: Scene, arm: str, condition: Condition) -> dict[int, str]:
    if arm == "neutral":
        neutral = data.banks["topics/neutral"]
        return dict(enumerate(neutral[sum(map(ord, scene.id)) % len(neutral)].turns[:ROUNDS], 1))
    text = scene.mover if arm == "mover" else scene.plain
    if condition == "swapped":
        text = _swapped(data, scene, text)
    return {scene.turn: text}


def _system(data: Data, scene: Scene, side: Side, condition: Condition) -> Message:
    """The persona's system message, and the scene. `none` and `wrong` apply to the scored person only."""
    role: dict[Side, tuple[str, Stage]] = {
        "scored": (scene.scored.persona, scene.scored.stage),
        "partner": (scene.partner.persona, scene.partner.stage),
    }
    slug, stage = role[side]
    own: Condition = "profile" if side == "partner" and condition in ("none", "wrong") else condition
    other = (
        "somebody" if condition == "none" else data.personas[role["partner" if side == "scored" else "scored"][0]].name
    )
    place = (
        f"You are talking with {other}. {scene.setting} You speak about this claim: "
        f'"{data.topics[scene.topic].proposition}" Say what you say next, in at most three sentences, and nothing else.'
    )
    place = _swapped(data, scene, place) if condition == "swapped" else place
    system = prompts.system_message(data, data.personas[slug], stage, own)
    return Message("system", f"{system.content}\n\n{place}")


def _swapped(data: Data, scene: Scene, text: str) -> str:
    for slug in (scene.scored.persona, scene.partner.persona):
        text = prompts.swapped(text, data.personas[slug])
    return text
