"""Live conversations in lm-eval: call k of a conversation is a request type of its own, rendered when its turn comes.

lm-eval runs one request type after the other over all documents, so that the calls of one round are batched over all
conversations, and every reply of the round before is there when a prompt is rendered. The cache sees plain
`generate_until` requests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM, CachingLM

from persllm_bench.conversation import Conversation
from persllm_bench.samples import Sample

Arguments = tuple[str, dict[str, Any]]


def open_call_types(rounds: int) -> None:
    """Make `generate_until_call{k}` an alias of `generate_until` on every model and on lm-eval's cache around it."""
    for k in range(rounds):
        for kind in (LM, CachingLM):
            if not hasattr(kind, f"generate_until_call{k}"):
                setattr(kind, f"generate_until_call{k}", lambda self, requests: self.generate_until(requests))


class LiveCall(Instance):
    """One call of a conversation; `args` needs the replies of all earlier rounds and is built once they are there."""

    @classmethod
    def plan(
        cls, talk: Conversation, arguments: Callable[[Sample], Arguments], doc: dict[str, Any], metadata: tuple
    ) -> list[Instance]:
        """All calls of a conversation, in order."""
        found: list[Instance] = []
        calls: dict[str, LiveCall] = {}
        for number, names in enumerate(talk.rounds):
            for name in names:
                call = cls(f"generate_until_call{number}", doc, (talk.id,), len(found), metadata=metadata)
                call.talk, call.name, call.build, call.calls = talk, name, arguments, calls
                found.append(call)
            calls |= {c.name: c for c in found[-len(names) :]}
        return found

    talk: Conversation
    name: str
    build: Callable[[Sample], Arguments]
    calls: dict[str, LiveCall]
    _args: Arguments | None = None

    @property
    def goes_on(self) -> bool:
        """Whether later calls go on from the reply; a private probe is seen by nobody."""
        return "probe" not in self.name

    @property
    def args(self) -> Arguments:
        if self._args is None:
            replies = {name: c.resps[0] for name, c in self.calls.items() if c.resps}
            self._args = self.build(self.talk.call(self.name, replies))
        return self._args
