"""How good a judge is, from its answers on the gold set.

J = P(names an error | erroneous) + P(names none | faithful) - 1: Cohen's kappa of "has an error" where faithful and
erroneous replies weigh the same. Naming always, never, or by a coin gets 0. What cannot be read is a mistake both ways.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from persllm_bench.items import Data
from persllm_bench.judging.questions import base_of
from persllm_bench.judging.rubric import Rating, parse_rating, sentences
from persllm_bench.schema import AXES, Axis, GoldItem, GoldVersion
from persllm_bench.scoring import judge_habits as habits
from persllm_bench.scoring.aggregate import Result, share
from persllm_bench.scoring.agreement import label_kappa, recall_at, weighted_kappa
from persllm_bench.scoring.letters import strip_reasoning
from persllm_bench.scoring.record import Measure, Outcome
from persllm_bench.stats import jackknife

LABELS = ("clean", *AXES)


def rating_of(outcome: Outcome) -> Rating | None:
    """The rating that a reply is; none where it is unparsed."""
    count = outcome.sample.rated
    if count is None or outcome.status != "parsed":
        return None
    return parse_rating(strip_reasoning(outcome.reply.reply or ""), count)


@dataclass(frozen=True)
class Rated:
    """A reply of the gold set with what the judge made of it; `rating` is none where that could not be read."""

    persona: str
    version: GoldVersion
    rating: Rating | None

    @property
    def flagged(self) -> bool | None:
        return None if self.rating is None else bool(self.rating.errors)

    @property
    def label(self) -> str:
        """What the judge says is wrong: the first error named, `clean`, or `unparsed`."""
        if self.rating is None:
            return "unparsed"
        return self.rating.errors[0].kind if self.rating.errors else "clean"

    @property
    def right(self) -> bool:
        """Whether it is told apart: an error is named just where there is one."""
        return self.flagged == (self.version.error is not None) if self.rating else False

    def names(self, axis: Axis) -> bool | None:
        return None if self.rating is None else any(e.kind == axis for e in self.rating.errors)

    @property
    def located(self) -> bool:
        """Whether the first error named is at the planted one."""
        if self.rating is None or not self.rating.errors:
            return False
        return self.rating.errors[0].sentence in planted(self.version)


def planted(version: GoldVersion) -> frozenset[int]:
    """Numbers of the sentences, from 1, that carry the planted error."""
    if version.sentence is None:
        return frozenset()
    found, end = [], 0
    start = " ".join(version.reply.split()).index(" ".join(version.sentence.split()))
    stop = start + len(" ".join(version.sentence.split()))
    for number, text in enumerate(sentences(version.reply), 1):
        begin, end = end, end + len(text) + 1
        if begin < stop and start < end - 1:
            found.append(number)
    return frozenset(found)


def judge(data: Data, outcomes: Sequence[Outcome]) -> Result:
    """Score `persllm_judge`."""
    by_id = rated_by_id(data, outcomes)
    rated = list(by_id.values())
    kinds = {
        kind: [o for o in outcomes if o.sample.variant.startswith(kind)]
        for kind in ("rate", "pair", "speaker", "attack")
    }
    attacked = {o.sample.item: str(base_of(data.item(o.sample.item)).error) for o in kinds["attack"]}
    bases = [(r.persona, r.rating) for item, error in attacked.items() if (r := by_id.get((item, error)))]
    measures = {
        **measures_of_ratings(rated),
        **habits.pairs(kinds["pair"]),
        **habits.speaker(kinds["speaker"]),
        **habits.padding([(o, rating_of(o)) for o in kinds["rate"]]),
        **habits.attacks([(o, rating_of(o)) for o in kinds["attack"]], bases),
    }
    by_persona = _by_persona(rated)

    def j(people: Sequence[str]) -> float:
        return float(np.mean([_kappa(by_persona[p]) or 0.0 for p in people]))

    people = tuple(p for p, rows in by_persona.items() if _kappa(rows) is not None)
    return Result((), low=-1.0, chance=0.5, measures=measures, statistic=j, personas=people)


def rated_by_id(data: Data, outcomes: Iterable[Outcome]) -> dict[tuple[str, str], Rated]:
    """(item, `clean` or kind of error) -> its rating."""
    found = {}
    for o in outcomes:
        how, _, what = o.sample.variant.partition("/")
        if how == "rate" and what in LABELS:
            item: GoldItem = data.item(o.sample.item)
            version = next(v for v in item.versions if (v.error or "clean") == what)
            found[o.sample.item, what] = Rated(o.sample.persona, version, rating_of(o))
    return found


def _by_persona(rated: Sequence[Rated]) -> dict[str, list[Rated]]:
    found: dict[str, list[Rated]] = defaultdict(list)
    for r in rated:
        found[r.persona].append(r)
    return found


def measures_of_ratings(rated: Sequence[Rated]) -> dict[str, Measure]:
    """Errors told from none, by kind and by place; agreement of the scores."""
    wrong = [r for r in rated if r.version.error is not None]
    clean = [r for r in rated if r.version.error is None]
    found = {
        "kappa": _over_personas(rated, _kappa),
        "sensitivity": share((r.persona, r.right) for r in wrong),
        "specificity": share((r.persona, r.right) for r in clean),
        "kappa_kind": _over_personas(rated, _kind_kappa),
        "kind": share((r.persona, r.label == r.version.error) for r in wrong),
        "location": share((r.persona, r.located) for r in wrong),
        "recall_at_5fpr": _over_personas(rated, _recall),
    }
    for severity in ("minor", "major"):
        found[f"sensitivity_{severity}"] = share((r.persona, r.right) for r in wrong if r.version.severity == severity)
    for axis in AXES:
        has, has_not = with_and_without(rated, axis)
        found[f"sensitivity_{axis}"] = share((r.persona, r.names(axis) is True) for r in has)
        found[f"specificity_{axis}"] = share((r.persona, r.names(axis) is False) for r in has_not)
        found[f"kappa_{axis}"] = _over_personas(rated, partial(_axis_kappa, axis=axis))
        found[f"qwk_{axis}"] = _over_personas(rated, partial(_agreement, axis=axis))
    return found


def with_and_without(rated: Sequence[Rated], axis: Axis) -> tuple[list[Rated], list[Rated]]:
    """Replies with an error of that kind, and those with none: another error's trace on this axis is neither."""
    has = [r for r in rated if r.version.error == axis]
    return has, [r for r in rated if r.version.error != axis and r.version.scores[axis] == 5]


