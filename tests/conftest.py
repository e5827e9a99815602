"""Shared fixtures: the shipped data and the shipped mini model, which is small enough to be the test model."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner, Result

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["COLUMNS"] = "200"  # pytest's workers set a narrow one, and tables would be cut

from browser_board import board_folder  # noqa: F401
from persllm_bench.cli import app
from persllm_bench.items import Data
from persllm_bench.reader import load
from persllm_bench.suite import TASKS

ROOT = Path(__file__).resolve().parents[1]
MINI = ROOT / "reference_models" / "mini" / "model"


@pytest.fixture(scope="session")
def data() -> Data:
    return load()


@pytest.fixture(scope="session")
def mini() -> Path:
    assert (MINI / "model.safetensors").is_file(), "the mini model is part of the repository"
    return MINI


def _run(mini: Path, output: Path, harness: str) -> None:
    """The quick slice, then two likelihood twins; one thread, so that both harnesses can run side by side."""
    command = [sys.executable, "-m", "persllm_bench.cli", "run", "--model", str(mini), "--harness", harness]
    env = {**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    twins = ["--tasks", "persllm-ll_premise,persllm-ll_identity", "--condition", "name"]
    quick = ",".join(name for name, task in TASKS.items() if task.quick)
    for options in (["--tasks", quick], twins):
        done = subprocess.run([*command, "--output", str(output), *options], capture_output=True, text=True, env=env)
        assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="session")
def quick_runs(mini: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The quick slice through both harnesses, run once for all of pytest's workers."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "quick_runs"
    paths = {harness: root / harness for harness in ("lm-eval", "inspect")}
    with FileLock(f"{root}.lock"):
        if not (root / "done").exists():
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda harness: _run(mini, paths[harness], harness), paths))
            (root / "done").touch()
    return paths


META = """
model:
  repo: persllm-bench/mini
  revision: 0123456789abcdef0123456789abcdef01234567
  parameters: 5704960
  dtype: float32
  licence: cc-by-sa-4.0
  open_weights: true
serving: {backend: hf}
hardware: two processor cores
command: persllm-bench run --model reference_models/mini/model
attempts: 1
training_data: {description: its card says, train_split: true, test_items: "no"}
contact: somebody
"""


@pytest.fixture(scope="session")
def meta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a submitter declares of the mini model."""
    path = tmp_path_factory.mktemp("meta") / "model.yaml"
    path.write_text(META)
    return path


@pytest.fixture(scope="session")
def mini_bundle(data: Data, quick_runs: dict[str, Path], meta: Path) -> tuple[str, dict[str, bytes]]:
    """(where it lies, its files): the mini model's quick slice and two likelihood twins as a submission."""
    from persllm_bench.submissions import pack

    return pack.bundle(pack.logged(quick_runs["lm-eval"]), pack.declared(meta), data, "quick")


Files = tuple[str, dict[str, bytes]]
"""Where a bundle lies, and its files."""


def command(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "persllm_bench.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "200"} | environment,
    )


def invoke(*arguments: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, list(map(str, arguments)))
