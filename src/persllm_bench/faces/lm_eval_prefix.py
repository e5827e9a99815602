"""lm-eval's `hf` model with a memory: what prompts share (a dossier, a talk so far) is computed once and kept.

Replies are cut and likelihoods summed by lm-eval's own code; only the order and the calls into the model differ. A
batch starts from kept key-value states and computes the rest of each prompt:

    pad  pad  kept kept | pad  rest rest
    kept kept kept kept | rest rest rest
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, TypeVar

import numpy as np
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from tqdm import tqdm

from persllm_bench import prefixes
from persllm_bench.faces.key_values import Start, Store, after, free_bytes, lay_out, why_not, window
from persllm_bench.faces.lm_eval_tokens import OnceTokenised
from persllm_bench.usage import Usage

log = logging.getLogger(__name__)
Found = TypeVar("Found")


@dataclass(frozen=True)
class Call:
    """A request by its place, its prompt, how much of it the prompts around it share, and whether later prompts go on
    from its reply."""

    place: int
    prompt: np.ndarray
    shared: int
    goes_on: bool


class PrefixLM(OnceTokenised, HFLM):
    """Stock HFLM with kept states: the same replies at float32, fewer tokens computed.

    `prefix_cache=False` makes it stock HFLM. `prefix_memory` bounds the kept states in bytes; by default a third of
    what is free once the model is loaded. For a model that cannot use kept states, and when memory runs out, it goes
    on as stock HFLM and logs a warning that says what this costs.
    """

    def __init__(self, *args: Any, prefix_cache: bool = True, prefix_memory: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.usage = Usage()
        self.store: Store | None = None
        self._calls: dict[bytes, Call] = {}
        self._prefix = np.array([], dtype=np.int64)
        if not prefix_cache:
            return
        settings = {"batch_size=auto": self.batch_size == "auto", "mixed precision": self.mixed_precision_dtype}
        if reason := " and ".join(name for name, given in settings.items() if given) or why_not(self.model):
            self._stop(reason)
        else:
            self.store = Store(prefix_memory or free_bytes(self.device) // 3)
            self._window = window(self.model)

    def _stop(self, reason: str) -> None:
        log.warning("no prefix cache (%s): every prompt is computed whole, several times slower with dossiers", reason)
        self.store = None

    def _guarded(self, kept: Callable[[], Found], whole: Callable[[], Found]) -> Found:
        """`kept()`, or `whole()` once memory has run out."""
        if self.store is not None:
            try:
                return kept()
            except (RuntimeError, MemoryError) as error:
                if not (isinstance(error, torch.OutOfMemoryError | MemoryError) or "allocate memory" in str(error)):
                    raise
                self._stop("out of memory")
        return whole()

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        stock = super().generate_until
        if self.store is None:
            return stock(requests, disable_tqdm=disable_tqdm)
        replies = [""] * len(requests)
        with tqdm(total=len(requests), disable=disable_tqdm or self.rank != 0, desc="Asking") as bar:
            for calls in self._batches(requests):
                ask = partial(stock, [requests[call.place] for call in calls], disable_tqdm=True)
                found = self._guarded(partial(self._from_kept, calls, ask), ask)
                for call, reply in zip(calls, found, strict=True):
                    replies[call.place] = reply
                bar.update(len(calls))
        return replies

    def _batches(self, requests: list[Instance]) -> Iterator[list[Call]]:
        """Calls with equal generation settings, those that share a prefix next to each other."""
        settings: dict[str, list[int]] = defaultdict(list)
        for place, request in enumerate(requests):
            settings[json.dumps(request.args[1], sort_keys=True)].append(place)
        for places in settings.values():
            prompts = [self.tok_encode(requests[place].args[0]) for place in places]
            calls = [
                Call(places[i], np.array(prompts[i]), group.shared, getattr(requests[places[i]], "goes_on", False))
                for group in prefixes.groups(prompts)
                for i in group.members
            ]
            for _, alike in groupby(calls, key=self._rest):
                even = list(alike)
                yield from (even[i : i + self.batch_size] for i in range(0, len(even), self.batch_size))

    def _rest(self, call: Call) -> int:
        """In layers with a window, padding inside a prompt would push tokens out of sight: only equal rests batch."""
        return len(call.prompt) - call.shared if self._window else 0

    def _start(self, call: Call) -> Start:
        kept, n = self.store.longest(call.prompt) if self.store else (None, 0)
        return kept, min(n, call.shared) if self._window else n

    def _from_kept(self, calls: list[Call], ask: Callable[[], list[str]]) -> list[str]:
        for call in calls:
            self._keep(call.prompt, call.shared)
        self._calls = {call.prompt.tobytes(): call for call in calls}
        try:
            return ask()
        finally:
            self._calls = {}

    def _keep(self, prompt: np.ndarray, shared: int) -> None:
        """Make sure that the first `shared` tokens are kept."""
        if self.store is None:
            return
        try:
            self.usage.kept += self.store.keep(self.model, prompt, shared)
        except MemoryError as error:
            self._stop(str(error))

    def _model_generate(self, context: Any, max_length: int, stop: list[str], **settings: Any) -> torch.Tensor:
        mask = settings.pop("attention_mask")
        rows = [row[seen.bool()].cpu().numpy() for row, seen in zip(context, mask, strict=True)]
        calls = [call for row in rows if (call := self._calls.get(row.tobytes()))]
        self.usage.prompt += sum(map(len, rows))
        width = context.shape[1]
        if len(calls) < len(rows):
            found = super()._model_generate(context, max_length, stop, attention_mask=mask, **settings)
        else:
            starts = [self._start(call) for call in calls]
            ids, mask, cache = lay_out(rows, starts, self.tokenizer.pad_token_id, self.device)
            length = max_length + ids.shape[1] - width
            found = super()._model_generate(ids, length, stop, attention_mask=mask, past_key_values=cache, **settings)
            self._remember(calls, found, mask, cache)
            self.usage.reused += sum(n for _, n in starts)
            found = torch.cat([context, found[:, ids.shape[1] :]], dim=1)
        self.usage.generated += int((found[:, width:] != self.tokenizer.pad_token_id).sum())
        return found

    def _remember(self, calls: Sequence[Call], found: torch.Tensor, mask: torch.Tensor, cache: Any) -> None:
        """Keep the talks that go on, reply and all."""
        if self.store is None or self._window or not any(call.goes_on for call in calls):
            return
        for call, kept in zip(calls, after(cache, found, mask), strict=True):
            if call.goes_on:
                self.store.add(kept)

    def _loglikelihood_tokens(self, requests: list[Any], disable_tqdm: bool = False, **settings: Any) -> list[Any]:
        ask = super()._loglikelihood_tokens
        found: list[Any] = [None] * len(requests)
        for group in prefixes.groups([context for _, context, _ in requests]) if self.store else ():
            chosen = [requests[i] for i in group.members]
            these = partial(ask, chosen, disable_tqdm=disable_tqdm, **settings)
            prefix = np.array(chosen[0][1][: group.shared], dtype=np.int64)
            for i, answer in zip(group.members, self._guarded(partial(self._after, prefix, these), these), strict=True):
                found[i] = answer
        return found if None not in found else ask(requests, disable_tqdm=disable_tqdm, **settings)

    def _after(self, prefix: np.ndarray, ask: Callable[[], Found]) -> Found:
        self._keep(np.append(prefix, -1), len(prefix))
        self._prefix = prefix
        try:
            return ask()
        finally:
            self._prefix = prefix[:0]

    def _model_call(self, inps: torch.Tensor, attn_mask: Any = None, labels: Any = None) -> torch.Tensor:
        n = len(self._prefix)
        self.usage.prompt += inps.numel()
        if self.store is None or not n or not (inps[:, :n].cpu().numpy() == self._prefix).all():
            return super()._model_call(inps, attn_mask, labels)
        rows = inps.cpu().numpy()
        starts = [(self.store.longest(rows[0])[0], n)] * len(rows)
        self.usage.reused += n * len(rows)
        with torch.no_grad():
            return self.model(
                inps[:, n:], past_key_values=lay_out(rows, starts, 0, self.device)[2], use_cache=True
            ).logits