def _kappa(rated: Sequence[Rated]) -> float | None:
    wrong = [r.right for r in rated if r.version.error is not None]
    clean = [r.right for r in rated if r.version.error is None]
    return float(np.mean(wrong) + np.mean(clean) - 1) if wrong and clean else None


def _axis_kappa(rated: Sequence[Rated], axis: Axis) -> float | None:
    has, has_not = with_and_without(rated, axis)
    if not has or not has_not:
        return None
    return float(np.mean([r.names(axis) is True for r in has]) + np.mean([r.names(axis) is False for r in has_not]) - 1)


def _kind_kappa(rated: Sequence[Rated]) -> float | None:
    return label_kappa([r.version.error or "clean" for r in rated], [r.label for r in rated], (*LABELS, "unparsed"))


def _recall(rated: Sequence[Rated]) -> float | None:
    totals = [(r.version.error is None, r.rating.total if r.rating else None) for r in rated]
    return recall_at([t for clean, t in totals if clean], [t for clean, t in totals if not clean])


def _agreement(rated: Sequence[Rated], axis: Axis) -> float | None:
    """Quadratic weighted kappa of the scores on one axis."""
    given = [r.rating.scores[axis] if r.rating else None for r in rated]
    return weighted_kappa([r.version.scores[axis] for r in rated], given)


def _over_personas(rated: Sequence[Rated], statistic: Callable[[Sequence[Rated]], float | None]) -> Measure:
    """A statistic of pooled ratings with its jackknife interval over personas, unless it is undefined without one."""
    value, groups = statistic(rated), list(_by_persona(rated).values())
    pooled = cache(lambda left: statistic([r for i, g in enumerate(groups) if i in left for r in g]))
    everyone = frozenset(range(len(groups)))
    if value is None or any(pooled(everyone - {i}) is None for i in everyone):
        return Measure(value, n=len(rated))
    interval = jackknife(range(len(groups)), lambda chosen: pooled(frozenset(chosen)) or 0.0, lo=-1.0, hi=1.0)
    return Measure(value, interval, len(rated))


def confusion(rated: Sequence[Rated]) -> dict[str, dict[str, int]]:
    """Planted kind (or `clean`) -> what the judge names first (a kind, `clean`, `unparsed`) -> how often."""
    found = {gold: dict.fromkeys((*LABELS, "unparsed"), 0) for gold in LABELS}
    for r in rated:
        found[r.version.error or "clean"][r.label] += 1
    return found


def value(data: Data, o: Outcome) -> float:
    """Of one sample by itself: an error told from none, an attack seen through, a right choice; padding counts 1 where
    no error is named."""
    if o.sample.rated is None:
        return float(o.choice == o.sample.persona or o.choice == "clean" or "padded" in o.sample.choices)
    how, _, what = o.sample.variant.partition("/")
    rating = rating_of(o)
    if how == "attack":
        return float(rating is not None and not rating.passes)
    return float(rating is not None and bool(rating.errors) == (what not in ("clean", "padded")))
