"""Live conversations in lm-eval: call k of a conversation is a request type of its own, rendered when its turn comes.

lm-eval runs one request type after the other over all documents, so that the calls of one round are batched over all
conversations, and every reply of the round before is there when a prompt is rendered. The cache sees plain
`generate_until` requests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM, CachingLM
from lm_eval.api.registry import get_model

from persllm_bench.conversation import Conversation
from persllm_bench.samples import Sample

Arguments = tuple[str, dict[str, Any]]


def open_call_types(rounds: int) -> None:
    """Make `generate_until_call{k}` a kind of `generate_until` on every model and on lm-eval's cache around it."""
    for k in range(rounds):
        for kind in (LM, CachingLM):
            if not hasattr(kind, f"generate_until_call{k}"):
                setattr(kind, f"generate_until_call{k}", _generate)


class Unanswered(str):
    """In the place of a reply that a partner failed to give: the error. Nothing more is asked in that conversation."""


def _generate(lm: LM | CachingLM, requests: Sequence[LiveCall]) -> list[str]:
    """Replies in the order of `requests`: a scene partner's from the partner model where there is one."""
    replies: dict[int, str] = {i: failed for i, r in enumerate(requests) if (failed := r.failed) is not None}
    for partner in (None, *dict.fromkeys(r.partner for r in requests if r.partner is not None)):
        chosen = [(i, r) for i, r in enumerate(requests) if r.partner is partner and i not in replies]
        speaker = lm
        if partner is not None and isinstance(lm, CachingLM):
            speaker = CachingLM(partner, lm.cache_db + ".partner")
        elif partner is not None:
            speaker = partner
        ask = speaker.generate_until if partner is None else partial(_partner_says, speaker)
        found = ask([r for _, r in chosen]) if chosen else []
        replies |= {i: reply for (i, _), reply in zip(chosen, found, strict=True)}
    return [replies[i] for i in range(len(requests))]


def _partner_says(partner: LM | CachingLM, requests: list[LiveCall]) -> list[str]:
    """A partner that fails on one call is asked for the others one by one; a failing model under test stops the run."""
    for request in requests:
        _ = request.args  # raises here what is wrong with the prompt, which is no failure of the partner
    try:
        return partner.generate_until(requests)
    except Exception as error:  # whatever a model or server raises; it is recorded, never dropped
        if len(requests) == 1:
            return [Unanswered(f"{type(error).__name__}: {error}")]
    return [reply for request in requests for reply in _partner_says(partner, [request])]


@lru_cache(maxsize=1)
def partner_model(described: str) -> LM:
    """The model that speaks for scene partners, from lm-eval's name and arguments: `hf,pretrained=DIR,dtype=float32`.

    Raises:
        ValueError: no such kind of model, or no arguments.
    """
    name, _, arguments = described.partition(",")
    if not arguments:
        raise ValueError(f"partner is {described!r}; it must be lm-eval's model name and arguments: hf,pretrained=DIR")
    if name == "hf" and "device=" not in arguments:
        import torch

        arguments += ",device=" + ("cuda" if torch.cuda.is_available() else "cpu")
    return get_model(name).create_from_arg_string(arguments, {"batch_size": 16})


class LiveCall(Instance):
    """One call of a conversation; `args` needs the replies of all earlier rounds and is built once they are there."""

    @classmethod
    def plan(
        cls,
        talk: Conversation,
        arguments: Callable[[Sample, LM | None], Arguments],
        doc: dict[str, Any],
        metadata: tuple,
        partner: LM | None = None,
    ) -> list[Instance]:
        """All calls of a conversation, in order; `arguments` renders one for the model under test, or for a partner."""
        found: list[Instance] = []
        calls: dict[str, LiveCall] = {}
        for number, names in enumerate(talk.rounds):
            for name in names:
                call = cls(f"generate_until_call{number}", doc, (talk.id,), len(found), metadata=metadata)
                call.talk, call.name, call.build, call.calls = talk, name, arguments, calls
                call.partner = partner if "partner" in name else None
                found.append(call)
            calls |= {c.name: c for c in found[-len(names) :]}
        return found

    talk: Conversation
    name: str
    build: Callable[[Sample, LM | None], Arguments]
    partner: LM | None
    calls: dict[str, LiveCall]
    _args: Arguments | None = None

    @property
    def goes_on(self) -> bool:
        """Whether later calls go on from the reply; a probe, and what one thinks alone, is seen by nobody."""
        return not any(kind in self.name for kind in ("probe", "public", "solo", "outcome"))

    @property
    def failed(self) -> Unanswered | None:
        """The failure that ended this conversation before."""
        said = (c.resps[0] for c in self.calls.values() if c.resps)
        return next((reply for reply in said if isinstance(reply, Unanswered)), None)

    @property
    def args(self) -> Arguments:
        if self._args is None:
            replies = {name: c.resps[0] for name, c in self.calls.items() if c.resps}
            self._args = self.build(self.talk.call(self.name, replies), self.partner)
        return self._args
