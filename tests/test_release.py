"""The published data set: what is exported can be read back, what is pushed is what was exported, and PersLLM's own
records come in whole or not at all."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import datasets
import mlcroissant
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from persllm_bench.cli import app
from persllm_bench.items import Data
from persllm_bench.release import persllm_records
from persllm_bench.release.publish import export
from persllm_bench.release.tables import DESCRIPTIONS
from persllm_bench.schema import OpenItem, TrainConversation

run = CliRunner().invoke


@pytest.fixture(scope="module")
def folder(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("release") / "dataset"
    export(data, path, published="2026-01-31")
    return path


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_datasets_reads_every_table_from_the_folder(folder: Path, name: str, tmp_path: Path) -> None:
    split = "train" if name == "train" else "test"
    found = datasets.load_dataset(str(folder), name, split=split, cache_dir=str(tmp_path))
    assert len(found) > 0


def test_no_item_is_lost_in_the_tables(folder: Path, data: Data, tmp_path: Path) -> None:
    found = datasets.load_dataset(str(folder), "knowledge", split="test", cache_dir=str(tmp_path))
    there = {(row["id"], row["stage"]): row["options"][row["answer"]] for row in found}
    items = [i for p in data.personas.values() for i in p.items["knowledge"]]
    assert there == {(i.id, stage): i.options[key] for i in items for stage, key in i.answer.items()}


def test_the_croissant_metadata_is_valid_and_reads_the_files_that_it_names(folder: Path, data: Data) -> None:
    found = mlcroissant.Dataset(folder / "croissant.json")
    assert not found.metadata.issues.errors
    assert not found.metadata.issues.warnings
    assert {r.id for r in found.metadata.record_sets} == set(DESCRIPTIONS)
    assert sum(1 for _ in found.records("topics")) == len(data.topics)
    for file in json.loads((folder / "croissant.json").read_text())["distribution"]:
        assert hashlib.sha256((folder / file["contentUrl"]).read_bytes()).hexdigest() == file["sha256"]


def test_two_exports_are_the_same_bytes(folder: Path, data: Data, tmp_path: Path) -> None:
    for path in export(data, tmp_path / "again", published="2026-01-31"):
        assert path.read_bytes() == (folder / path.relative_to(tmp_path / "again")).read_bytes()


def test_an_export_never_writes_into_a_folder_that_has_files(folder: Path) -> None:
    found = run(app, ["export", str(folder)])
    assert found.exit_code == 2
    assert "not empty" in found.output


class Hub(ThreadingHTTPServer):
    """The part of the hub's HTTP interface that a push of small files speaks; it keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.files: dict[str, bytes] = {}
        self.summary = ""
        self.created: dict[str, object] = {}
        self.refuse = False


class HubHandler(BaseHTTPRequestHandler):
    server: Hub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        here = f"http://127.0.0.1:{self.server.server_port}/datasets/org/name"
        if self.headers.get("Authorization") != "Bearer secret":
            return self._say(401, {"error": "who are you?"})
        if self.path == "/api/repos/create":
            self.server.created = json.loads(body)
            return self._say(200, {"url": here, "id": "org/name", "name": "org/name"})
        if self.server.refuse:
            return self._say(403, {"error": "no right to write"})
        if self.path == "/api/validate-yaml":
            return self._say(200, {"errors": [], "warnings": []})
        if "/preupload/" in self.path:
            files = json.loads(body)["files"]
            modes = [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]
            return self._say(200, {"files": modes})
        if "/commit/" in self.path:
            for line in body.decode().splitlines():
                row = json.loads(line)
                if row["key"] == "header":
                    self.server.summary = row["value"]["summary"]
                else:
                    self.server.files[row["value"]["path"]] = base64.b64decode(row["value"]["content"])
            return self._say(200, {"commitUrl": f"{here}/commit/1", "commitOid": "1" * 40, "success": True})
        return self._say(404, {"error": self.path})

    def do_GET(self) -> None:
        self._say(200, {"id": "org/name", "sha": "0" * 40, "siblings": [], "private": False, "tags": []})

    def _say(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    import huggingface_hub.constants

    server = Hub()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def _publish(hub: Hub, *more: str) -> object:
    address = f"http://127.0.0.1:{hub.server_port}"
    return run(app, ["publish", "--repo", "org/name", "--endpoint", address, "--token", "secret", *more])


def test_a_push_is_one_commit_with_every_exported_file(hub: Hub, folder: Path) -> None:
    found = _publish(hub)
    assert found.exit_code == 0, found.output
    assert hub.created["type"] == "dataset"
    exported = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert set(hub.files) == set(exported)
    assert all(hub.files[name] == content for name, content in exported.items() if name.endswith((".parquet", ".md")))
    assert "persllm-bench" in hub.summary


def test_a_dry_run_lists_what_would_go_and_sends_nothing(hub: Hub) -> None:
    found = _publish(hub, "--dry-run")
    assert found.exit_code == 0
    assert "data/knowledge.parquet" in found.output
    assert hub.files == {}
    assert hub.created == {}


def test_a_refusal_of_the_hub_is_said(hub: Hub) -> None:
    hub.refuse = True
    found = _publish(hub)
    assert found.exit_code == 2
    assert "the hub refused org/name" in found.output


def test_a_push_without_a_token_or_with_a_bad_name_is_refused_before_anything_is_sent(hub: Hub) -> None:
    address = f"http://127.0.0.1:{hub.server_port}"
    assert "no token" in run(app, ["publish", "--repo", "org/name", "--endpoint", address, "--token", ""]).output
    assert "allowed: ORG/NAME" in run(app, ["publish", "--repo", "name", "--endpoint", address]).output
    assert hub.created == {}


RECORD = (
    "She kept the light alone for three winters.\n"
    "[question] Who trimmed the lamp when you slept?\n"
    "[Analysis] Asked about the nights; she had nobody. [Response] I slept by day. The night was the lamp's.\n"
    "The station had one keeper until 1960.\n"
    "A lamp that nobody trims is a lamp that nobody watches.\n"
    "\n"
)


def test_a_record_of_the_paper_is_read_field_by_field() -> None:
    (record,), faults = persllm_records.parse(RECORD, "x")
    assert not faults
    assert record.material.startswith("She kept")
    assert record.question == "Who trimmed the lamp when you slept?"
    assert record.analysis == "Asked about the nights; she had nobody."
    assert record.response == "I slept by day. The night was the lamp's."
    assert record.style.startswith("A lamp")


part = (
    st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1)
    .map(str.strip)
    .filter(lambda t: t and "[" not in t and len(t.splitlines()) == 1)
)


