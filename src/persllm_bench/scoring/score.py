"""Joins replies to the samples that must have been asked, parses them, and hands them to the task's scorer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from persllm_bench.conversation import Conversation
from persllm_bench.items import Data
from persllm_bench.judging.rubric import parse_rating
from persllm_bench.prompts import Condition
from persllm_bench.samples import Sample
from persllm_bench.scoring import choice, free, induction, judge, likelihood, live, traits
from persllm_bench.scoring.aggregate import Result, summarise
from persllm_bench.scoring.keys import right_choices
from persllm_bench.scoring.letters import parse_letter, strip_reasoning
from persllm_bench.scoring.record import Measure, Outcome, Reply, TaskScore
from persllm_bench.suite import Task, task

SCORERS: dict[str, Callable[[Data, Sequence[Outcome]], Result]] = {
    "knowledge": choice.knowledge,
    "attitude": choice.attitude,
    "traits": traits.traits,
    "open": free.open_replies,
    "premise": induction.premise,
    "identity": induction.identity,
    "pressure": live.pressure,
    "dialogue": live.dialogue,
    "judge": judge.judge,
}


class ReplyMismatch(ValueError):
    """The replies are not those of the samples: missing, extra, repeated, or asked with another prompt. `faults` has
    a line for each."""

    def __init__(self, what: str, faults: Sequence[str]):
        self.faults = tuple(faults)
        super().__init__(f"{len(faults)} {what}:\n" + "\n".join(faults))


def score(
    task_name: str, data: Data, replies: Iterable[Reply], condition: Condition, personas: Iterable[str] = ()
) -> TaskScore:
    """Score one task of one run from its raw replies.

    Raises:
        ReplyMismatch: a sample without a reply or a reply without a sample; the message lists them.
        ValueError: unknown task, condition or persona.
    """
    spec, rows = task(task_name), list(replies)
    return score_samples(spec, data, asked(spec, data, rows, condition, personas), rows, condition)


def asked(
    spec: Task, data: Data, replies: Sequence[Reply], condition: Condition, personas: Iterable[str] = ()
) -> list[Sample]:
    """Every sample of a task; those of a live task are built again from the replies. Raises like `score`."""
    if spec.kind == "live":
        return spoken_samples(spec.conversations(data, condition, personas), replies)
    return spec.samples(data, condition, personas)


def score_conversations(
    spec: Task, data: Data, talks: Sequence[Conversation], replies: Sequence[Reply], condition: Condition
) -> TaskScore:
    """As `score`, over live conversations that are at hand."""
    return score_samples(spec, data, spoken_samples(talks, replies), replies, condition)


def spoken_samples(talks: Sequence[Conversation], replies: Sequence[Reply]) -> list[Sample]:
    """The calls of live conversations: every prompt is built again from the replies before it.

    Raises:
        ReplyMismatch: a call without a reply.
    """
    given: dict[str, dict[str, str | None]] = defaultdict(dict)
    for r in replies:
        arm, _, name = r.variant.partition("/")
        given["|".join((r.persona, r.item, r.stage, arm))][name] = r.reply
    missing = [
        f"no reply: {t.id}/{name}" for t in talks for calls in t.rounds for name in calls if name not in given[t.id]
    ]
    if missing:
        raise ReplyMismatch("call(s) without a reply", missing)
    return [s for t in talks for s in t.samples(given[t.id])]


def score_samples(
    spec: Task, data: Data, samples: Sequence[Sample], replies: Sequence[Reply], condition: Condition
) -> TaskScore:
    """As `score`, over samples that are at hand."""
    outcomes = [parse(sample, reply) for sample, reply in join(samples, replies)]
    result = likelihood.likelihood(data, outcomes) if spec.kind == "likelihood" else SCORERS[spec.base](data, outcomes)
    bad = sum(o.status != "parsed" for o in outcomes)
    overall, by_persona, adds = summarise(result, trained_track=condition == "name")
    return TaskScore(
        task=spec.name,
        condition=condition,
        score=overall,
        chance=result.chance,
        items=len({(s.persona, s.item) for s in samples}),
        samples=len(samples),
        unparsed=bad / len(samples) if samples else 0.0,
        by_persona=by_persona,
        adds=adds,
        measures={**result.measures, "unparsed": Measure(bad / len(samples) if samples else None, n=len(samples))},
        outcomes=tuple(outcomes),
    )


def join(samples: Sequence[Sample], replies: Sequence[Reply]) -> list[tuple[Sample, Reply]]:
    """Pairs in the order of `samples`.

    Raises:
        ReplyMismatch: unless the replies are those of the samples, once each, with the same prompts.
    """
    counts = Counter(r.sample_id for r in replies)
    given = {r.sample_id: r for r in replies}
    wanted = {s.id: s for s in samples}
    faults = [f"asked {n} times: {name}" for name, n in counts.items() if n > 1]
    faults += [f"no reply: {name}" for name in wanted if name not in given]
    faults += [f"no such sample: {name}" for name in given if name not in wanted]
    faults += [
        f"another prompt than this version's: {name}"
        for name, reply in given.items()
        if name in wanted and wanted[name].prompt_sha256 != reply.prompt_sha256
    ]
    if faults:
        raise ReplyMismatch("mismatch(es) between replies and samples", faults)
    return [(sample, given[sample.id]) for sample in samples]


def parse(sample: Sample, reply: Reply) -> Outcome:
    """The outcome of one sample; a failure is an outcome too."""
    if reply.error is not None or (reply.reply is None and reply.loglikelihoods is None):
        return Outcome(sample, reply, "error")
    if sample.continuations:
        sums = reply.loglikelihoods
        whole = sums and len(sums.given) == len(sums.baseline) == len(sample.continuations)
        return Outcome(sample, reply, "parsed" if whole else "unparsed")
    text = reply.reply or ""
    if sample.rated is not None:
        if parse_rating(strip_reasoning(text), sample.rated) is not None:
            return Outcome(sample, reply, "parsed")
        return Outcome(sample, reply, "truncated" if reply.finish_reason == "length" else "unparsed")
    if not sample.choices:
        return Outcome(sample, reply, "parsed" if strip_reasoning(text) else "unparsed")
    index = parse_letter(text, len(sample.choices))
    if index is None:
        return Outcome(sample, reply, "truncated" if reply.finish_reason == "length" else "unparsed")
    return Outcome(sample, reply, "parsed", sample.choices[index])


def sample_value(data: Data, outcome: Outcome) -> float:
    """The value of one sample by itself, in [0, 1]: right or wrong, credit of acc_pmi, chrF++ of an open reply, the
    side that a probe takes, an error told from none; 1 for a live utterance."""
    if outcome.status != "parsed":
        return 0.0
    if outcome.sample.continuations:
        return likelihood.credit(outcome, "acc_pmi", right_choices(data, outcome.sample))
    if outcome.sample.task == "judge":
        return judge.value(data, outcome)
    if outcome.sample.task in ("pressure", "dialogue"):
        return live.on_own_side(data, outcome) if outcome.sample.choices else 1.0
    if not outcome.sample.choices:
        return free.closeness(data, outcome)
    return float(outcome.choice in right_choices(data, outcome.sample))
