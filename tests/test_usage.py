"""What a run cost is measured, said and kept, and none of it decides what a run is."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from persllm_bench.drivers import Target
from persllm_bench.faces.endpoint_usage import usage_of_server
from persllm_bench.items import Data
from persllm_bench.runner import run
from persllm_bench.usage import Clock, Usage, sentence

METRICS = """# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="mini"} 138205.0
vllm:prefix_cache_hits_total{engine="0",model_name="mini"} 119488.0
vllm:generation_tokens_total{engine="0",model_name="mini"} 301.0
vllm:generation_tokens_total{engine="1",model_name="mini"} 1e+02
vllm:generation_tokens_created{engine="0",model_name="mini"} 1.7e+09
"""


def test_a_phase_inside_another_counts_once() -> None:
    clock = Clock()
    with clock.phase("harness"):
        time.sleep(0.02)
        clock.timed("model", time.sleep)(0.05)
        time.sleep(0.02)
    time.sleep(0.03)
    assert 0.05 <= clock.seconds["model"] < 0.07
    assert 0.04 <= clock.seconds["harness"] < 0.06


def test_a_cost_is_said_in_seconds_tokens_and_hits() -> None:
    used = Usage(prompt=1000, reused=900, generated=50) - Usage(prompt=500, reused=500)
    said = sentence(used, {"harness": 1.0, "model": 2.0})
    assert said == (
        "harness 1.0 s, model 2.0 s; 500 prompt tokens, 80.0 % of them from cache, 50 replied: 275 tokens/s"
    )
    assert sentence(None, {"model": 2.0}) == "model 2.0 s; tokens unknown"


def test_what_a_task_cost_is_kept_beside_the_run(data: Data, mini: Path, tmp_path: Path) -> None:
    said: list[str] = []
    target = Target(str(mini), model_args={"prefix_cache": "false"})
    run(target, ["persllm-quick_open"], tmp_path, personas=[min(data.personas)], say=said.append)
    (row,) = [json.loads(line) for line in (tmp_path / "profile" / "usage.jsonl").open()]
    assert row["task"] == "persllm-quick_open"
    assert row["tokens"]["prompt"] > row["tokens"]["reused"] == 0
    assert set(row["seconds"]) == {"harness", "model"}
    assert said[0].startswith("model ready after")
    assert f"{row['tokens']['prompt']:,} prompt tokens, 0.0 % of them from cache" in said[1]


@contextmanager
def page(text: str) -> Iterator[str]:
    """A server with one page under /metrics; its base URL."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/metrics" else 404)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def test_tokens_of_a_vllm_server_come_from_its_metrics() -> None:
    with page(METRICS) as url:
        assert usage_of_server(url) == Usage(prompt=138205, reused=119488, generated=401)


def test_a_server_without_metrics_leaves_tokens_unknown() -> None:
    with page("hello") as url:
        assert usage_of_server(url) is None
    assert usage_of_server(url) is None
