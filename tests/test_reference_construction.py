"""Construction of training data on a real server: retries, resuming after a kill, and what is told when all fails."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from reference_models.data import construct, endpoint, materials  # noqa: E402
from reference_models.recipe import RecipeError  # noqa: E402

PACK = ROOT / "tasks" / "personas" / "pip"


@contextmanager
def server(folder: Path, fail_every: int) -> Iterator[str]:
    told = folder / f"port{fail_every}"
    command = [sys.executable, str(ROOT / "tests" / "mini_server.py"), str(told), str(fail_every)]
    process = subprocess.Popen(command)
    try:
        for _ in range(3000):
            if told.exists():
                break
            assert process.poll() is None
            time.sleep(0.1)
        yield f"http://127.0.0.1:{told.read_text()}/v1"
    finally:
        process.kill()
        process.wait()


def configured(url: str, **more: object) -> construct.Construction:
    found = {"base_url": url, "model": "mini", "temperature": 0, "max_tokens": 24, "concurrency": 2}
    waits = {"first_wait_s": 0.01, "longest_wait_s": 0.05, "attempts": 12}
    small = {"counts": {"question": 2, "opinion": 1, "induced": 1}, "knowledge_words": (60, 90), "near_duplicate": 1}
    return construct.Construction.model_validate({"endpoint": found | waits, "speech_words": (30, 60), **small, **more})


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_an_endpoint_that_fails_half_the_time_and_a_kill_change_nothing(tmp_path: Path) -> None:
    with server(tmp_path, 0) as steady:
        config = configured(steady)
        facts = construct.construct(config, PACK, tmp_path / "steady")
    assert facts["answered"] == facts["planned"] == 8
    assert facts["failures"] == 0
    assert facts["train"] + facts["held_out"] == 8 - facts["poor"] - facts["near_duplicates"]
    assert facts["pairs"] > 0
    assert not (tmp_path / "steady.part").exists()
    with server(tmp_path, 2) as shaky:
        settings = tmp_path / "config.yaml"
        settings.write_text(configured(shaky).model_dump_json())
        out = tmp_path / "shaky"
        command = [sys.executable, "-m", "reference_models.data.construct", "--config", str(settings)]
        command += ["--pack", str(PACK), "--out", str(out)]
        path = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        cache = tmp_path / "shaky.part" / "cache.jsonl"
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.DEVNULL)
        while not (cache.exists() and cache.read_bytes().count(b"\n") >= 5):
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
        process.wait()
        assert not out.exists(), "nothing half-written stands where the result goes"
        with cache.open("ab") as lines:
            lines.write(b'{"request": "cut o')
        before = cache.read_bytes().count(b"\n")
        construct.construct(configured(shaky), PACK, out)
    assert before >= 5
    assert tree(out) == tree(tmp_path / "steady"), "killed, failed and resumed must give the same"


def test_what_stays_unanswered_is_recorded_and_the_rest_goes_on(tmp_path: Path) -> None:
    pack = tmp_path / "pip"
    shutil.copytree(PACK, pack, ignore=shutil.ignore_patterns("items"))
    lines = (pack / "early.md").read_text().splitlines(keepends=True)
    early = [line.replace(". ", ". LOST ", 1) if line.startswith("E") else line for line in lines]
    (pack / "early.md").write_text("".join(early))
    with server(tmp_path, 0) as url:
        facts = construct.construct(configured(url), pack, tmp_path / "out")
    failures = [json.loads(line) for line in (tmp_path / "out" / "failures.jsonl").read_text().splitlines()]
    assert len(failures) == facts["failures"] > 0
    assert all("BadRequestError" in f["error"] for f in failures), "a request at fault is not tried again"
    assert facts["answered"] == facts["planned"] - facts["failures"] > 0


def test_an_endpoint_that_is_not_there_leaves_nothing_but_its_workplace(tmp_path: Path) -> None:
    config = configured("http://127.0.0.1:9/v1")
    config = config.model_copy(update={"endpoint": config.endpoint.model_copy(update={"attempts": 2})})
    with pytest.raises(RecipeError, match="of 0 conversations none is usable"):
        construct.construct(config, PACK, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_retrieval_keeps_to_its_budget_and_prefers_what_is_asked_about() -> None:
    early = materials.read(PACK)[0]
    statement = early.knowledge[7]
    found = materials.relevant(early.knowledge, statement.text, 200, 240)
    assert found[0] == statement
    assert 200 <= sum(len(p.text.split()) for p in found) <= 240


def test_material_of_a_folder_is_looked_up_beside_the_dossier(tmp_path: Path) -> None:
    pack = tmp_path / "pip"
    shutil.copytree(PACK, pack, ignore=shutil.ignore_patterns("items"))
    folder = pack / "material" / "late" / "knowledge"
    folder.mkdir(parents=True)
    (folder / "ledger.txt").write_text("The ledger of Clarriker is bound in\ngreen morocco.\n\nAnother thing.\n")
    early, late = materials.read(pack)
    found = materials.relevant(late.knowledge, "What is the ledger bound in?", 5, 60)
    assert found[0].text == "The ledger of Clarriker is bound in green morocco."
    assert "Another thing." not in [p.text for p in early.knowledge]


def test_the_cost_is_told_before_anything_is_asked() -> None:
    config = configured("http://127.0.0.1:9/v1", prices=(1.0, 4.0))
    drafts = construct.plan(config, materials.read(PACK))
    told = construct.estimate(config, drafts)
    assert told["calls"] == 24
    assert told["tokens_written_at_most"] == 24 * 24
    assert told["cost_at_most"] == round((told["tokens_read"] + 4 * 24 * 24) / 1e6, 2)


def test_empty_material_is_told_by_file_and_stage(tmp_path: Path) -> None:
    pack = tmp_path / "pip"
    shutil.copytree(PACK, pack, ignore=shutil.ignore_patterns("items"))
    (pack / "late.md").write_text("# nothing numbered\n")
    (pack / "early.md").unlink()
    with pytest.raises(RecipeError) as error:
        construct.construct(configured("http://127.0.0.1:9/v1"), pack, tmp_path / "out")
    assert "early.md: No such file" in str(error.value)
    assert "late: no statements in late.md: at least one is needed" in str(error.value)
    assert not list(tmp_path.glob("out*"))


def test_unknown_keys_of_the_construction_are_told_with_their_section(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("endpoint: {base_url: x, model: y, tokens: 3}\nsede: 1\n")
    with pytest.raises(RecipeError) as error:
        construct.load(path)
    assert f"{path}: endpoint.tokens: 3: unknown key; allowed are base_url, model" in str(error.value)
    assert f"{path}: sede: 1: unknown key; allowed are endpoint, counts" in str(error.value)


def test_the_shipped_configuration_is_valid() -> None:
    found = construct.load(ROOT / "reference_models" / "data" / "construct.yaml")
    assert found.knowledge_words == (1300, 1500)
    assert found.speech_words == (350, 500)


def test_a_request_is_known_by_all_of_it() -> None:
    base = {"model": "m", "messages": [{"role": "user", "content": "x"}], "seed": 1}
    assert endpoint.digest(base) == endpoint.digest(dict(reversed(base.items())))
    assert endpoint.digest(base) != endpoint.digest({**base, "seed": 2})
