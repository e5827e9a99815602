"""Answers from an OpenAI-compatible endpoint: retried, and kept as they come, so that nothing is asked twice."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import openai
from pydantic import Field
from reference_models.recipe import Positive, Strict
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

PASSING = (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError)
"""Errors that may pass; others are the request's own fault."""


class Endpoint(Strict):
    base_url: str
    model: str
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable with the key; unset: none is sent but a placeholder."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    max_tokens: Positive = 400
    concurrency: Positive = 8
    attempts: Positive = 8
    first_wait_s: Annotated[float, Field(ge=0)] = 1.0
    longest_wait_s: Annotated[float, Field(ge=0)] = 60.0
    timeout_s: Annotated[float, Field(gt=0)] = 120.0


@dataclass(frozen=True)
class Failure:
    """A request that stayed without an answer."""

    request: dict[str, Any]
    error: str


class Answers:
    """Asks an endpoint; `cache` has a line for every answer that came, by the hash of its request."""

    def __init__(self, config: Endpoint, cache: Path) -> None:
        key = os.environ.get(config.api_key_env) or "none"
        self._client = openai.OpenAI(base_url=config.base_url, api_key=key, max_retries=0, timeout=config.timeout_s)
        self._config, self.cache, self._lock = config, cache, threading.Lock()
        self._known = _read(cache)
        self.asked = 0

    def request(self, messages: list[dict[str, str]], seed: int) -> dict[str, Any]:
        c = self._config
        return {
            "model": c.model,
            "messages": messages,
            "temperature": c.temperature,
            "max_tokens": c.max_tokens,
            "seed": seed,
        }

    def known(self, request: dict[str, Any]) -> bool:
        return digest(request) in self._known

    def ask(self, requests: Sequence[dict[str, Any]]) -> list[str | Failure]:
        """Answers in the order of the requests."""
        with ThreadPoolExecutor(self._config.concurrency) as pool:
            return list(pool.map(self._one, requests))

    def _one(self, request: dict[str, Any]) -> str | Failure:
        name = digest(request)
        if name in self._known:
            return self._known[name]
        c = self._config
        try:
            for attempt in Retrying(
                retry=retry_if_exception_type(PASSING),
                stop=stop_after_attempt(c.attempts),
                wait=wait_exponential_jitter(c.first_wait_s, c.longest_wait_s, jitter=c.first_wait_s),
                reraise=True,
            ):
                with attempt:
                    answer = self._client.chat.completions.create(**request)
        except openai.OpenAIError as error:
            return Failure(request, f"{type(error).__name__}: {error}")
        text = (answer.choices[0].message.content or "") if answer.choices else ""
        with self._lock, self.cache.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"request": name, "answer": text}) + "\n")
            self._known[name] = text
            self.asked += 1
        return text


def digest(request: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def _read(cache: Path) -> dict[str, str]:
    """A last line that was cut off by a kill is dropped, from the file too."""
    if not cache.exists():
        return {}
    found, good = {}, 0
    for line in cache.read_bytes().splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        row = json.loads(line)
        found[row["request"]] = row["answer"]
        good += len(line)
    os.truncate(cache, good)
    return found
