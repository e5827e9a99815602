"""Calibration entries: policies as submissions, marked and never ranked."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import invoke
from persllm_bench.items import Data
from persllm_bench.report import ordered
from persllm_bench.submissions import folder_tree, validate


def test_calibration_entries_are_bundles_that_are_never_ranked(data: Data, tmp_path: Path) -> None:
    from persllm_bench.submissions.calibration import CORE_TASKS, entries

    done = invoke("calibrate", "--output", tmp_path)
    assert done.exit_code == 0, done.output
    folders = {p.parts[-3]: p for p in tmp_path.glob("*/*/*")}
    assert sorted(folders) == sorted(f"persllm-bench__{name}" for name in entries(data))
    estimates = {}
    for name, folder in folders.items():
        found = validate(folder_tree(folder), "/".join(folder.parts[-3:]), data)
        assert found.submission.calibration
        assert found.submission.unranked_because[0] == "a calibration entry"
        estimates[name] = {s.task: s.score.estimate for s in ordered(found.score(data))}
    oracle = estimates["persllm-bench__oracle"]
    assert set(oracle) == set(CORE_TASKS)
    assert all(value == pytest.approx(100) for value in oracle.values())
    for name in ("always-hold", "always-yield"):
        assert all(abs(value) < 1e-9 for value in estimates[f"persllm-bench__{name}"].values()), name
    assert "there already" in invoke("calibrate", "--output", tmp_path).output
