"""How faithful a run's free text is, from a judge's ratings of it, and what remains once the judge's errors are taken
out.

Per sentence, after the atomic-level measures of Shin et al. (arXiv 2506.19352), with the labels right (1) and wrong (0)
in the place of their scores: ACC is the share of right sentences; IC, consistency within a reply, 1 less the standard
deviation of its labels over the greatest possible (1/2); RC, consistency over two wordings of a question, 1 less the
distance of their shares (the earth mover's distance of two-valued labels).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from persllm_bench.judging.correction import Labels, corrected
from persllm_bench.judging.rubric import Rating
from persllm_bench.schema import AXES
from persllm_bench.scoring.aggregate import share
from persllm_bench.scoring.judge import Rated, rating_of, with_and_without
from persllm_bench.scoring.record import Measure, Outcome
from persllm_bench.stats import Interval, clustered_mean


@dataclass(frozen=True)
class Figure:
    """A share of replies: `raw` as the judge says, `corrected` for its errors; none where that cannot be done."""

    name: str
    raw: Measure
    corrected: Interval | None


def figures(outcomes: Sequence[Outcome], gold: Sequence[Rated]) -> list[Figure]:
    """Shares of replies with an error: any, any per task, and per kind; `gold` are the judge's ratings of the gold set.

    A reply counts as faithful only where a judge says so: what cannot be read counts as an error, here and, for the
    correction, on the gold set, so that both sides mean the same.
    """
    rated = [(o, rating_of(o)) for o in outcomes]
    wrong = [r for r in gold if r.version.error is not None]
    calm = [r for r in gold if r.version.error is None]
    hits = _labels((r.persona, r.flagged is not False) for r in wrong)
    rejections = _labels((r.persona, r.flagged is False) for r in calm)
    found = []
    bases = dict.fromkeys(o.sample.variant.split("/")[0] for o in outcomes)
    for name, chosen in (
        ("any", rated),
        *((b, [x for x in rated if x[0].sample.variant.startswith(b)]) for b in bases),
    ):
        flags = [(o.sample.persona, r is None or bool(r.errors)) for o, r in chosen]
        found.append(_figure(name, flags, hits, rejections))
    for axis in AXES:
        has, has_not = with_and_without(gold, axis)
        flags = [(o.sample.persona, r is None or any(e.kind == axis for e in r.errors)) for o, r in rated]
        axis_hits = _labels((r.persona, r.names(axis) is not False) for r in has)
        found.append(_figure(axis, flags, axis_hits, _labels((r.persona, r.names(axis) is False) for r in has_not)))
    return found


def _figure(name: str, flags: list[tuple[str, bool]], hits: Labels, rejections: Labels) -> Figure:
    usable = bool(flags) and any(map(len, hits.values())) and any(map(len, rejections.values()))
    return Figure(f"error_{name}", share(flags), corrected(_labels(flags), hits, rejections) if usable else None)


def _labels(pairs: object) -> dict[str, list[bool]]:
    found: dict[str, list[bool]] = defaultdict(list)
    for persona, label in pairs:  # type: ignore[attr-defined]
        found[persona].append(label)
    return dict(found)


def measures(outcomes: Sequence[Outcome]) -> dict[str, Measure]:
    """Raw measures of a run's ratings: `acc`, `ic`, `rc`, mean scores per axis (1-5), `drift` (share with an error in
    the last reply of a talk less that in the first) and `unparsed`. Over ratings that could be read, but for the last.
    """
    read = [(o, r) for o in outcomes if (r := rating_of(o)) is not None]
    right = [(o, accuracy(r, o.sample.rated or 0)) for o, r in read]
    found = {
        "acc": share((o.sample.persona, a) for o, a in right),
        "ic": share((o.sample.persona, 1 - 2 * float(np.sqrt(a * (1 - a)))) for o, a in right if o.sample.rated),
        "rc": share(_retest(right)),
    }
    for axis in AXES:
        scores = [(o.sample.persona, r.scores[axis]) for o, r in read]
        found[f"score_{axis}"] = _mean(scores, 1, 5)
    found["drift"] = _mean(_drift(read), -1, 1)
    return found | {"unparsed": share((o.sample.persona, o.status != "parsed") for o in outcomes)}


def accuracy(rating: Rating, count: int) -> float:
    """Share of a reply's sentences in which no error is named; 0 of an empty reply."""
    return 1 - len({e.sentence for e in rating.errors}) / count if count else 0.0


def _retest(right: Sequence[tuple[Outcome, float]]) -> list[tuple[str, float]]:
    wordings: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for o, a in right:
        if o.sample.variant.startswith("open/"):
            wordings[o.sample.persona, o.sample.item, o.sample.stage].append(a)
    return [(persona, 1 - abs(w[0] - w[1])) for (persona, _, _), w in wordings.items() if len(w) == 2]


def _drift(read: Sequence[tuple[Outcome, Rating]]) -> list[tuple[str, float]]:
    talks: dict[tuple[str, str, str, str], dict[str, bool]] = defaultdict(dict)
    for o, r in read:
        base, _, rest = o.sample.variant.partition("/")
        if base != "open":
            arm, turn, _ = rest.split("/")
            talks[o.sample.persona, o.sample.item, o.sample.stage, f"{base}/{arm}"][turn] = bool(r.errors)
    return [(key[0], float(t[max(t)]) - float(t["turn1"])) for key, t in talks.items() if len(t) == 2]


def _mean(pairs: Sequence[tuple[str, float]], low: float, high: float) -> Measure:
    if not pairs:
        return Measure(None)
    interval = clustered_mean([float(v) for _, v in pairs], [p for p, _ in pairs], lo=low, hi=high)
    return Measure(interval.estimate, interval, len(pairs))
