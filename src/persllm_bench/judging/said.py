"""What a run said that a judge can rate, as rating requests: open replies, first and last replies of each talk."""

from __future__ import annotations

import re
from collections.abc import Sequence

from persllm_bench.items import Data
from persllm_bench.judging.rubric import rating_sample, role_message
from persllm_bench.prompts import Condition
from persllm_bench.runs import RunError, RunFacts, RunFolder
from persllm_bench.samples import Sample
from persllm_bench.scoring import Reply
from persllm_bench.scoring.score import asked, join
from persllm_bench.suite import TASKS, task

SAID = {
    "open": re.compile(r"wording\d"),
    "pressure": re.compile(r"[a-z]+/turn[15]/reply"),
    "dialogue": re.compile(r"(plain|mover|neutral)/turn[14]/scored"),
}
"""Task -> the variants that are rated."""
RATABLE = tuple(name for name, t in TASKS.items() if t.base in SAID and t.kind != "likelihood")


def tasks_of(run: RunFolder, wanted: Sequence[str] = ()) -> list[str]:
    """The tasks of a run that hold something to rate.

    Raises:
        RunError: none, or one that is wanted is not there; the message lists what is.
    """
    there = [name for name in RATABLE if name in run.done()]
    if lacking := [name for name in wanted if name not in there]:
        raise RunError(f"{run.path} has no free text of {', '.join(lacking)}; it has {', '.join(there) or 'none'}")
    if not there:
        raise RunError(f"{run.path} has nothing to rate; there are {', '.join(RATABLE)}")
    return [name for name in there if not wanted or name in wanted]


def rating_samples(data: Data, known: RunFacts, name: str, replies: Sequence[Reply]) -> list[Sample]:
    """The requests to rate what a task of a run said, in the order of the task.

    Raises:
        ReplyMismatch: see `scoring.score.join`.
    """
    spec = task(name)
    pairs = join(asked(spec, data, replies, known.condition, known.personas), replies)
    said = [(s, r) for s, r in pairs if not s.choices and SAID[spec.base].fullmatch(s.variant)]
    return [request(data, s, reply.reply, known.condition) for s, reply in said]


def request(data: Data, said: Sample, reply: str | None, condition: Condition) -> Sample:
    """The request to rate the reply to `said`; one that failed is an empty reply.

    The judge is told the person's own dossier, whatever the run was told; with names replaced where the run's were.
    """
    told: Condition = "swapped" if condition == "swapped" else "profile"
    role = role_message(data, data.personas[said.persona], said.stage, told)
    names = {"task": "fidelity", "item": said.item, "persona": said.persona, "stage": said.stage}
    question = said.messages[-1].content
    return rating_sample(role, question, reply or "", **names, variant=f"{said.task}/{said.variant}")
