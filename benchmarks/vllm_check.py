"""Runs a real vLLM engine beside `hf` and says whether it replies the same; exits 1 if a rule does not hold.

    benchmarks/vllm_cpu_env.sh && .venv-vllm/bin/python benchmarks/vllm_check.py

Rules: the letters of `hf` at float32 on every item, in this process's engine, on a server and through Inspect; three
runs byte for byte the same; the prefix cache hits at least 97 % of the prompt tokens that could be shared; a server
that dies in the middle of a run costs no reply.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from command import BIN, ENGINE, ENV, MINI, QUICK, command, equal, model_args, run
from persllm_bench.runs import RunFolder
from persllm_bench.usage import read
from prompts_of import shares

HITS = 0.97
NAME = "served"


@contextmanager
def server(model: str, log: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A vLLM server on a free port: its base URL and its process, stopped afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--{name.replace('_', '-')}={value}" for name, value in ENGINE.items() if name != "enforce_eager"]
    line = [
        str(BIN / "vllm"),
        "serve",
        model,
        "--served-model-name",
        NAME,
        "--enforce-eager",
        "--port",
        str(port),
        *options,
    ]
    with log.open("ab") as out:
        process = subprocess.Popen(line, env=ENV, stdout=out, stderr=out, start_new_session=True)
    try:
        while not healthy(port):
            if process.poll() is not None:
                sys.exit(f"the server ended with {process.returncode}; see {log}")
            time.sleep(1)
        yield f"http://127.0.0.1:{port}/v1", process
    finally:
        stop(process, signal.SIGTERM)


def healthy(port: int) -> bool:
    try:
        return urlopen(f"http://127.0.0.1:{port}/health", timeout=5).status == 200
    except (URLError, OSError):
        return False


def stop(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """Ends the server with all its workers, which form a group of their own."""
    if process.poll() is None:
        os.killpg(process.pid, how)
        process.wait(60)


def compare(first: RunFolder, second: RunFolder, than: str = "hf") -> bool:
    """Prints equal replies task by task; whether every letter is the same."""
    found = equal(first, second)
    for name, (replies, asked, letters, choices) in found.items():
        print(f"  {name}: {replies} of {asked} replies and {letters} of {choices} letters as {than}")
    return all(letters == choices for _, _, letters, choices in found.values())


def killed_and_resumed(model: str, output: Path, tasks: str) -> RunFolder:
    """A run whose server is killed once some replies are there, finished by a second server."""
    options = ["--backend", "endpoint", "--model-arg", "num_concurrent=1"]
    log = output.with_suffix(".log")
    with server(model, log) as (url, process):
        running = subprocess.Popen(
            command(NAME, output, tasks, *options, "--base-url", url), env=ENV, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        while (before := answered(output)) < 10 and running.poll() is None:
            time.sleep(0.05)
        stop(process, signal.SIGKILL)
        said = running.communicate(timeout=300)[0]
    why = [line for line in said.splitlines() if "persllm-bench: " in line]
    print(f"\nserver killed after {before} replies: the run ended with {running.returncode} and said {why}")
    if not running.returncode:
        sys.exit("the run ended well although its server was killed")
    with server(model, log) as (url, _):
        return run(NAME, output, tasks, *options, "--base-url", url)


def answered(output: Path) -> int:
    """Replies in the caches of a run."""
    count = 0
    for path in output.glob("*/cache/*.db"):
        try:
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
                count += int(db.execute("select count(*) from unnamed").fetchone()[0])
        except sqlite3.OperationalError:
            continue
    return count


def same_bytes(runs: list[RunFolder]) -> bool:
    files = [sorted((r.path / "samples").glob("*.zst")) for r in runs]
    return all(len({path.read_bytes() for path in paths}) == 1 for paths in zip(*files, strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=str(MINI))
    parser.add_argument("--output", type=Path, default=Path("results/vllm"))
    parser.add_argument("--tasks", default=QUICK)
    args = parser.parse_args()
    if args.output.exists():
        sys.exit(f"{args.output} exists; give another --output, so that nothing is resumed")
    args.output.mkdir(parents=True)
    engine = model_args(ENGINE)
    rules: dict[str, bool] = {}

    hf = run(args.model, args.output / "hf", args.tasks)
    runs = [
        run(args.model, args.output / f"vllm-{i}", args.tasks, "--backend", "vllm", *engine) for i in range(1, 4)
    ]  # fmt: skip
    rules["letters in the engine"] = compare(hf, runs[0])
    rules["three runs the same bytes"] = same_bytes(runs)

    prompt, could = shares(runs[0].path, Path(args.model))
    used = [row["tokens"] for row in read(runs[0].path / "usage.jsonl")]
    hits = sum(row["reused"] for row in used)
    print(f"  {hits:,} of {could:,} shareable of {prompt:,} prompt tokens hit: {100 * hits / could:.2f} %")
    rules[f"at least {100 * HITS:.0f} % hits"] = hits >= HITS * could and sum(row["prompt"] for row in used) == prompt

    with server(args.model, args.output / "server.log") as (url, _):
        options = ["--backend", "endpoint", "--base-url", url]
        served = run(NAME, args.output / "server", args.tasks, *options)
    rules["letters on a server"] = compare(hf, served)

    inspect = run(args.model, args.output / "inspect", args.tasks, "--backend", "vllm", "--harness", "inspect", *engine)
    rules["letters through Inspect"] = compare(hf, inspect)

    resumed = killed_and_resumed(args.model, args.output / "killed", "persllm-quick_identity,persllm-quick_pressure")
    rules["a dead server costs no reply"] = compare(resumed, served, "without a kill")

    print("\n" + "\n".join(f"{'holds' if held else 'FAILS'}: {name}" for name, held in rules.items()))
    return int(not all(rules.values()))


if __name__ == "__main__":
    sys.exit(main())
