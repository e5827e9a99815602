"""How often the 95 % intervals of a judge's figures hold the truth, by simulation; prints Markdown for docs/judging.md.

A run has errors in a known share of its replies; a judge misses some and finds some that are none, more or less so for
each person. Its sensitivity and specificity are known from a gold set of the shipped shape only: per person 20
erroneous replies and 4 faithful ones. Rates differ between persons with an intra-cluster correlation of 0.1.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from math import sqrt

import numpy as np

from persllm_bench.judging.correction import corrected, prediction_powered
from persllm_bench.stats import Interval, clustered_mean

PERSONAS, REPLIES, WRONG, FAITHFUL, ICC = 24, 24, 20, 4, 0.1
ERROR_RATES = (0.05, 0.1, 0.2, 0.3, 0.5)
JUDGES = {"lenient": (0.70, 0.95), "strict": (0.90, 0.75), "good": (0.92, 0.96)}
WAYS = ("raw", "corrected", "gold as if drawn", "200 adjudicated")
WITHIN = 3.0
"""Points by which the coverage of a correction may differ from 95 %."""


def rates(rng: np.random.Generator, mean: float) -> np.ndarray:
    size = 1 / ICC - 1
    return rng.beta(mean * size, (1 - mean) * size, PERSONAS)


def labels(rows: np.ndarray, chosen: np.ndarray | None = None) -> dict[str, list[bool]]:
    """(personas, replies) -> persona -> labels, of the chosen replies only."""
    return {str(i): (row if chosen is None else row[chosen[i]]).tolist() for i, row in enumerate(rows)}


def draw(rng: np.random.Generator, error_rate: float, sensitivity: float, specificity: float) -> dict[str, Interval]:
    """One run and one gold set -> the interval of every way to report the share of erroneous replies."""
    se, sp, wrong = (rates(rng, mean) for mean in (sensitivity, specificity, error_rate))
    truth = rng.random((PERSONAS, REPLIES)) < wrong[:, None]
    flagged = rng.random((PERSONAS, REPLIES)) < np.where(truth, se[:, None], 1 - sp[:, None])
    hits = rng.random((PERSONAS, WRONG)) < se[:, None]
    rejections = rng.random((PERSONAS, FAITHFUL)) < sp[:, None]
    adjudicated = np.zeros(truth.size, dtype=bool)
    adjudicated[rng.permutation(truth.size)[:200]] = True
    drawn = adjudicated.reshape(truth.shape)
    gold_judged, gold_truth = np.hstack([hits, ~rejections]), np.arange(WRONG + FAITHFUL) < WRONG
    found = {
        "raw": clustered_mean(flagged.ravel(), np.repeat(np.arange(PERSONAS), REPLIES).tolist()),
        "corrected": corrected(labels(flagged), labels(hits), labels(rejections)),
        "gold as if drawn": prediction_powered(
            labels(flagged), labels(gold_judged), labels(np.broadcast_to(gold_truth, gold_judged.shape))
        ),
        "200 adjudicated": prediction_powered(labels(flagged, ~drawn), labels(flagged, drawn), labels(truth, drawn)),
    }
    return {way: interval for way, interval in found.items() if interval is not None}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(f"| judge | errors in the run | {' | '.join(WAYS)} | mean width, corrected |")
    print(f"|{'---|' * (len(WAYS) + 3)}")
    off = 0
    for name, (se, sp) in JUDGES.items():
        for rate in ERROR_RATES:
            rng, held, width = np.random.default_rng([given.seed, round(1000 * rate), round(1000 * se)]), Counter(), 0.0
            for _ in range(given.draws):
                found = draw(rng, rate, se, sp)
                held.update(way for way, i in found.items() if i.low <= rate <= i.high)
                width += (found["corrected"].high - found["corrected"].low) / given.draws
            share = {way: 100 * held[way] / given.draws for way in WAYS}
            noise = 2 * sqrt(95 * 5 / given.draws)
            off += abs(share["corrected"] - 95) > WITHIN + (noise if given.draws < 1000 else 0)
            cells = " | ".join(f"{share[way]:.1f}" for way in WAYS)
            print(f"| {name} ({se:.2f}, {sp:.2f}) | {rate:.2f} | {cells} | {width:.3f} |", flush=True)
    return int(off > 0)


if __name__ == "__main__":
    sys.exit(main())
