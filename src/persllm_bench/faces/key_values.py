"""Key-value states of token sequences: kept within a budget, and laid out as the start of a padded batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
import torch
from transformers import DynamicCache

from persllm_bench.prefixes import common

Layers = list[tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True, eq=False)
class Kept:
    """The states of `tokens`: per layer keys and values, each (heads, tokens, head size)."""

    tokens: np.ndarray
    layers: Layers

    @property
    def bytes(self) -> int:
        return sum(keys.nbytes + values.nbytes for keys, values in self.layers)


Start = tuple[Kept | None, int]
"""States to start from, and how many of their tokens."""


class Store:
    """Kept states; those not used for longest are dropped once all together exceed `budget` bytes."""

    def __init__(self, budget: int):
        self.budget = budget
        self._kept: list[Kept] = []

    def add(self, kept: Kept) -> None:
        """Keep it in place of those that it goes on from."""
        self._kept = [k for k in self._kept if common(k.tokens, kept.tokens) < len(k.tokens)]
        self._kept.append(kept)
        while sum(k.bytes for k in self._kept) > self.budget:
            self._kept.pop(0)

    def keep(self, model: Any, prompt: np.ndarray, shared: int) -> int:
        """Make sure that the first `shared` tokens are kept; returns how many were computed for it.

        Raises:
            MemoryError: they need more than the budget.
        """
        if (start := self.longest(prompt))[1] >= shared:
            return 0
        kept = compute(model, prompt[:shared], start)
        if kept.bytes > self.budget:
            need = f"a shared prefix of {shared} tokens needs {kept.bytes:,} bytes, {self.budget:,} are free"
            raise MemoryError(need)
        self.add(kept)
        return shared - start[1]

    def longest(self, tokens: np.ndarray) -> Start:
        """What is kept of the beginning of `tokens`: never all of them, since a reply needs one to be computed."""
        found = [(min(common(k.tokens, tokens), len(tokens) - 1), k) for k in self._kept]
        length, kept = max(found, key=lambda f: f[0], default=(0, None))
        if kept is None or not length:
            return None, 0
        self._kept.remove(kept)
        self._kept.append(kept)
        return kept, length


def lay_out(rows: Sequence[np.ndarray], starts: Sequence[Start], pad: int, device: Any) -> tuple[Any, Any, Any]:
    """Token ids and mask (rows, longest start + longest rest), and the cache that holds the starts.

    Starts end and rests end in one column each, so that padding stands before either.
    """
    first, rest = max(n for _, n in starts), max(len(r) - n for r, (_, n) in zip(rows, starts, strict=True))
    ids = np.full((len(rows), first + rest), pad)
    mask = np.zeros_like(ids)
    for i, (row, (_, n)) in enumerate(zip(rows, starts, strict=True)):
        for stop, part in ((first, row[:n]), (first + rest, row[n:])):
            ids[i, stop - len(part) : stop], mask[i, stop - len(part) : stop] = part, 1
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device), _cache(starts, first)


def _cache(starts: Sequence[Start], length: int) -> DynamicCache:
    cache = DynamicCache()
    layers = next((kept.layers for kept, n in starts if kept and n), [])
    for number, layer in enumerate(layers):
        both = []
        for part, states in enumerate(layer):
            if len({(id(kept), n) for kept, n in starts}) == 1:
                both.append(states[None, :, :length].expand(len(starts), -1, -1, -1))
                continue
            batch = states.new_zeros(len(starts), states.shape[0], length, states.shape[2])
            for row, (kept, n) in zip(batch, starts, strict=True):
                if kept and n:
                    row[:, length - n :] = kept.layers[number][part][:, :n]
            both.append(batch)
        cache.update(both[0], both[1], number)
    return cache


def compute(model: Any, tokens: np.ndarray, start: Start) -> Kept:
    """The states of `tokens`, going on from those of a beginning."""
    ids, mask, cache = lay_out([tokens], [start], 0, model.device)
    few_logits = {"logits_to_keep": 1} if model._supports_logits_to_keep() else {}
    with torch.no_grad():
        model(ids[:, start[1] :], attention_mask=mask, past_key_values=cache, use_cache=True, **few_logits)
    return next(iter(rows_of(cache, [tokens], mask)))


def rows_of(cache: DynamicCache, rows: Sequence[np.ndarray], mask: Any) -> list[Kept]:
    """The states of each row of a batch, without its padding; `mask` is (rows, tokens in the cache)."""
    places = [m.nonzero()[:, 0] for m in mask.bool()]
    return [
        Kept(row, [(x.keys[i][:, at.to(x.keys.device)], x.values[i][:, at.to(x.keys.device)]) for x in cache.layers])
        for i, (row, at) in enumerate(zip(rows, places, strict=True))
    ]


def after(cache: DynamicCache, found: torch.Tensor, mask: torch.Tensor) -> list[Kept]:
    """The states of each row of a batch that was generated: prompt and reply, but for the reply's last token. `mask` is
    the prompts'."""
    new = cache.get_seq_length() - mask.shape[1]
    seen = torch.cat([mask, mask.new_ones(len(mask), new)], dim=1).bool()
    rows = [row[: len(m)][m].cpu().numpy() for row, m in zip(found, seen, strict=True)]
    return rows_of(cache, rows, seen)


def window(model: Any) -> int | None:
    """The shortest sliding or chunked window of a layer, in tokens; None if all layers see everything."""
    layers = DynamicCache(config=model.config).layers
    return min((layer.sliding_window for layer in layers if layer.is_sliding), default=None)


def free_bytes(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available


def why_not(model: Any) -> str:
    """Why states cannot be kept for a model, found out by trying: two padded rows whole and from kept states. Empty
    if the logits agree."""
    nothing: Start = (None, 0)
    try:
        vocabulary = model.config.get_text_config().vocab_size
        rows = [np.arange(9) % vocabulary, np.arange(2, 14) % vocabulary]
        starts = [(compute(model, row[:n], nothing), n) for row, n in zip(rows, (6, 4), strict=True)]
        whole, kept = (_logits(model, *lay_out(rows, s, 0, model.device)) for s in ([nothing] * 2, starts))
    except Exception as error:  # model code of any author may raise anything
        return f"{type(error).__name__}: {error}"
    off = float((whole - kept).abs().max() / (whole.max() - whole.min()))
    allowed = 1e-3 if model.dtype == torch.float32 else 0.05
    return "" if off <= allowed else f"logits differ by {off:.2g} of their range, allowed is {allowed:g}"


def _logits(model: Any, ids: Any, mask: Any, cache: DynamicCache) -> torch.Tensor:
    options = {"max_new_tokens": 1, "do_sample": False, "return_dict_in_generate": True, "output_logits": True}
    found = model.generate(ids, attention_mask=mask, past_key_values=cache, pad_token_id=0, **options)
    return found.logits[0].float()
