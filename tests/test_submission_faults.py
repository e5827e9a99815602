"""What is wrong with a bundle, a run or a declaration is told, all at once, with path, value and what is allowed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import META, Files
from persllm_bench import strict
from persllm_bench.items import Data
from persllm_bench.runs import RunFolder
from persllm_bench.submissions import BadBundle, folder_tree, memory_tree, pack, validate


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


def test_pack_tells_what_does_not_belong_together(data: Data, lm_eval_runs: Path, meta: Path) -> None:
    rows, declared = pack.logged(lm_eval_runs), pack.declared(meta)
    changed = [replace(rows[0], model="other"), replace(rows[1], data_sha256="stale"), rows[2], *rows[2:]]
    with pytest.raises(ValueError, match=r"(?s)model: got .*other.*data_sha256: got stale.*each task once") as caught:
        pack.bundle(changed, declared, data, "quick")
    assert not isinstance(caught.value, BadBundle)
    helped = replace(rows[0], settings=replace(rows[0].settings, partner="hf,pretrained=other"))
    with pytest.raises(ValueError, match="partner: got hf,pretrained=other; allowed: none"):
        pack.bundle([helped], declared, data, "quick")
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


def test_an_unfinished_run_and_no_run_are_refused(lm_eval_runs: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no run: allowed are"):
        pack.logged(tmp_path)
    facts = RunFolder(lm_eval_runs / "name").facts()
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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "NaN is not JSON"),
        ('{"a": 1, "a": 1}', "duplicate key 'a'"),
        ('{"a": [{"b": 1, "b": 2}]}', "duplicate key 'b'"),
        ("1" * 18, "more than 17 digits"),
        ("-1e999", "out of range"),
        ("[" * 100_000, "nested too deeply"),
        ("{'a': 1}", "double quotes"),
    ],
)
def test_json_with_more_than_one_meaning_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        strict.loads(text)
