"""Which texts are alike: cosine of TF-IDF over words and pairs of words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

PATTERN = r"(?u)\b\w+\b"


def similarities(texts: Sequence[str], others: Sequence[str] | None = None) -> np.ndarray:
    """(texts, others) cosines in [0, 1]; without `others` of the texts with each other."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=PATTERN)
    words.fit([*texts, *(others or [])])
    left = words.transform(texts)
    right = left if others is None else words.transform(others)
    return np.asarray((left @ right.T).todense())


def near_duplicates(texts: Sequence[str], threshold: float) -> list[int]:
    """Indices of the texts that are kept: none is as alike as the threshold to one kept before it."""
    if len(texts) < 2:
        return list(range(len(texts)))
    alike = similarities(texts) >= threshold - 1e-9
    kept: list[int] = []
    for i in range(len(texts)):
        if not alike[i, kept].any():
            kept.append(i)
    return kept
