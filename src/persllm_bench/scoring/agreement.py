"""Agreement of a judge with the gold set: pure functions of labels and scores."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.metrics import cohen_kappa_score

FALSE_POSITIVES = 0.05


def weighted_kappa(gold: Sequence[int], given: Sequence[int | None]) -> float | None:
    """Quadratic weighted kappa (Cohen 1968) of scores 1-5 over those given, times the share that was given: a missing
    score agrees with nothing. None where nothing was asked or gold and judge know one score only.
    """
    pairs = [(g, j) for g, j in zip(gold, given, strict=True) if j is not None]
    if not pairs:
        return 0.0 if gold else None
    found = _kappa(pairs, list(range(1, 6)), "quadratic")
    return None if found is None else found * len(pairs) / len(gold)


def label_kappa(gold: Sequence[str], given: Sequence[str], labels: Sequence[str]) -> float | None:
    """Cohen's kappa (1960) of labels; a judge's label that is in no gold label agrees with nothing."""
    return _kappa(list(zip(gold, given, strict=True)), list(labels), None)


def _kappa(pairs: Sequence[tuple[object, object]], labels: list, weights: str | None) -> float | None:
    if not pairs:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sklearn warns of the undefined case, which is None here
        found = float(cohen_kappa_score(*zip(*pairs, strict=True), labels=labels, weights=weights))
    return found if np.isfinite(found) else None


def recall_at(clean: Sequence[float | None], erroneous: Sequence[float | None]) -> float | None:
    """Share of erroneous replies that the judge's total puts below a line below which at most 5 % of the faithful lie.

    Totals are higher for better replies. A missing one is a mistake: of a faithful reply below every line, of an
    erroneous one above. The line is the most lenient that keeps to the 5 %.
    """
    if not clean or not erroneous:
        return None
    low = sorted(-np.inf if t is None else t for t in clean)
    allowed = int(FALSE_POSITIVES * len(low) + 1e-9)
    line = low[allowed]
    if line == -np.inf:
        return 0.0
    return float(np.mean([t is not None and t < line for t in erroneous]))
