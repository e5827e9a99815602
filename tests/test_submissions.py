"""Submissions: packed from any kind of run, scored from replies alone, kept by content, verified by asking again."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conftest import META
from persllm_bench.cli import app
from persllm_bench.items import Data, tasks_dir
from persllm_bench.report import as_json, ordered
from persllm_bench.runs import RunFolder
from persllm_bench.submissions import BadBundle, Submission, folder_tree, memory_tree, pack, validate
from persllm_bench.submissions.bundle import facts_json
from persllm_bench.submissions.scores import SCORER, cache_key, scored
from persllm_bench.suite import TASKS

Files = tuple[str, dict[str, bytes]]
ROUND_TRIP = "persllm-quick_identity,persllm-quick_premise,persllm-quick_pressure"


def command(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "persllm_bench.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "200"} | environment,
    )


def invoke(*arguments: str | Path):
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, list(map(str, arguments)))


def scores(bundle: Files, data: Data, tasks: str = "") -> list[dict]:
    where, files = bundle
    rows = as_json(validate(memory_tree(files), where, data).score(data))
    return sorted((r for r in rows if not tasks or r["task"] in tasks.split(",")), key=lambda r: r["task"])


# --- round trips


def test_lm_eval_output_and_inspect_log_pack_to_equal_scores(
    data: Data, mini: Path, meta: Path, quick_runs: dict[str, Path], tmp_path: Path
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
    logs = quick_runs["inspect"] / "profile" / "inspect"
    by_inspect = pack.bundle(pack.logged(logs), declared, data, "logs")
    assert json.loads(by_lm_eval[1]["submission.json"])["harness"]["name"] == "lm-eval"
    assert json.loads(by_inspect[1]["submission.json"])["harness"]["name"] == "inspect"
    assert len(scores(by_lm_eval, data)) == 3
    assert scores(by_lm_eval, data) == scores(by_inspect, data, ROUND_TRIP)


def test_a_run_and_its_bundle_have_equal_scores(
    quick_runs: dict[str, Path], mini_bundle: Files, tmp_path: Path
) -> None:
    where, files = mini_bundle
    pack.write(files, tmp_path / where)
    by_run = json.loads(invoke("score", quick_runs["lm-eval"], "--json").output)
    by_bundle = json.loads(invoke("score", tmp_path / where, "--json").output)
    key = lambda row: (row["condition"], row["task"])  # noqa: E731
    assert sorted(by_run, key=key) == sorted(by_bundle, key=key)
    assert len(by_run) == 10


def test_pack_writes_the_same_bytes_twice_and_no_score(data: Data, mini_bundle: Files, quick_runs, meta: Path) -> None:
    again = pack.bundle(pack.logged(quick_runs["lm-eval"]), pack.declared(meta), data, "quick")
    assert again == mini_bundle
    facts = json.loads(again[1]["submission.json"])
    assert not {"score", "scores", "results", "acc"} & set(facts)


def test_the_command_packs_checks_and_refuses_to_change_what_is_there(
    quick_runs: dict[str, Path], meta: Path, tmp_path: Path
) -> None:
    arguments = ("pack", quick_runs["lm-eval"], "--meta", meta, "--output", tmp_path, "--run", "quick")
    assert invoke(*arguments).exit_code == 0
    (folder,) = tmp_path.glob("*/*/*")
    done = invoke("check", folder)
    assert done.exit_code == 0
    assert "no fault" in done.output
    assert "not ranked: profile lacks the core tasks; none lacks" in done.output
    again = invoke(*arguments)
    assert again.exit_code == 2
    assert "a submission is never changed" in again.output


# --- faults


def test_every_violation_is_told_at_once(data: Data, mini_bundle: Files) -> None:
    files = mini_bundle[1]
    facts = json.loads(files["submission.json"]) | {"score": 99, "attempts": 0}
    path = next(p for p in files if "quick_open" in p)
    broken = {**files, "submission.json": json.dumps(facts).encode(), "extra.py": b"", path: files[path][:-9]}
    with pytest.raises(BadBundle) as caught:
        validate(memory_tree(broken), "somewhere", data)
    rules = {(fault.path.removeprefix("somewhere/"), fault.rule) for fault in caught.value.faults}
    assert {("somewhere", "folder"), ("extra.py", "file-name"), (path, "hash"), ("submission.json", "hash")} <= rules
    assert {("submission.json", "schema score"), ("submission.json", "schema attempts")} <= rules


def test_faults_in_rows_name_file_line_value_and_what_is_allowed(data: Data, mini_bundle: Files) -> None:
    where, files = mini_bundle
    path = next(p for p in files if "quick_identity" in p)
    found = validate(memory_tree(files), where, data)
    rows = list(found.replies["profile", "persllm-quick_identity"])
    rows[1] = rows[1].model_copy(update={"condition": "none"})
    rows[3] = rows[3].model_copy(update={"prompt_sha256": "0" * 64})
    broken = pack.seal_files({**files, path: pack.packed(rows)})
    with pytest.raises(BadBundle, match=rf"{path}:2: condition: got none; allowed: profile"):
        validate(memory_tree(broken), where, data)
    rows[1] = rows[1].model_copy(update={"condition": "profile"})
    del rows[5]
    with pytest.raises(BadBundle) as caught:
        validate(memory_tree(pack.seal_files({**files, path: pack.packed(rows)})), where, data)
    assert {fault.rule for fault in caught.value.faults} == {"no reply", "another prompt than this version's"}


def test_a_folder_is_read_without_following_links(data: Data, mini_bundle: Files, tmp_path: Path) -> None:
    where, files = mini_bundle
    folder = tmp_path / where
    pack.write(files, folder)
    secret = tmp_path / "secret"
    secret.write_text("x")
    path = next(p for p in files if p.endswith(".zst"))
    (folder / path).unlink()
    (folder / path).symlink_to(secret)
    (folder / "samples" / "linked").symlink_to(tmp_path)
    with pytest.raises(BadBundle) as caught:
        validate(folder_tree(folder), where, data)
    told = {(f.path.removeprefix(where + "/"), f.rule) for f in caught.value.faults}
    assert {(path, "kind"), ("samples/linked", "file-name")} <= told


def test_a_bomb_is_refused_in_little_memory(mini_bundle: Files, tmp_path: Path) -> None:
    from attack_bytes import zeros

    where, files = mini_bundle
    path = next(p for p in files if p.endswith(".zst"))
    pack.write(pack.seal_files({**files, path: zeros()}), tmp_path / where)
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_DATA, ({900 * 2**20},) * 2)"
    check = f"{limited}; from persllm_bench.cli import app; app(['check', {str(tmp_path / where)!r}])"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, env=environment)
    assert done.returncode == 2, done.stderr
    assert f"{path}: compression" in done.stdout


def test_pack_tells_what_does_not_belong_together(data: Data, quick_runs: dict[str, Path], meta: Path) -> None:
    rows, declared = pack.logged(quick_runs["lm-eval"]), pack.declared(meta)
    changed = [replace(rows[0], model="other"), replace(rows[1], data_sha256="stale"), rows[2], *rows[2:]]
    with pytest.raises(ValueError, match=r"(?s)model: got .*other.*data_sha256: got stale.*each task once") as caught:
        pack.bundle(changed, declared, data, "quick")
    assert not isinstance(caught.value, BadBundle)
    with pytest.raises(BadBundle, match="no reply"):
        pack.bundle([replace(rows[0], replies=rows[0].replies[:-1]), *rows[1:]], declared, data, "quick")
    model = declared.model.model_copy(update={"files_sha256": "0" * 64})
    with pytest.raises(ValueError, match=r"model\.files_sha256"):
        pack.bundle(rows, declared.model_copy(update={"model": model}), data, "quick")


def test_faults_in_the_declaration_are_all_told(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    path.write_text(META.replace("attempts: 1", "attempts: many").replace("repo: ", "repository: "))
    with pytest.raises(ValueError, match=r"(?s)model\.repo.*model\.repository.*attempts"):
        pack.declared(path)
    path.write_text("model: [")
    with pytest.raises(ValueError, match=r"model\.yaml"):
        pack.declared(path)


def test_an_unfinished_run_and_no_run_are_refused(quick_runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no run: allowed are"):
        pack.logged(tmp_path)
    facts = RunFolder(quick_runs["lm-eval"] / "name").facts()
    RunFolder(tmp_path / "run").begin(facts)
    with pytest.raises(ValueError, match="has no replies yet of persllm-ll_identity, persllm-ll_premise"):
        pack.logged(tmp_path / "run")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results_1.json").write_text('{"configs": {"persllm_knowledge": {}}}')
    with pytest.raises(ValueError, match="--log_samples"):
        pack.logged(tmp_path / "out")
    (tmp_path / "out" / "results_1.json").write_text("[]")
    with pytest.raises(ValueError, match="not what lm-eval writes"):
        pack.logged(tmp_path / "out")


# --- scores kept by content


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
    reading = {"reader", "submissions", "shortcuts", "policies"}
    assert {m for m in ours if m not in told | reading and m.split("/")[0] not in told} == set()


# --- calibration


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


def test_only_calibration_entries_may_come_from_a_policy(data: Data, mini_bundle: Files) -> None:
    where, files = mini_bundle
    facts = json.loads(files["submission.json"])
    facts["harness"]["name"] = "policy"
    with pytest.raises(BadBundle, match="harness 'policy' is for calibration entries"):
        validate(memory_tree(pack.seal_files({**files, "submission.json": json.dumps(facts).encode()})), where, data)


# --- asked again


@pytest.fixture(scope="module")
def short(mini: Path, meta: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A submission of the mini model with several hundred short calls: no persona, so no dossier in the prompt."""
    folder = tmp_path_factory.mktemp("short")
    tasks = "persllm_knowledge,persllm_attitude,persllm-quick_dialogue"
    run = command("run", "--model", mini, "--tasks", tasks, "--condition", "none", "--output", folder / "run")
    assert run.returncode == 0, run.stderr[-3000:]
    done = command("pack", folder / "run", "--meta", meta, "--output", folder / "submissions", "--run", "short")
    assert done.returncode == 0, done.stdout + done.stderr
    return next((folder / "submissions").glob("*/*/*"))


