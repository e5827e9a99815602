"""An OpenAI-compatible server as a judge: bounded concurrency, retries with back-off, failures recorded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import anyio
import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential

from persllm_bench.judging.journal import Heard
from persllm_bench.samples import Sample
from persllm_bench.usage import Usage

CONCURRENCY, ATTEMPTS, TIMEOUT, LONGEST_WAIT = 8, 6, 120.0, 60.0
"""Calls at a time; tries per call; seconds per try; the longest wait between two, in seconds."""
_FINISH = {"stop": "stop", "length": "length"}


class Endpoint:
    """Asks `model` at `base_url` (ending in /v1). The key comes from `OPENAI_API_KEY`.

    Rate limits (429), timeouts, lost connections and errors of the server (408, 5xx) are tried again after the server's
    Retry-After or an exponential wait with jitter. Anything else, and the last of them, is the reply's `error`.

    Raises:
        ValueError: no base URL.
    """

    def __init__(self, model: str, base_url: str, reasoning: int = 0, concurrency: int = CONCURRENCY, **tuning: float):
        if not base_url:
            raise ValueError("the back end 'endpoint' needs --base-url, such as http://localhost:8000/v1")
        self.model, self.reasoning, self.concurrency = model, reasoning, concurrency
        self.url = base_url.rstrip("/") + "/chat/completions"
        self.attempts = int(tuning.get("attempts", ATTEMPTS))
        self.longest_wait = tuning.get("longest_wait", LONGEST_WAIT)
        self.timeout = tuning.get("timeout", TIMEOUT)
        self._spent = Usage()

    @property
    def usage(self) -> Usage | None:
        """Tokens as the server counts them; None where it does not."""
        return replace(self._spent) if self._spent.prompt else None

    def ask(self, samples: Sequence[Sample], heard: Heard) -> None:
        """See `journal.Asker`."""

        async def all_of_them() -> None:
            gate = anyio.CapacityLimiter(self.concurrency)
            key = os.environ.get("OPENAI_API_KEY", "none")
            async with httpx.AsyncClient(timeout=self.timeout, headers={"Authorization": f"Bearer {key}"}) as client:

                async def one(sample: Sample) -> None:
                    async with gate:
                        heard(sample, await self._got(client, sample))

                async with anyio.create_task_group() as group:
                    for sample in samples:
                        group.start_soon(one, sample)

        try:
            anyio.run(all_of_them)
        except* Exception as group:
            raise group.exceptions[0] from None

    async def _got(self, client: httpx.AsyncClient, sample: Sample) -> dict[str, Any]:
        body = {
            "model": self.model,
            "messages": [m.as_dict() for m in sample.messages],
            "temperature": 0,
            "max_tokens": sample.max_tokens + self.reasoning,
        }
        try:
            async for attempt in AsyncRetrying(
                stop=stop_after_attempt(self.attempts),
                wait=self._wait,
                retry=retry_if_exception(_passing),
                reraise=True,
            ):
                with attempt:
                    answer = await client.post(self.url, json=body)
                    answer.raise_for_status()
                    return self._read(answer.json())
        except (httpx.HTTPError, ValueError, KeyError, TypeError, IndexError) as error:
            return {"error": f"{type(error).__name__}: {error}"[:500]}
        raise AssertionError("tenacity returns or raises")

    def _read(self, answer: dict[str, Any]) -> dict[str, Any]:
        choice, spent = answer["choices"][0], answer.get("usage") or {}
        self._spent.prompt += int(spent.get("prompt_tokens") or 0)
        self._spent.generated += int(spent.get("completion_tokens") or 0)
        return {"reply": choice["message"]["content"] or "", "finish_reason": _FINISH.get(choice.get("finish_reason"))}

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, httpx.HTTPStatusError):
            asked = error.response.headers.get("retry-after", "")
            if asked.isdigit():
                return min(float(asked), self.longest_wait)
        return float(wait_random_exponential(multiplier=min(1.0, self.longest_wait), max=self.longest_wait)(state))


def _passing(error: BaseException) -> bool:
    """Whether it may go better the next time."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in (408, 425, 429) or error.response.status_code >= 500
    return isinstance(error, httpx.TransportError)
