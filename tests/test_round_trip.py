"""What plain lm-eval and Inspect leave behind packs to bundles with equal scores."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from conftest import Files
from persllm_bench.items import Data, tasks_dir
from persllm_bench.report import as_json
from persllm_bench.submissions import memory_tree, pack, validate

ROUND_TRIP = "persllm-quick_identity,persllm-quick_pressure"


def scores(bundle: Files, data: Data, tasks: str = "") -> list[dict]:
    where, files = bundle
    rows = as_json(validate(memory_tree(files), where, data).score(data))
    return sorted((r for r in rows if not tasks or r["task"] in tasks.split(",")), key=lambda r: r["task"])


def test_lm_eval_output_and_inspect_log_pack_to_equal_scores(
    data: Data, mini: Path, meta: Path, inspect_runs: Path, tmp_path: Path
) -> None:
    plain = [sys.executable, "-m", "lm_eval", "--include_path", str(tasks_dir()), "--tasks", ROUND_TRIP]
    model = [
        "--model",
        "hf",
        "--model_args",
        f"pretrained={mini},dtype=float32",
        "--device",
        "cpu",
        "--batch_size",
        "8",
    ]
    saved = ["--apply_chat_template", "--log_samples", "--output_path", str(tmp_path / "out")]
    done = subprocess.run([*plain, *model, *saved], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    declared = pack.declared(meta)
    by_lm_eval = pack.bundle(pack.logged(tmp_path / "out"), declared, data, "plain")
    logs = inspect_runs / "profile" / "inspect"
    by_inspect = pack.bundle(pack.logged(logs), declared, data, "logs")
    assert json.loads(by_lm_eval[1]["submission.json"])["harness"]["name"] == "lm-eval"
    assert json.loads(by_inspect[1]["submission.json"])["harness"]["name"] == "inspect"
    assert len(scores(by_lm_eval, data)) == 2
    assert scores(by_lm_eval, data) == scores(by_inspect, data, ROUND_TRIP)
