"""What a judge's figures say once its errors are taken out of them. Shares of replies with an error, in [0, 1]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np
from scipy import stats as scipy_stats

from persllm_bench.stats import Interval, jackknife

MIN_ADJUDICATED = 200
"""So many replies of a run, drawn at random, must have been rated by people before they correct the judge."""

Labels = Mapping[str, Sequence[float]]
"""Persona -> labels of its replies: 1 an error, 0 none; between the two where people differ."""


def rogan_gladen(flagged: float, sensitivity: float, specificity: float) -> float | None:
    """True share from the share flagged (Rogan and Gladen 1978, eq. 1), cut to [0, 1]; None for a judge that is no
    better than a coin, whose figures say nothing."""
    if sensitivity + specificity <= 1:
        return None
    return min(max((flagged + specificity - 1) / (sensitivity + specificity - 1), 0.0), 1.0)


def corrected(flagged: Labels, hits: Labels, rejections: Labels) -> Interval | None:
    """True share of erroneous replies with its 95 % interval, from `flagged` (per reply of the run: was an error
    named?), `hits` (per erroneous gold reply: was it?) and `rejections` (per faithful gold reply: was none?).

    Assumes transfer: the judge errs on the run as it errs on the gold set. None like `rogan_gladen`. Means of persona
    means; the interval is the delete-one-persona jackknife of the whole estimate, a person leaving gold set and run
    together, with t on personas - 1 degrees of freedom. Where one of the three has no spread over personas, it is at
    least as long as that of Lang and Reiczigel (2014), which does not collapse. One persona: all of [0, 1].

    Raises:
        ValueError: one of the three is empty.
    """
    parts = [{p: float(np.mean(v)) for p, v in part.items() if len(v)} for part in (flagged, hits, rejections)]
    if not all(parts):
        raise ValueError("no labels of the run, of erroneous or of faithful gold replies")
    people = sorted(set().union(*parts))

    def raw(chosen: Sequence[str]) -> float:
        f, se, sp = (np.mean([part[p] for p in chosen if p in part]) for part in parts)
        return float((f + sp - 1) / (se + sp - 1))

    means = [float(np.mean(list(part.values()))) for part in parts]
    estimate = rogan_gladen(*means)
    if estimate is None:
        return None
    if any(len(part) < 2 for part in parts):
        return Interval(estimate, 0.0, 1.0, float("nan"), len(people), "none")
    found = jackknife(people, raw)
    low, high = found.low, found.high
    if any(len(set(part.values())) == 1 for part in parts):
        n, n_wrong, n_faithful = (sum(map(len, part.values())) for part in (flagged, hits, rejections))
        limits = lang_reiczigel(means[0], means[1], means[2], n, n_wrong, n_faithful)
        low, high = min(low, limits[0]), max(high, limits[1])
    low, high = (min(max(limit, 0.0), 1.0) for limit in (low, high))
    return Interval(estimate, min(low, estimate), max(high, estimate), found.se, len(people), "jackknife-t")


def lang_reiczigel(
    flagged: float, sensitivity: float, specificity: float, n: int, n_erroneous: int, n_faithful: int
) -> tuple[float, float]:
    """95 % limits for independent replies (Lang and Reiczigel 2014, Preventive Veterinary Medicine 113, 13-22): two
    successes and two failures are added in all to each share, so that shares of 0 and 1 have a width too."""
    z = float(scipy_stats.norm.ppf(0.975))
    p, n_p = (n * flagged + z * z / 2) / (n + z * z), n + z * z
    se, n_se = (n_erroneous * sensitivity + 1) / (n_erroneous + 2), n_erroneous + 2
    sp, n_sp = (n_faithful * specificity + 1) / (n_faithful + 2), n_faithful + 2
    if se + sp <= 1:
        return 0.0, 1.0
    share = min(max((p + sp - 1) / (se + sp - 1), 0.0), 1.0)
    v_se, v_sp = share * se * (1 - se) / n_se, (1 - share) * sp * (1 - sp) / n_sp
    shift = 2 * z * z * (v_se - v_sp)
    half = z * sqrt(p * (1 - p) / n_p + share * v_se + (1 - share) * v_sp) / (se + sp - 1)
    return min(max(share + shift - half, 0.0), 1.0), min(max(share + shift + half, 0.0), 1.0)


def prediction_powered(judged: Labels, drawn: Labels, truth: Labels) -> Interval | None:
    """Share of erroneous replies with its 95 % interval: the judge's share, plus how far people differ from it on those
    drawn (prediction-powered inference for a mean: Angelopoulos et al. 2023, Science 382, 669-674, algorithm 1).

    `judged`: the judge's label of every reply not drawn; `drawn`, `truth`: judge's and people's labels of those that
    were drawn at random, in the same order. The interval is the delete-one-persona jackknife, as replies of one persona
    go together; theirs takes replies for independent. None with fewer than 200 drawn: nothing is promised then.

    Raises:
        ValueError: `drawn` and `truth` are not labels of the same replies.
    """
    if {p: len(v) for p, v in drawn.items()} != {p: len(v) for p, v in truth.items()}:
        raise ValueError("judge and people must have labelled the same replies")
    people = sorted(set(judged) | set(drawn))
    if sum(map(len, truth.values())) < MIN_ADJUDICATED or len(people) < 2 or not any(judged.values()):
        return None

    def estimate(chosen: Sequence[str]) -> float:
        off = [y - f for p in chosen for y, f in zip(truth.get(p, ()), drawn.get(p, ()), strict=True)]
        return float(np.mean([f for p in chosen for f in judged.get(p, ())]) + np.mean(off))

    found = jackknife(people, estimate)
    low, middle, high = (min(max(x, 0.0), 1.0) for x in (found.low, found.estimate, found.high))
    return Interval(middle, low, high, found.se, found.clusters, "prediction-powered, jackknife-t")
