"""Shared fixtures: the shipped data and the shipped mini model, which is small enough to be the test model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from typer.testing import CliRunner, Result

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread for each of pytest's workers, and for what they start
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # two threads on a busy core would wait for each other by spinning
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


def quick_runs(harness: str, mini: Path, factory: pytest.TempPathFactory) -> Path:
    """The quick slice and two likelihood twins through a harness, run once for all of pytest's workers."""
    base = factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"quick_runs-{harness}"
    quick = ",".join(name for name, task in TASKS.items() if task.quick)
    twins = "persllm-ll_premise,persllm-ll_identity"
    with FileLock(f"{root}.lock"):
        if not (root / "done").exists():
            for options in (["--tasks", quick], ["--tasks", twins, "--condition", "name"]):
                run("--model", mini, "--harness", harness, "--output", root, *options)
            (root / "done").touch()
    return root


@pytest.fixture(scope="session")
def lm_eval_runs(mini: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return quick_runs("lm-eval", mini, tmp_path_factory)


@pytest.fixture(scope="session")
def inspect_runs(mini: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return quick_runs("inspect", mini, tmp_path_factory)


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
def mini_bundle(data: Data, lm_eval_runs: Path, meta: Path) -> tuple[str, dict[str, bytes]]:
    """(where it lies, its files): the mini model's quick slice and two likelihood twins as a submission."""
    from persllm_bench.submissions import pack

    return pack.bundle(pack.logged(lm_eval_runs), pack.declared(meta), data, "quick")


Files = tuple[str, dict[str, bytes]]
"""Where a bundle lies, and its files."""


def invoke(*arguments: str | Path) -> Result:
    """The command in this process, which has imported everything already."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, list(map(str, arguments)))


def run(*arguments: str | Path) -> None:
    """`persllm-bench run`, which must end well."""
    done = invoke("run", *arguments)
    assert done.exit_code == 0, (done.output[-3000:], done.exception)


def started(*arguments: str | Path) -> subprocess.Popen[bytes]:
    """The command in a process of its own, to be waited for or killed."""
    command = [sys.executable, "-m", "persllm_bench.cli", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)
