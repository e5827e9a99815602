"""Inspect's `hf` model with a memory: what prompts share is computed once, as in the other face (`lm_eval_prefix`).

Inspect fills its batches as replies come, so what prompts share is looked up batch by batch.
"""

from __future__ import annotations

import logging
from typing import Any

import torch

from persllm_bench import prefixes
from persllm_bench.faces.key_values import Store, after, free_bytes, lay_out, why_not, window
from persllm_bench.samples import LETTER_TOKENS
from persllm_bench.usage import Usage

log = logging.getLogger(__name__)


class PrefixGenerate:
    """In place of `model.generate`: the same tokens, fewer of them computed.

    A model that cannot use kept states, or has layers with a window, is left as it is, with a warning that says what
    this costs; so it is once memory runs out.
    """

    def __init__(self, model: Any, pad: int):
        self.model, self.pad, self.whole = model, pad, model.generate
        self.store: Store | None = None
        self.usage = Usage()
        """Of what Inspect counts itself only `reused` and `kept`."""
        if reason := why_not(model) or ("layers with a window" if window(model) else ""):
            self._stop(reason)
        else:
            self.store = Store(free_bytes(model.device) // 3)

    def _stop(self, reason: str) -> None:
        log.warning("no prefix cache (%s): every prompt is computed whole, several times slower with dossiers", reason)
        self.store = None

    def __call__(self, *, input_ids: torch.Tensor, attention_mask: torch.Tensor, **settings: Any) -> Any:
        if self.store is not None:
            try:
                return self._from_kept(self.store, input_ids, attention_mask, settings)
            except (RuntimeError, MemoryError) as error:
                if not (isinstance(error, torch.OutOfMemoryError | MemoryError) or "allocate memory" in str(error)):
                    raise
                self._stop(str(error) if type(error) is MemoryError and str(error) else "out of memory")
        return self.whole(input_ids=input_ids, attention_mask=attention_mask, **settings)

    def _from_kept(self, store: Store, input_ids: torch.Tensor, seen: torch.Tensor, settings: dict[str, Any]) -> Any:
        rows = [row[at.bool()].cpu().numpy() for row, at in zip(input_ids, seen, strict=True)]
        for group in prefixes.groups([row.tolist() for row in rows]):
            self.usage.kept += store.keep(self.model, rows[group.members[0]], group.shared)
        starts = [store.longest(row) for row in rows]
        ids, mask, cache = lay_out(rows, starts, self.pad, input_ids.device)
        found = self.whole(input_ids=ids, attention_mask=mask, past_key_values=cache, **settings)
        self.usage.reused += sum(n for _, n in starts)
        if settings.get("max_new_tokens", 0) > LETTER_TOKENS:  # no letter: perhaps a talk that goes on
            for kept in after(cache, found.sequences, mask):
                store.add(kept)
        found.sequences = torch.cat([input_ids, found.sequences[:, ids.shape[1] :]], dim=1)
        return found
