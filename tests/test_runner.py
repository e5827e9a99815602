"""The command on a real model: reproducible, resumable, and every mistake is said before the first model call."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
import zstandard
from typer.testing import CliRunner

from conftest import invoke, run, started
from persllm_bench.cli import app
from persllm_bench.items import Data
from persllm_bench.runs import RunError, RunFolder, facts
from persllm_bench.suite import TASKS

TASK = "persllm-quick_identity"


def options(mini: Path, output: Path, *more: str) -> list[str | Path]:
    return ["--model", mini, "--output", output, "--tasks", TASK, "--batch-size", "4", *more]


@pytest.fixture(scope="module")
def finished(mini: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("run")
    run(*options(mini, output, "--condition", "profile,none"))
    return output


def test_two_runs_save_the_same_bytes(mini: Path, finished: Path, tmp_path: Path) -> None:
    assert started("run", *options(mini, tmp_path, "--condition", "profile,none")).wait() == 0
    for condition in ("profile", "none"):
        name = f"{condition}/samples/{TASK}.jsonl.zst"
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes()
        assert (tmp_path / condition / "run.json").read_bytes() == (finished / condition / "run.json").read_bytes()


def test_a_killed_run_resumes_asks_nothing_twice_and_loses_nothing(mini: Path, finished: Path, tmp_path: Path) -> None:
    cache = tmp_path / "profile" / "cache"
    process = started("run", *options(mini, tmp_path))
    deadline = time.monotonic() + 120
    while not answered(cache) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = answered(cache)
    assert before, "the run was killed before it had an answer"
    run(*options(mini, tmp_path))
    assert answered(cache) == len(TASKS[TASK].samples(_load(), "profile"))
    name = f"profile/samples/{TASK}.jsonl.zst"
    assert (tmp_path / name).read_bytes() == (finished / name).read_bytes()


def answered(cache: Path) -> int:
    """Requests that lm-eval's cache holds."""
    import sqlite3

    found = list(cache.glob("*.db"))
    if not found:
        return 0
    try:
        with sqlite3.connect(f"file:{found[0]}?mode=ro", uri=True) as db:
            return int(db.execute("select count(*) from unnamed").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_a_finished_run_is_not_asked_again(mini: Path, finished: Path) -> None:
    path = finished / "profile" / "samples" / f"{TASK}.jsonl.zst"
    before = path.stat().st_mtime_ns
    run(*options(mini, finished, "--condition", "profile"))
    assert path.stat().st_mtime_ns == before


def test_score_on_saved_replies_gives_the_printed_table(finished: Path) -> None:
    runner = CliRunner(env={"COLUMNS": "200"})
    printed = runner.invoke(app, ["table", str(finished)])
    assert printed.exit_code == 0, printed.output
    rows = json.loads(runner.invoke(app, ["score", str(finished), "--json"]).output)
    (row,) = [r for r in rows if r["condition"] == "profile"]
    (control,) = [r for r in rows if r["condition"] == "none"]
    line = next(line for line in printed.output.splitlines() if TASK in line)
    for text in (
        f"{row['score']:.1f}",
        f"[{row['low']:.1f}, {row['high']:.1f}]",
        f"{100 * row['chance']:.0f} %",
        f"{100 * row['unparsed']:.1f} %",
        f"{control['score']:.1f}",
    ):
        assert text in line


def test_another_run_in_the_same_folder_is_refused_with_what_differs(mini: Path, finished: Path) -> None:
    done = invoke("run", *options(mini, finished, "--reasoning", "64"))
    assert done.exit_code == 2
    assert "reasoning: there 0, now 64" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tasks", "persllm_knowlege"], "unknown task 'persllm_knowlege'; there are persllm_knowledge"),
        (["--condition", "profil"], "unknown condition 'profil'; there are profile, name, none, wrong, swapped"),
        (["--personas", "nobody"], "no persona nobody"),
        (["--backend", "gpt"], "unknown back end 'gpt'; there are hf, vllm, endpoint"),
        (["--backend", "endpoint"], "--base-url"),
    ],
)
def test_mistakes_are_said_before_the_model_loads(tmp_path: Path, options: list[str], message: str) -> None:
    base = ["run", "--model", "no/such-model", "--output", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*base, *options])
    assert done.exit_code == 2
    assert message in done.output


def test_an_unwritable_folder_and_a_full_disk_are_said_before_the_model_loads(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = CliRunner().invoke(app, ["run", "--model", "no/such-model", "--output", str(tmp_path / "file")])
    assert done.exit_code == 2
    assert "cannot write" in done.output
    with pytest.raises(RunError, match="MB free, about"):
        RunFolder(tmp_path / "full").begin(some_facts(), need_bytes=10**18)


def test_dry_run_says_what_would_be_asked(data: Data, tmp_path: Path) -> None:
    done = CliRunner(env={"COLUMNS": "200"}).invoke(
        app, ["run", "--model", "no/such-model", "--output", str(tmp_path), "--dry-run", "--tasks", TASK]
    )
    assert done.exit_code == 0
    assert f" {len(TASKS[TASK].samples(data, 'profile'))} " in done.output
    assert not (tmp_path / "profile").exists()


def test_broken_saved_replies_are_named(finished: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(finished / "profile", tmp_path / "run")
    path = tmp_path / "run" / "samples" / f"{TASK}.jsonl.zst"
    path.write_bytes(path.read_bytes()[:-20])
    done = CliRunner().invoke(app, ["score", str(tmp_path / "run")])
    assert done.exit_code == 2
    assert "broken compression" in done.output
    path.write_bytes(zstandard.ZstdCompressor().compress(b'{"task": "identity"}\n'))
    done = CliRunner().invoke(app, ["score", str(tmp_path / "run")])
    assert done.exit_code == 2
    assert f"{TASK}.jsonl.zst:1: " in done.output.replace("\n", "")
    assert "is no run" in CliRunner().invoke(app, ["score", str(tmp_path / "nothing")]).output


def some_facts():
    return facts(
        _load(), condition="profile", personas=[], tasks=[TASK], model="m", model_sha256=None, backend="hf",
        model_args={}, reasoning=0, harness="lm-eval", packages={},
    )  # fmt: skip


def _load() -> Data:
    from persllm_bench.reader import load

    return load()


def test_sample_prints_what_the_model_sees_and_names_unknown_stages(data: Data) -> None:
    runner = CliRunner()
    shown = runner.invoke(app, ["sample", "persllm_knowledge", "--n", "1", "--stage", "late", "--condition", "name"])
    assert shown.exit_code == 0
    assert "[system]\nYou are " in shown.output
    assert "|late|" in shown.output
    wrong = runner.invoke(app, ["sample", "persllm_knowledge", "--stage", "middle"])
    assert wrong.exit_code == 2
    assert "unknown stage 'middle'; there are early, late" in wrong.output
