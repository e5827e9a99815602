"""Does a model, asked again, say what a submission says it said? Pure: draws the samples and judges the replies.

A live conversation is not played again but asked call by call, each with the transcript of the submission before it, so
that every reply stands by itself and one that was invented is found where it was put in.
"""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from scipy.stats import binom

from persllm_bench.items import Data
from persllm_bench.prompts import Condition
from persllm_bench.samples import Sample
from persllm_bench.scoring import Reply
from persllm_bench.scoring.score import asked, join, parse, sample_value
from persllm_bench.stats import Interval, cluster_t
from persllm_bench.submissions.validation import Bundle
from persllm_bench.suite import task

MARGIN = 2.0
"""Points of the mean value of a reply (0 to 100) within which two runs count as equal."""
ALPHA = 0.01
"""Of the agreement test: so often an honest submission fails it by chance, at most."""
SHARE, ENOUGH = 0.1, 600
"""Level 2 asks so much again, but at least so many calls: of 600, 2 % invented are found 19 times in 20."""
NATS = 0.1
"""Log-likelihoods that differ by no more are the same."""


@dataclass(frozen=True)
class Drawn:
    """Samples of one task under one condition, with the replies of the submission."""

    condition: Condition
    task: str
    samples: list[Sample]
    replies: list[Reply]


def draw(bundle: Bundle, data: Data, seed: str, share: float | None = None) -> list[Drawn]:
    """Whole items of every persona, task and condition, by a public string that nobody knew before submission.

    share: of the items, at least two a persona; None: SHARE, or more until there are ENOUGH calls; 1: everything.
    """
    total = sum(map(len, bundle.replies.values()))
    share = share or min(1.0, max(SHARE, ENOUGH / total))
    found = []
    for (condition, name), rows in bundle.replies.items():
        personas = bundle.submission.conditions[condition].personas
        pairs = join(asked(task(name), data, rows, condition, personas), rows)
        items: dict[str, list[str]] = defaultdict(list)
        for sample, _ in pairs:
            if sample.item not in items[sample.persona]:
                items[sample.persona].append(sample.item)
        chosen = set()
        for persona, names in items.items():
            text = "|".join((seed, bundle.sha256, condition, name, persona))
            rng = random.Random(hashlib.sha256(text.encode()).digest())
            chosen |= {(persona, item) for item in rng.sample(names, min(len(names), max(2, ceil(share * len(names)))))}
        kept = [(s, r) for s, r in pairs if (s.persona, s.item) in chosen]
        found.append(Drawn(condition, name, [s for s, _ in kept], [r for _, r in kept]))
    return found


@dataclass(frozen=True)
class Row:
    """One task under one condition: calls, how many of them agree with the new run, and mean values (0 to 100)."""

    condition: Condition
    task: str
    calls: int
    agree: int
    control: int
    """How many of the same calls agree between the two new runs."""
    submitted: float
    again: float


@dataclass(frozen=True)
class Comparison:
    """The verdict on a submission and what it rests on."""

    rows: list[Row]
    difference: Interval
    """Submission minus new run, points, mean of per-persona means over tasks; the 90 % interval of a TOST at 5 %."""
    only_submission: int
    """Calls on which the submission differs from the new run and the control does not."""
    only_control: int
    p_agreement: float
    """Of so many or more such calls, were the submission as good as the control (exact McNemar, one-sided)."""

    @property
    def equivalent(self) -> bool:
        return self.difference.low > -MARGIN and self.difference.high < MARGIN

    @property
    def agrees(self) -> bool:
        return self.p_agreement >= ALPHA

    @property
    def passes(self) -> bool:
        return self.equivalent and self.agrees

    def told(self) -> list[str]:
        """The verdict in words, a line for each of its grounds."""
        d = self.difference
        calls = sum(row.calls for row in self.rows)
        return [
            f"score: submission - new run {d.estimate:+.2f} points, 90 % interval [{d.low:.2f}, {d.high:.2f}] over "
            f"{d.clusters} personas; within +-{MARGIN:g}: {'yes' if self.equivalent else 'NO'}",
            f"replies: of {calls} calls {self.only_submission} differ in the submission only, {self.only_control} in "
            f"the control only; p = {self.p_agreement:.2g}, at least {ALPHA}: {'yes' if self.agrees else 'NO'}",
            f"re-run {'passed' if self.passes else 'FAILED'}",
        ]


def compare(
    data: Data, drawn: Sequence[Drawn], again: Sequence[list[Reply]], control: Sequence[list[Reply]]
) -> Comparison:
    """Compare a submission with a new run and with a control, the same model on the same machine in other batches.

    again, control: replies in the order of `drawn` and of its samples. Two one-sided tests: Schuirmann 1987, on paired
    per-persona differences; agreement: McNemar 1947, exact.
    """
    rows: list[Row] = []
    gaps: dict[str, list[float]] = defaultdict(list)
    only_submission = only_control = 0
    for part, new, other in zip(drawn, again, control, strict=True):
        agree = [same(a, b) for a, b in zip(part.replies, new, strict=True)]
        steady = [same(a, b) for a, b in zip(other, new, strict=True)]
        only_submission += sum(s and not a for a, s in zip(agree, steady, strict=True))
        only_control += sum(a and not s for a, s in zip(agree, steady, strict=True))
        before, after = (_values(data, part.samples, replies) for replies in (part.replies, new))
        for persona in before:
            gaps[persona].append(100 * float(np.mean(before[persona]) - np.mean(after[persona])))
        means = [100 * float(np.mean([v for vs in found.values() for v in vs])) for found in (before, after)]
        rows.append(Row(part.condition, part.task, len(agree), sum(agree), sum(steady), *means))
    difference = cluster_t([float(np.mean(found)) for found in gaps.values()], level=0.9)
    p = float(binom.sf(only_submission - 1, only_submission + only_control, 0.5))
    return Comparison(rows, difference, only_submission, only_control, p)


def same(a: Reply, b: Reply) -> bool:
    """The same words, blanks at the ends aside, or the same log-likelihoods within NATS; a failure equals nothing."""
    if a.loglikelihoods and b.loglikelihoods:
        pairs = [(getattr(a.loglikelihoods, n), getattr(b.loglikelihoods, n)) for n in ("given", "baseline")]
        return all(len(x) == len(y) and np.allclose(x, y, rtol=0, atol=NATS) for x, y in pairs)
    return a.reply is not None and b.reply is not None and a.reply.strip() == b.reply.strip()


def _values(data: Data, samples: Sequence[Sample], replies: Sequence[Reply]) -> dict[str, list[float]]:
    """Values of replies by persona; utterances of live tasks have none."""
    found: dict[str, list[float]] = defaultdict(list)
    for sample, reply in zip(samples, replies, strict=True):
        if sample.choices or sample.task == "open":
            found[sample.persona].append(sample_value(data, parse(sample, reply)))
    return found