def again(folder: Path, mini: Path, *more: str | Path) -> subprocess.CompletedProcess[str]:
    fixed = ("--level", "2", "--seed-string", "a public string", "--model", mini)
    return command("rerun", folder, *fixed, "--batch-size", "5", "--threads", "1", *more)


def test_a_rerun_in_other_batches_and_threads_passes(short: Path, mini: Path, tmp_path: Path) -> None:
    from persllm_bench.submissions.levels import levels

    done = again(short, mini, "--record", tmp_path / "verifications.jsonl")
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "re-run passed" in done.stdout
    assert list(levels(tmp_path / "verifications.jsonl").values()) == [2]


def test_a_rerun_finds_two_percent_of_replies_invented(data: Data, short: Path, mini: Path, tmp_path: Path) -> None:
    where = "/".join(short.parts[-3:])
    files = {path: entry.read() for path, entry in folder_tree(short).items()}
    found = validate(memory_tree(files), where, data)
    rng, invented, total = random.Random(0), 0, sum(map(len, found.replies.values()))
    forged = dict(files)
    for path, key in found.submission.files.items():
        rows = list(found.replies[key])
        letters = [i for i, row in enumerate(rows) if TASKS[key[1]].kind == "letter"]
        for i in rng.sample(letters, round(0.03 * len(letters))):
            if invented < round(0.02 * total):
                rows[i] = rows[i].model_copy(update={"reply": "B" if rows[i].reply != "B" else "C"})
                invented += 1
        forged[path] = pack.packed(rows)
    assert invented == round(0.02 * total)
    pack.write(pack.seal_files(forged), tmp_path / where)
    assert invoke("check", tmp_path / where).exit_code == 0
    done = again(tmp_path / where, mini, "--record", tmp_path / "verifications.jsonl")
    assert done.returncode == 1, done.stdout + done.stderr[-3000:]
    assert "re-run FAILED" in done.stdout
    assert json.loads((tmp_path / "verifications.jsonl").read_text())["level"] == 1


def test_a_rerun_refuses_another_model_and_a_seed_that_is_missing(short: Path, mini: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert "is another model" in again(short, tmp_path).stderr
    assert "--seed-string" in command("rerun", short, "--model", mini).stderr
