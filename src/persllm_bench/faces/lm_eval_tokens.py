"""A mixin for lm-eval's local models: every text is tokenised once."""

from __future__ import annotations

from typing import Any

import numpy as np

ENCODED = 20_000
"""Texts whose tokens are remembered; at 1,500 tokens each about 300 MB with the texts."""


class OnceTokenised:
    """Before a model class in the bases of another. The length check before a run, the order of requests and the
    model's own code all ask for the tokens of the same prompt."""

    _encoded: dict[str, np.ndarray]

    def tok_encode(self, string: str | list[str], *args: Any, **kwargs: Any) -> Any:
        """As the model class's."""
        stock = super().tok_encode  # type: ignore[misc]
        if args or kwargs:
            return stock(string, *args, **kwargs)
        if not isinstance(string, str):
            return [self.tok_encode(text) for text in string]
        known = self.__dict__.setdefault("_encoded", {})
        if string not in known:
            if len(known) >= ENCODED:
                known.clear()
            known[string] = np.array(stock(string), dtype=np.int32)
        return known[string].tolist()
