"""A mixin for lm-eval's local models: every text is tokenised once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

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

    def tok_batch_encode(
        self,
        strings: Sequence[str],
        padding_side: str = "left",
        left_truncate_len: int | None = None,
        truncation: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As the model class's, (texts, tokens) ids and mask; by it where it would cut any or finds others."""
        stock = partial(super().tok_batch_encode, left_truncate_len=left_truncate_len, truncation=truncation)  # type: ignore[misc]
        rows = [torch.tensor(self.tok_encode(text)) for text in strings]
        cut = truncation or (left_truncate_len and max(map(len, rows)) > left_truncate_len)
        if cut or not torch.equal(stock(strings[:1])[0][0], rows[0]):
            return stock(strings, padding_side)
        pad = self.tokenizer.pad_token_id  # type: ignore[attr-defined]
        seen = [torch.ones_like(row) for row in rows]
        return pad_sequence(rows, True, pad, padding_side), pad_sequence(seen, True, 0, padding_side)
