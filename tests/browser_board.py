"""The board that the app's tests read: real bundles of invented answers, one of them full of hostile text, one broken.

Built once for all of pytest's workers.
"""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path

import pytest
from filelock import FileLock

from persllm_bench.board import build
from persllm_bench.faces.settings import Settings
from persllm_bench.items import Data
from persllm_bench.policies import oracle
from persllm_bench.prompts import LETTERS
from persllm_bench.samples import Sample
from persllm_bench.submissions import calibration, pack
from persllm_bench.submissions.record import Declared, Model, Serving, TrainingData

STEADY, HOSTILE, PARTIAL = "lab/steady", "odd/hostile", "lab/partial"
BASELINE = "persllm-bench/always-a"
CORRUPT = "broken__bundle/0000000000000000000000000000000000000000/first"
SCRIPT = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
MARKDOWN = "**bold** [link](javascript:alert(1)) :red[red] :material/home: $x^2$ `code` # head"
FORMULA = '=HYPERLINK("http://evil.example","click")'
BIDI = "safe\u202etxt.exe\u202c \u05d0\u05d1\u05d2 \u200b end\x07"
LICENCE = FORMULA
HARDWARE = f"{SCRIPT} {MARKDOWN}"
REPLY = f"{SCRIPT} {MARKDOWN} {FORMULA} {BIDI}"


def _says(data: Data, skill: float, seed: str, words: str):
    right = calibration.entries(data)["oracle"][0] if skill else oracle(data)

    def say(s: Sample) -> str:
        draw = random.Random(f"{seed}|{s.task}|{s.id}")
        if not s.choices or draw.random() < 0.01:
            return words
        choice = right(s) if draw.random() < skill else draw.choice(s.choices)
        return LETTERS[s.choices.index(choice)]

    return say


def _bundle(data: Data, repo: str, skill: float, asked: dict[str, tuple[str, ...]], words: str, **facts: str):
    model = Model(
        repo=repo,
        revision=hashlib.sha1(repo.encode()).hexdigest(),
        parameters=int(7e9 * (skill + 0.1)),
        dtype="bfloat16",
        licence=facts.get("licence", "apache-2.0"),
        open_weights=True,
    )
    meta = Declared(
        model=model,
        serving=Serving(backend="vllm", version="0.32.0"),
        hardware=facts.get("hardware", "one H100"),
        command=f"persllm-bench run --model {repo}",
        attempts=2,
        training_data=TrainingData(description="none: invented answers", train_split=False, test_items="no"),
        contact="somebody",
    )
    rows = {
        (condition, task): list(
            calibration.answers(data, task, condition, _says(data, skill if condition == "profile" else 0.1, repo, words))
        )
        for condition, tasks in asked.items()
        for task in tasks
    }
    settings = {condition: Settings(condition) for condition in asked}
    return pack.assemble(
        rows, settings, meta, data, run="first", model=model.model_dump(), harness=("lm-eval", {"lm-eval": "0.4.13"})
    )


def make(data: Data, folder: Path) -> None:
    """Write submissions and board under `folder`."""
    core = calibration.CORE_TASKS
    full = {condition: core for condition in ("profile", "none", "wrong")}
    submissions = folder / "submissions"
    for where, files in (
        _bundle(data, STEADY, 0.8, full, "I keep to what I said."),
        _bundle(data, HOSTILE, 0.5, full, REPLY, licence=LICENCE, hardware=HARDWARE),
        _bundle(data, PARTIAL, 0.4, {"profile": ("persllm_knowledge",)}, REPLY),
    ):
        pack.write(files, submissions / where)
    for where, files in calibration.bundles(data):
        if where.startswith(BASELINE.replace("/", "__")):
            pack.write(files, submissions / where)
            break
    broken = submissions / CORRUPT
    broken.mkdir(parents=True)
    (broken / "submission.json").write_text('{"score": 100}')
    build(submissions, data, folder / "data")


@pytest.fixture(scope="session")
def board_folder(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The board's folder; `submissions` lies beside it."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "leaderboard"
    with FileLock(f"{root}.lock"):
        if not (root / "data").exists():
            make(data, root)
    return root / "data"
