"""Bad packs are named by path, line, value and what is allowed, all faults at once; any bytes are handled."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persllm_bench.reader import DataError, load, read, tasks_dir

SLUG = "dorotea_quispe"


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """A copy of the banks and one pack."""
    root = tmp_path / "tasks"
    for folder in ("topics", "traits", f"personas/{SLUG}"):
        shutil.copytree(tasks_dir() / folder, root / folder)
    return root


def edit(path: Path, change: Callable[[str], str]) -> None:
    path.write_bytes(change(path.read_text(encoding="utf-8")).encode("utf-8", "surrogateescape"))


def edit_row(path: Path, number: int, **fields: object) -> None:
    rows = path.read_text().splitlines()
    rows[number] = json.dumps({**json.loads(rows[number]), **fields})
    path.write_text("\n".join(rows) + "\n")


def rules(root: Path) -> list[str]:
    return [str(f) for f in read(root)[1]]


def test_the_shipped_data_has_no_fault() -> None:
    assert load().personas


def test_all_faults_are_listed_at_once_with_path_line_value_and_what_is_allowed(tasks: Path) -> None:
    pack = tasks / "personas" / SLUG
    edit_row(pack / "items" / "knowledge.jsonl", 0, difficulty="fiendish")
    edit_row(pack / "items" / "attitude.jsonl", 2, topic="weather")
    edit_row(pack / "items" / "premise.jsonl", 1, evidence=["E99"])
    edit(pack / "early.md", lambda text: text.replace("E2. ", "E1. ", 1))
    edit(pack / "persona.yaml", lambda text: text.replace("position: 2", "position: 3", 1))
    with pytest.raises(DataError) as caught:
        load(tasks)
    text = str(caught.value)
    for part in (
        "items/knowledge.jsonl:1: schema difficulty: got fiendish; allowed: Input should be 'direct'",
        "early.md:2: unique-statement: got E1",
        "position: got 3; allowed: Input should be less than or equal to 2",
    ):
        assert part in text


def test_a_missing_topic_and_missing_evidence_are_named(tasks: Path) -> None:
    pack = tasks / "personas" / SLUG / "items"
    edit_row(pack / "attitude.jsonl", 2, topic="weather")
    edit_row(pack / "premise.jsonl", 1, evidence=["E99"])
    found = rules(tasks)
    assert any("items/attitude.jsonl:3: topic: got weather; allowed: machines, money" in f for f in found)
    assert any("items/premise.jsonl:2: evidence: got ['E99']" in f for f in found)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda t: t.replace("\n", "\r\n", 1), "characters: got U+000D"),
        (lambda t: t.replace(" ", "\u202e", 1), "characters: got U+202E"),
        (lambda t: t.replace(" ", "\u200b", 1), "characters: got U+200B"),
        (lambda t: "\ufeff" + t, "characters: got U+FEFF"),
        (lambda t: t + "\udcff", "encoding"),
        (lambda t: t + t.splitlines()[0] + "\n", "unique-id"),
        (lambda t: t + "\n", "blank-line"),
        (lambda t: t + "{\n", "json"),
        (lambda t: t + '{"id": NaN}\n', "json"),
        (lambda t: t + '{"id": 1, "id": 2}\n', "duplicate key 'id'"),
        (lambda t: t + "[" * 5000 + "\n", "json"),
        (lambda t: t.replace('"question"', '"qestion"', 1), "schema qestion"),
    ],
    ids=[
        "CRLF",
        "bidi",
        "zero width",
        "BOM",
        "not UTF-8",
        "duplicate id",
        "blank",
        "cut",
        "NaN",
        "key twice",
        "deep",
        "key",
    ],
)
def test_bad_lines_are_named(tasks: Path, change: Callable[[str], str], rule: str) -> None:
    edit(tasks / "personas" / SLUG / "items" / "knowledge.jsonl", change)
    found = rules(tasks)
    assert any(rule in f and "knowledge.jsonl" in f for f in found), found[:5]


def test_an_oversized_dossier_and_a_missing_file_are_named(tasks: Path) -> None:
    pack = tasks / "personas" / SLUG
    edit(pack / "late.md", lambda text: text + "E90. " + "word " * 700 + "end.\n")
    (pack / "items" / "open.jsonl").unlink()
    found = rules(tasks)
    assert any("late.md: dossier-length" in f for f in found)
    assert any("open.jsonl: file-exists" in f for f in found)


def test_a_twin_with_one_answer_and_a_wrong_kind_are_named(tasks: Path) -> None:
    path = tasks / "personas" / SLUG / "items" / "knowledge.jsonl"
    row = next(i for i, line in enumerate(path.read_text().splitlines()) if len(json.loads(line)["answer"]) == 2)
    item = json.loads(path.read_text().splitlines()[row])
    edit_row(path, row, answer={"early": item["answer"]["early"], "late": item["answer"]["early"]})
    assert any("a twin needs a different answer in each stage" in f for f in rules(tasks))
    path.write_text('"opposite"'.join(path.read_text().rsplit('"key"', 1)))
    assert any("must say 'key' at option" in f for f in rules(tasks))


def test_broken_yaml_is_named_by_line(tasks: Path) -> None:
    edit(tasks / "personas" / SLUG / "persona.yaml", lambda text: text.replace("stages:", "stages: [", 1))
    assert any("persona.yaml:" in f and ": yaml:" in f for f in rules(tasks))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(max_size=300), where=st.integers(0, 5))
def test_any_bytes_give_faults_and_never_a_crash(tasks: Path, junk: bytes, where: int) -> None:
    names = [
        "persona.yaml",
        "early.md",
        "speech.jsonl",
        "items/knowledge.jsonl",
        "items/gold.jsonl",
        "train/late.jsonl",
    ]
    path = tasks / "personas" / SLUG / names[where]
    good = path.read_bytes()
    try:
        path.write_bytes(good + b"\n" + junk)
        read(tasks)
        path.write_bytes(junk)
        assert read(tasks)[1] or not junk.strip()
    finally:
        path.write_bytes(good)