@given(st.lists(st.tuples(part, part, part, part, part, part), min_size=1, max_size=5))
def test_whatever_is_written_in_the_paper_s_form_is_read_back(parts: list[tuple[str, ...]]) -> None:
    text = "".join(f"{m}\n[question] {q}\n[Analysis] {a} [Response] {r}\n{k}\n{s}\n\n" for m, q, a, r, k, s in parts)
    records, faults = persllm_records.parse(text, "x")
    assert not faults
    assert [(r.material, r.question, r.analysis, r.response, r.knowledge, r.style) for r in records] == parts


@given(st.text())
def test_any_text_gives_records_or_faults_and_never_an_exception(text: str) -> None:
    records, faults = persllm_records.parse(text, "x")
    assert records or faults


def test_every_broken_record_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    broken = RECORD + RECORD.replace("[Response]", "(response)") + RECORD.replace("[question] Who", "Who") + "alone\n"
    (tmp_path / "records.txt").write_text(broken)
    given_files = [f"early={tmp_path / 'records.txt'}", "--persona", "tove_rask", "--output", str(tmp_path / "out")]
    found = run(app, ["import-persllm", *given_files])
    assert found.exit_code == 2
    for line, rule in ((9, "answer"), (14, "question"), (19, "lines")):
        assert f"records.txt:{line}" in found.output.replace("\n", "")
        assert rule in found.output
    assert not (tmp_path / "out").exists()


def test_records_become_conversations_open_items_and_a_dossier_that_they_cite(tmp_path: Path) -> None:
    text = "".join(RECORD.replace("Who trimmed", f"{i}: who trimmed").replace("three", str(i // 4)) for i in range(40))
    for stage in ("early", "late"):
        (tmp_path / f"{stage}.txt").write_text(text + RECORD + RECORD)
    out = tmp_path / "tove_rask"
    files = [f"early={tmp_path / 'early.txt'}", f"late:induced={tmp_path / 'late.txt'}"]
    found = run(app, ["import-persllm", *files, "--persona", "tove_rask", "--output", str(out)])
    assert found.exit_code == 0, found.output
    trains = [
        TrainConversation.model_validate_json(line)
        for stage in ("early", "late")
        for line in (out / "train" / f"{stage}.jsonl").read_text().splitlines()
    ]
    items = [OpenItem.model_validate_json(line) for line in (out / "items" / "open.jsonl").read_text().splitlines()]
    assert len(trains) + len(items) == 82
    assert 4 <= len(items) <= 30
    assert {t.kind for t in trains if t.stage == "late"} == {"induced"}
    assert not {t.prompt for t in trains} & {i.questions[0] for i in items}
    statements = {line.split(".")[0] for line in (out / "early.md").read_text().splitlines()}
    assert {e for t in trains if t.stage == "early" for e in t.evidence} <= statements
