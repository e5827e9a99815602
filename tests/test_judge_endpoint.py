"""A judge behind an endpoint: bounded concurrency, patience with what passes, a record of what does not."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from persllm_bench.faces.endpoint import Endpoint
from persllm_bench.items import Data
from persllm_bench.judging.journal import MAX_FAILURES
from persllm_bench.samples import Sample
from persllm_bench.suite import task


class Server(ThreadingHTTPServer):
    """Answers after the plan of each prompt: status codes, one per try; 0 is no answer in time."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan: dict[str, list[int]] = {}
        self.tries: Counter[str] = Counter()
        self.busy, self.busiest, self.lock = 0, 0, threading.Lock()
        self.bodies: list[dict[str, Any]] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt, s = body["messages"][-1]["content"], self.server
        with s.lock:
            s.bodies.append(body)
            s.busy += 1
            s.busiest = max(s.busiest, s.busy)
            plan, s.tries[prompt] = s.plan.get(prompt, [200]), s.tries[prompt] + 1
            status = plan[min(s.tries[prompt], len(plan)) - 1]
        time.sleep(0.6 if status == 0 else 0.02)
        answer = {
            "choices": [{"message": {"content": f"said {len(prompt)}"}, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 2},
        }
        with s.lock:
            s.busy -= 1
        if status == 0:
            self.close_connection = True
            return
        text = json.dumps(answer).encode() if status != 299 else b"no JSON"
        self.send_response(status if status != 299 else 200)
        self.send_header("Content-Length", str(len(text)))
        if status == 429:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


def endpoint(server: Server, **tuning: float) -> Endpoint:
    tuned = {"attempts": 3, "longest_wait": 0.01, "timeout": 0.3, **tuning}
    return Endpoint("judge", f"http://127.0.0.1:{server.server_port}/v1", 32, 3, **tuned)


@pytest.fixture
def samples(data: Data) -> list[Sample]:
    return task("persllm-quick_judge").samples(data, "profile")


def test_every_sample_is_asked_once_with_its_own_cap_and_at_most_three_at_a_time(
    server: Server, samples: list[Sample]
) -> None:
    got: dict[str, dict[str, Any]] = {}
    judge = endpoint(server)
    judge.ask(samples, lambda s, found: got.__setitem__(s.id, found))
    assert got == {s.id: {"reply": f"said {len(s.messages[-1].content)}", "finish_reason": "length"} for s in samples}
    assert 1 < server.busiest <= 3
    assert Counter(b["max_tokens"] for b in server.bodies) == Counter(s.max_tokens + 32 for s in samples)
    assert {b["temperature"] for b in server.bodies} == {0}
    assert judge.usage is not None
    assert (judge.usage.prompt, judge.usage.generated) == (10 * len(samples), 2 * len(samples))


def test_what_passes_is_tried_again_and_what_does_not_is_recorded(server: Server, samples: list[Sample]) -> None:
    plans = [[429, 429, 200], [503, 200], [0, 200], [429, 429, 429], [400, 200], [299, 200], [0, 0, 0]]
    chosen = samples[: len(plans)]
    server.plan = {s.messages[-1].content: plan for s, plan in zip(chosen, plans, strict=True)}
    got: dict[str, dict[str, Any]] = {}
    endpoint(server).ask(chosen, lambda s, found: got.__setitem__(s.id, found))
    fine = ["error" not in got[s.id] for s in chosen]
    assert fine == [True, True, True, False, False, False, False]
    assert "429" in got[chosen[3].id]["error"]
    assert "400" in got[chosen[4].id]["error"]
    tries = [server.tries[s.messages[-1].content] for s in chosen]
    assert tries == [3, 2, 2, 3, 1, 1, 3]


def test_nobody_there_ends_with_a_message(data: Data, tmp_path: Any) -> None:
    from persllm_bench.judging import journal
    from persllm_bench.runs import RunError

    samples = task("persllm-quick_judge").samples(data, "profile")
    gone = Endpoint("judge", "http://127.0.0.1:9/v1", attempts=1, longest_wait=0.01)
    with pytest.raises(RunError, match=f"failed {MAX_FAILURES} times in a row .*ConnectError"):
        journal.fill(samples, tmp_path / "j.jsonl", lambda: gone)
    with pytest.raises(ValueError, match="--base-url"):
        Endpoint("judge", "")
