"""Submissions: packed from any kind of run, scored from replies alone, kept by content."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Files, invoke
from persllm_bench.items import Data
from persllm_bench.submissions import BadBundle, Submission, memory_tree, pack, validate
from persllm_bench.submissions.bundle import facts_json
from persllm_bench.submissions.scores import SCORER, cache_key, scored


def test_a_run_and_its_bundle_have_equal_scores(lm_eval_runs: Path, mini_bundle: Files, tmp_path: Path) -> None:
    where, files = mini_bundle
    pack.write(files, tmp_path / where)
    by_run = json.loads(invoke("score", lm_eval_runs, "--json").output)
    by_bundle = json.loads(invoke("score", tmp_path / where, "--json").output)
    key = lambda row: (row["condition"], row["task"])  # noqa: E731
    assert sorted(by_run, key=key) == sorted(by_bundle, key=key)
    assert len(by_run) == 11


def test_pack_writes_the_same_bytes_twice_and_no_score(
    data: Data, mini_bundle: Files, lm_eval_runs: Path, meta: Path
) -> None:
    again = pack.bundle(pack.logged(lm_eval_runs), pack.declared(meta), data, "quick")
    assert again == mini_bundle
    facts = json.loads(again[1]["submission.json"])
    assert not {"score", "scores", "results", "acc"} & set(facts)


def test_the_command_packs_checks_and_refuses_to_change_what_is_there(
    lm_eval_runs: Path, meta: Path, tmp_path: Path
) -> None:
    arguments = ("pack", lm_eval_runs, "--meta", meta, "--output", tmp_path, "--run", "quick")
    assert invoke(*arguments).exit_code == 0
    (folder,) = tmp_path.glob("*/*/*")
    done = invoke("check", folder)
    assert done.exit_code == 0
    assert "no fault" in done.output
    assert "not ranked: profile lacks the core tasks; none lacks" in done.output
    again = invoke(*arguments)
    assert again.exit_code == 2
    assert "a submission is never changed" in again.output


def test_a_known_bundle_is_not_scored_again_and_a_changed_one_is(
    data: Data, mini_bundle: Files, tmp_path: Path
) -> None:
    where, files = mini_bundle
    first = scored(memory_tree(files), where, data, tmp_path)
    (kept,) = tmp_path.iterdir()
    assert kept.name == f"{cache_key(where, first.sha256, data)}.json"
    kept.write_text(json.dumps([{"task": "kept"}]))
    assert scored(memory_tree(files), where, data, tmp_path).scores == [{"task": "kept"}]
    facts = Submission.model_validate_json(files["submission.json"]).model_copy(update={"attempts": 2})
    other = pack.seal_files({**files, "submission.json": facts_json(facts)})
    assert scored(memory_tree(other), where, data, tmp_path).scores == first.scores
    path = next(p for p in files if p.endswith(".zst"))
    with pytest.raises(BadBundle, match="hash"):
        scored(memory_tree({**files, path: files[path] + b"x"}), where, data, tmp_path)


def test_the_scorers_hash_covers_every_module_that_a_score_follows_from() -> None:
    probe = "import sys, persllm_bench.submissions.scores; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.split()
    ours = {m.removeprefix("persllm_bench.").replace(".", "/") for m in loaded if m.startswith("persllm_bench.")}
    told = {name.removesuffix(".py") for name in SCORER}
    beside = {"submissions", "submissions/scores", "shortcuts", "policies"}
    assert {m for m in ours if m not in told | beside and m.split("/")[0] not in told} == set()


def test_only_calibration_entries_may_come_from_a_policy(data: Data, mini_bundle: Files) -> None:
    where, files = mini_bundle
    facts = json.loads(files["submission.json"])
    facts["harness"]["name"] = "policy"
    with pytest.raises(BadBundle, match="harness 'policy' is for calibration entries"):
        validate(memory_tree(pack.seal_files({**files, "submission.json": json.dumps(facts).encode()})), where, data)
