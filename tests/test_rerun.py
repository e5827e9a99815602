"""Asking again: honest submissions pass, invented replies do not."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from conftest import Files, invoke, run, started
from persllm_bench import policies
from persllm_bench.items import Data
from persllm_bench.scoring import Reply
from persllm_bench.submissions import Bundle, folder_tree, memory_tree, pack, validate
from persllm_bench.submissions.compare import Drawn, compare, draw, same
from persllm_bench.submissions.levels import Verification, append, levels
from persllm_bench.suite import TASKS


@pytest.fixture(scope="module")
def short(mini: Path, meta: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A submission of the mini model with several hundred short calls: no persona, so no dossier in the prompt."""
    folder = tmp_path_factory.mktemp("short")
    tasks = "persllm_knowledge,persllm-quick_dialogue"
    run("--model", mini, "--tasks", tasks, "--condition", "none", "--output", folder / "run")
    done = invoke("pack", folder / "run", "--meta", meta, "--output", folder / "submissions", "--run", "short")
    assert done.exit_code == 0, done.output
    return next((folder / "submissions").glob("*/*/*"))


def fixed(folder: Path, mini: Path, *more: str | Path) -> list[str | Path]:
    options = ("--level", "2", "--seed-string", "a public string", "--model", mini, "--batch-size", "5")
    return ["rerun", folder, *options, *more]


def test_a_rerun_in_other_batches_and_threads_passes(short: Path, mini: Path, tmp_path: Path) -> None:
    """In a process of its own: threads are counted once, when torch is loaded."""
    process = started(*fixed(short, mini, "--record", tmp_path / "verifications.jsonl", "--threads", "2"))
    assert process.wait() == 0
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
    done = invoke(*fixed(tmp_path / where, mini, "--record", tmp_path / "verifications.jsonl"))
    assert done.exit_code == 1, done.output[-3000:]
    assert "re-run FAILED" in done.output
    assert json.loads((tmp_path / "verifications.jsonl").read_text())["level"] == 1


def test_a_rerun_refuses_another_model_and_a_seed_that_is_missing(short: Path, mini: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert "is another model" in invoke(*fixed(short, tmp_path)).output
    assert "--seed-string" in invoke("rerun", short, "--model", mini).output


def bundle_of(files: Files, data: Data) -> Bundle:
    return validate(memory_tree(files[1]), files[0], data)


def test_a_draw_is_of_whole_items_of_every_persona_and_follows_from_the_string(data: Data, mini_bundle: Files) -> None:
    bundle = bundle_of(mini_bundle, data)
    one, same_again, other = (draw(bundle, data, seed, 0.1) for seed in ("a", "a", "b"))
    ids = [[s.id for part in found for s in part.samples] for found in (one, same_again, other)]
    assert ids[0] == ids[1] != ids[2]
    for part in one:
        rows = bundle.replies[part.condition, part.task]
        assert {s.persona for s in part.samples} == {r.persona for r in rows}
        chosen = {(s.persona, s.item) for s in part.samples}
        assert len(part.samples) == sum((r.persona, r.item) in chosen for r in rows)
    everything = draw(bundle, data, "a", 1.0)
    assert sum(len(p.samples) for p in everything) == sum(map(len, bundle.replies.values()))


def disturbed(drawn: list[Drawn], share: float, seed: int) -> list[list[Reply]]:
    """Letters changed at random in so many calls: what another machine, or a forger, does."""
    rng = random.Random(seed)

    def change(reply: Reply) -> Reply:
        letter = reply.reply is not None and len(reply.reply) == 1
        return reply.model_copy(update={"reply": rng.choice("ABCD")}) if letter and rng.random() < share else reply

    return [[change(r) for r in part.replies] for part in drawn]


def test_a_submission_may_differ_as_much_as_the_control_and_no_more(data: Data, mini_bundle: Files) -> None:
    drawn = draw(bundle_of(mini_bundle, data), data, "a", 1.0)
    exact = [part.replies for part in drawn]
    assert compare(data, drawn, exact, exact).passes
    failed = 0
    for seed in range(20):
        new, control = disturbed(drawn, 0.05, seed), disturbed(drawn, 0.05, 100 + seed)
        failed += not compare(data, drawn, new, control).agrees
    assert failed <= 2
    assert not compare(data, drawn, disturbed(drawn, 0.10, 0), disturbed(drawn, 0.10, 0)).agrees


def test_a_score_that_is_better_than_the_new_run_is_not_equivalent(data: Data, mini_bundle: Files) -> None:
    drawn = draw(bundle_of(mini_bundle, data), data, "a", 1.0)
    letters = [part for part in drawn if part.task in ("persllm-quick_knowledge", "persllm-quick_premise")]
    right = policies.oracle(data)
    perfect = [Drawn(p.condition, p.task, p.samples, policies.answer(p.samples, right, p.condition)) for p in letters]
    found = compare(data, perfect, [p.replies for p in letters], [p.replies for p in letters])
    assert found.difference.low > 2
    assert not found.equivalent
    assert "re-run FAILED" in found.told()[-1]


def test_a_failure_agrees_with_nothing(data: Data, mini_bundle: Files) -> None:
    row = bundle_of(mini_bundle, data).replies["profile", "persllm-quick_identity"][0]
    broken = row.model_copy(update={"reply": None, "error": "timeout"})
    assert same(row, row)
    assert not same(row, broken)
    assert not same(broken, broken)


def test_the_last_line_of_a_bundle_is_its_level_and_a_malformed_line_is_told(tmp_path: Path) -> None:
    file = tmp_path / "verifications.jsonl"
    assert levels(file) == {}
    for level in (2, 3, 1):
        append(file, Verification(where="x", content_sha256="0" * 64, level=level, day="2026-11-21", note="n"))
    assert levels(file) == {"0" * 64: 1}
    assert len(file.read_text().splitlines()) == 3
    with file.open("a") as out:
        out.write('{"level": 4}\n')
    with pytest.raises(ValueError, match=r"verifications\.jsonl:4"):
        levels(file)
