"""An installed wheel brings its tasks along: both harnesses find and run them outside a checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAME = "persllm-quick_identity"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages folder of a fresh environment with the installed wheel, borrowing everything else from this one."""
    work = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(work), str(ROOT)], check=True, capture_output=True)
    (wheel,) = work.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(work / "venv")], check=True)
    (folder,) = (work / "venv").glob("lib/python*/site-packages")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(folder), str(wheel)], check=True)
    (folder / "parent.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder


def outside(site: Path, cwd: Path, *command: str) -> str:
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"COLUMNS": "200", "HF_HUB_OFFLINE": "1"}
    python = str(site.parents[2] / "bin" / "python")
    done = subprocess.run([python, *command], cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


def test_the_wheel_holds_all_data_and_no_tests_or_models(site: Path) -> None:
    package = site / "persllm_bench"
    assert (package / "tasks" / "topics" / "topics.jsonl").is_file()
    assert not any("reference_models" in p.parts or "tests" in p.parts for p in package.rglob("*"))
    inside = {p.relative_to(package / "tasks") for p in (package / "tasks").rglob("*") if p.is_file()}
    checkout = {p.relative_to(ROOT / "tasks") for p in (ROOT / "tasks").rglob("*") if p.is_file()}
    assert inside == checkout


def test_the_command_finds_the_installed_tasks(site: Path, tmp_path: Path) -> None:
    where = outside(site, tmp_path, "-m", "persllm_bench.cli", "tasks", "--dir").strip()
    assert Path(where) == site / "persllm_bench" / "tasks"


def test_lm_eval_runs_an_installed_task(site: Path, mini: Path, tmp_path: Path) -> None:
    tasks = str(site / "persllm_bench" / "tasks")
    model = f"pretrained={mini},dtype=float32"
    options = ["--apply_chat_template", "--limit", "2", "--device", "cpu", "--log_samples", "--output_path", "out"]
    command = ["-m", "lm_eval", "--include_path", tasks, "--tasks", NAME, "--model", "hf", "--model_args", model]
    printed = outside(site, tmp_path, *command, *options)
    assert NAME in printed
    (log,) = (tmp_path / "out").rglob("samples_*.jsonl")
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(rows) == 2
    assert all(row["doc"]["id"] == row["score"]["id"] for row in rows)


def test_inspect_runs_an_installed_task(site: Path, mini: Path, tmp_path: Path) -> None:
    from inspect_ai.log import list_eval_logs, read_eval_log

    options = ["-M", "do_sample=false", "--limit", "2", "--display", "none", "--log-dir", str(tmp_path / "logs")]
    model = ["--model", "hf/mini", "-M", f"model_path={mini}"]
    outside(site, tmp_path, "-m", "inspect_ai", "eval", f"persllm_bench/{NAME}", *model, *options)
    (info,) = list_eval_logs(str(tmp_path / "logs"))
    log = read_eval_log(info)
    assert log.status == "success", log.error
    assert log.eval.task == NAME
    assert len(log.samples or []) == 2
