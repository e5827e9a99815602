"""Co-creation scenes as conversations: each thinks alone, then two or three talk, then each says what they made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from persllm_bench import prompts
from persllm_bench.conversation import LIVE_TOKENS, Conversation, spoken
from persllm_bench.items import Data
from persllm_bench.prompts import Condition, Message
from persllm_bench.samples import Sample
from persllm_bench.schema import CoCreation, Stage

ROUNDS = 3
ARM = "cocreate"
ALONE = "Before the others are here: what would you make of it alone? Say it in at most four sentences."
BEGIN = "(You speak first.)"
TOGETHER = "The talk is over. What have you made together? Write it down in at most four sentences."


@dataclass(frozen=True)
class WorkTalk(Conversation):
    """`turn0/solo-i`, then `turn1..3/say-i` in the order of the roles, then `turn4/outcome-i`, for role i."""

    systems: tuple[Message, ...]
    names: tuple[str, ...]
    """What each is called by the others."""
    item: str
    persona: str
    stage: Stage
    arm: str = ARM
    task: str = "dialogue"

    @cached_property
    def rounds(self) -> tuple[tuple[str, ...], ...]:
        roles = range(len(self.systems))
        said = [(f"turn{turn}/say-{i}",) for turn in range(1, ROUNDS + 1) for i in roles]
        alone, together = (
            tuple(f"turn{t}/{what}-{i}" for i in roles) for t, what in ((0, "solo"), (ROUNDS + 1, "outcome"))
        )
        return (alone, *said, together)

    def call(self, name: str, replies: Mapping[str, str | None]) -> Sample:
        what, role = name.split("/")[1].split("-")
        me = int(role)
        messages = [self.systems[me]]
        if what == "solo":
            messages.append(Message("user", ALONE))
        else:
            before = [call for (call, *_) in self.rounds[1:-1]]
            heard = before[: before.index(name)] if what == "say" else before
            messages += self._heard(me, heard, replies, TOGETHER if what == "outcome" else "")
        variant = f"{self.arm}/{name}"
        return replace(
            Sample(self.task, self.item, self.persona, self.stage, variant, ()),
            messages=tuple(messages),
            max_tokens=LIVE_TOKENS,
        )

    def _heard(self, me: int, calls: Sequence[str], replies: Mapping[str, str | None], last: str) -> list[Message]:
        """The talk as `me` heard it: the others' lines with their names, in one message where nobody spoke between."""
        talk: list[Message] = []
        waiting = [BEGIN] if me == 0 else []
        for call in calls:
            who, line = int(call.split("-")[1]), spoken(replies[call])
            if who != me:
                waiting.append(f"{self.names[who]}: {line}")
                continue
            talk += [Message("user", "\n\n".join(waiting)), Message("assistant", line)]
            waiting = []
        return [*talk, Message("user", "\n\n".join([*waiting, *filter(None, [last])]))]


def work_talks(data: Data, slugs: set[str], condition: Condition) -> list[WorkTalk]:
    """Every co-creation scene whose first person is among `slugs`; in the `name` condition all must be trained."""
    talks = []
    for scene in data.banks["scenes/cocreation"]:
        people = [data.personas[r.persona] for r in scene.roles]
        if people[0].slug not in slugs or (condition == "name" and not all(p.head.trained for p in people)):
            continue
        names = [p.name for p in people] if condition != "none" else [f"Person {i + 1}" for i in range(len(people))]
        if condition == "swapped":
            names = [prompts.swapped(name, p) for name, p in zip(names, people, strict=True)]
        talks.append(
            WorkTalk(
                systems=tuple(_system(data, scene, i, names, condition) for i in range(len(people))),
                names=tuple(names),
                item=scene.id,
                persona=people[0].slug,
                stage=scene.roles[0].stage,
            )
        )
    return talks


def _system(data: Data, scene: CoCreation, me: int, names: Sequence[str], condition: Condition) -> Message:
    role = scene.roles[me]
    who = prompts.system_message(data, data.personas[role.persona], role.stage, condition).content
    others = " and ".join(name for i, name in enumerate(names) if i != me)
    place = (
        f"You are working with {others}. {scene.setting} The task: {scene.brief} When they are there, say what you say "
        "next, in at most three sentences, and nothing else."
    )
    return Message("system", f"{who}\n\n{place}")
