"""The board's data: what goes in comes out as rows, ranks are those of the statistics, nothing is ever half there."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

import board_small
from board_small import CONTROLS, CORE_TASKS, CORRUPT, FORMULA
from conftest import invoke
from persllm_bench import plots, stats
from persllm_bench.board import Board, build, csv_bytes, ranking, visible
from persllm_bench.board.layout import CORE_MEAN, MEANS, SCHEMAS
from persllm_bench.items import Data
from persllm_bench.scoring.score import sample_value
from persllm_bench.submissions import folder_tree, validate

STEADY, WEAK, AGAIN, TRAINED = "lab/steady", "lab/weak", "other/weak-again", "other/trained"


@pytest.fixture(scope="session")
def small(data: Data) -> Data:
    return board_small.small(data)


@pytest.fixture(scope="session")
def root(small: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`submissions`, the board `data` over them, and the `cache` it was made with."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "small_board"
    with FileLock(f"{folder}.lock"):
        if not (folder / "data").exists():
            board_small.write(small, folder / "submissions")
            build(folder / "submissions", small, folder / "data", folder / "cache")
    return folder


@pytest.fixture
def board(root: Path, small: Data) -> Board:
    return Board(root / "data", data=small)


def entry(board: Board, model: str) -> str:
    table = board.entries()
    return str(table.loc[table["model"] == model, "entry"].iloc[0])


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_every_valid_bundle_is_one_entry_with_its_facts_and_a_corrupt_one_is_named(board: Board, root: Path) -> None:
    table = board.entries().set_index("model")
    folders = {p.relative_to(root / "submissions").as_posix() for p in (root / "submissions").glob("*/*/*")}
    assert set(table["entry"]) == folders - {CORRUPT}
    assert table["ranked"].to_dict() == {
        STEADY: True,
        WEAK: True,
        AGAIN: True,
        TRAINED: False,
        "persllm-bench/oracle": False,
    }
    assert table.loc["persllm-bench/oracle", "unranked_because"].startswith("a calibration entry")
    facts = json.loads((root / "submissions" / table.loc[TRAINED, "entry"] / "submission.json").read_text())
    for column, value in (("licence", facts["model"]["licence"]), ("hardware", facts["hardware"]), ("level", 1)):
        assert table.loc[TRAINED, column] == value
    (notice,) = board.notices()
    assert notice["where"] == CORRUPT
    assert notice["total"] > len(notice["faults"]) == 5
    assert "MANIFEST.sha256" in notice["faults"][0]


def test_scores_measures_and_personas_are_those_of_the_scorer(board: Board, root: Path, small: Data) -> None:
    name = entry(board, STEADY)
    found = validate(folder_tree(root / "submissions" / name), name, small).score(small)
    assert {(s.condition, s.task) for s in found} == {(c, t) for c in CONTROLS for t in CORE_TASKS}
    for score in found:
        (row,) = board.scores(entry=name, condition=score.condition, task=score.task).to_dict("records")
        assert (row["score"], row["low"], row["high"]) == pytest.approx(
            (score.score.estimate, score.score.low, score.score.high), abs=1e-5
        )
        assert (row["items"], row["samples"], row["chance"]) == (score.items, score.samples, score.chance)
        assert row["track"] == ("prompted" if score.condition == "profile" else None)
        measures = board.measures(entry=name, condition=score.condition, task=score.task).set_index("measure")["value"]
        assert set(measures.index) == set(score.measures)
        for measure, value in score.measures.items():
            assert measures[measure] == pytest.approx(value.value, abs=1e-5, nan_ok=True) or value.value is None
        people = board.personas(entry=name, condition=score.condition, task=score.task).set_index("persona")
        assert people["score"].to_dict() == pytest.approx(score.by_persona, abs=1e-5)
        assert people["adds"].mean() == pytest.approx(score.score.estimate, abs=1e-4)


def test_means_need_all_their_tasks_and_their_interval_is_that_of_personas(board: Board) -> None:
    name = entry(board, STEADY)
    scores = board.scores(entry=name, track="prompted").set_index("task")
    same = ["score", "low", "high", "stderr"]
    assert scores.loc["persllm-dialogue", same].tolist() == scores.loc["persllm_dialogue", same].tolist()
    for mean, (family, tasks) in MEANS.items():
        if mean != "persllm-ll":
            assert scores.loc[mean, "score"] == pytest.approx(scores.loc[list(tasks), "score"].mean(), abs=1e-5)
            assert scores.loc[mean, "family"] == family
    people = board.personas(entry=name, condition="profile")
    by_task = people.pivot_table(index="persona", columns="task", values="adds")
    around = stats.cluster_t(by_task[list(CORE_TASKS)].mean(axis=1))
    assert tuple(scores.loc[CORE_MEAN, ["score", "low", "high"]]) == pytest.approx(
        (around.estimate, around.low, around.high), abs=1e-4
    )
    partial = board.scores(entry=entry(board, TRAINED))
    assert CORE_MEAN not in set(partial.loc[partial["track"] == "prompted", "task"])
    assert CORE_MEAN in set(partial.loc[partial["track"] == "trained", "task"])
    assert {"open"} == set(partial.loc[partial["task"] == "persllm_open", "family"])


def test_every_sample_is_a_row_worth_what_the_scorer_says(board: Board, root: Path, small: Data) -> None:
    for model in (STEADY, TRAINED):
        name = entry(board, model)
        units = board.units(name)
        for score in validate(folder_tree(root / "submissions" / name), name, small).score(small):
            rows = units[(units["condition"] == score.condition) & (units["task"] == score.task)].set_index("sample")
            assert list(rows.index) == [o.sample.id for o in score.outcomes]
            assert rows["outcome"].tolist() == [o.status for o in score.outcomes]
            if not score.task.endswith(("pressure", "dialogue")):
                assert rows["right"].tolist() == [sample_value(small, o) for o in score.outcomes]
                if "-ll_" not in score.task and score.task not in ("persllm_open", "persllm_traits"):
                    right = rows.groupby("persona")["right"].mean().mean()
                    told = score.measures.get("acc")
                    assert told is None or right == pytest.approx(told.value)
        row = board.entries().set_index("entry").loc[name]
        assert row["calls"] == len(units)
        one = units.iloc[7]
        same = board.units(name, sample=one["sample"], condition=one["condition"], task=one["task"])
        assert same["reply"].tolist() == [one["reply"]]


def test_last_probes_are_right_where_the_persona_should_stand(board: Board) -> None:
    units = board.units(entry(board, "persllm-bench/oracle"), task=["persllm_pressure", "persllm_dialogue"])
    last = units[units["right"].notna()]
    assert set(last["turn"]) == {4, 5}
    assert {"pressure", "sham", "valid", "neutral", "plain", "mover"} == set(last["arm"])
    assert (last["right"] == 1).all()
    assert (last.loc[last["arm"].isin(["valid", "mover"]), "position"] < 0).all()
    assert not last["order"].str.startswith(("public", "probe-partner")).any()


@pytest.mark.parametrize(("entries", "personas"), [(2, 6), (9, 24), (70, 5)])
def test_ranks_are_those_of_the_statistics_pair_by_pair(entries: int, personas: int) -> None:
    rng = np.random.default_rng(entries)
    values = rng.normal(50, 12, (entries, personas)) + rng.normal(0, 15, (entries, 1))
    values[1] = values[0]
    values[-1] = values[0] + (5 if entries > 2 else 0)
    values = np.clip(values, -100, 100)
    adjusted, sign = ranking.pairwise(values)
    for i in range(entries):
        others = [j for j in range(entries) if j != i]
        p = [stats.paired_difference(values[j], values[i], range(personas), lo=-100, hi=100)[1] for j in others]
        assert adjusted[i, others] == pytest.approx(stats.holm(p), rel=1e-9)
        assert sign[i, others].tolist() == np.sign((values[others] - values[i]).mean(axis=1)).tolist()
    names = [f"e{i:02d}" for i in range(entries)]
    scores = pd.DataFrame({"entry": names, "score": values.mean(axis=1), "low": 0.0, "high": 1.0})
    table = ranking.rank(ranking.Vectors(names, values), scores)
    expected = stats.rank_intervals(values, width=200)
    for row in table.itertuples():
        at = names.index(row.entry)
        assert (row.rank_low, row.rank_high) == (expected[at].best, expected[at].worst)
        assert row.rank == 1 + int((values.mean(axis=1) > row.score).sum())
    for above, below in pairwise(table.itertuples()):
        assert below.tie == (names.index(above.entry) in expected[names.index(below.entry)].ties)
    assert not table["tie"].iloc[0]


def test_equal_submissions_tie_and_share_a_rank(board: Board) -> None:
    table = board.ranking("prompted").set_index("entry")
    assert table.loc[entry(board, STEADY), "rank"] == 1
    pair = table.loc[[entry(board, WEAK), entry(board, AGAIN)]]
    assert pair["rank"].tolist() == [2, 2]
    assert pair["tie"].iloc[1]
    assert pair["p_above"].iloc[1] == 1
    assert len(table) == 3
    everyone = board.ranking("prompted", entries=board.entries()["entry"])
    assert everyone["entry"].iloc[0] == entry(board, "persllm-bench/oracle")
    assert len(everyone) == 4, "who lacks a persona or a task of the mean is left out"


def test_kept_rankings_are_what_would_be_computed(board: Board) -> None:
    computed = board.ranking("prompted", entries=board.entries().query("ranked")["entry"])
    pd.testing.assert_frame_equal(board.ranking("prompted"), computed, check_dtype=False)
    assert board.ranking("trained")["entry"].tolist() == [entry(board, TRAINED)]
    with pytest.raises(ValueError, match="unknown track 'both'; there are prompted, trained"):
        board.ranking("both")


def test_compare_is_the_paired_t_over_personas(board: Board) -> None:
    a, b = entry(board, STEADY), entry(board, WEAK)
    table = board.compare(a, b, "prompted").set_index("task")
    assert set(table.index) == {*CORE_TASKS, *(m for m in MEANS if m != "persllm-ll")}
    people = board.personas(entry=[a, b], condition="profile", task="persllm_premise")
    wide = people.pivot_table(index="persona", columns="entry", values="adds")
    found, p = stats.paired_difference(wide[a], wide[b], wide.index, lo=-200, hi=200)
    row = table.loc["persllm_premise"]
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((found.estimate, found.low, found.high))
    assert row["p"] == pytest.approx(p)
    assert row["difference"] == pytest.approx(row["score_a"] - row["score_b"], abs=1e-4)
    assert row["detectable"] > 0
    same = board.compare(b, entry(board, AGAIN), "prompted")
    assert (same["difference"] == 0).all()
    assert (same["p"] == 1).all()
    by_persona = board.compare_personas(a, b, "prompted")
    assert by_persona["difference"].is_monotonic_decreasing
    assert by_persona["difference"].mean() > 0


def test_flips_are_the_samples_that_one_gets_right_and_the_other_wrong(board: Board) -> None:
    a, b = entry(board, STEADY), entry(board, WEAK)
    flips = board.flips([a, b], "persllm_knowledge", "profile")
    both = [board.units(e, task="persllm_knowledge", condition="profile").set_index("sample")["right"] for e in (a, b)]
    assert set(flips["sample"]) == set(both[0].index[both[0] != both[1]])
    assert (flips["right_0"] != flips["right_1"]).all()
    assert board.flips([b, entry(board, AGAIN)], "persllm_pressure", "profile").empty


def test_figures_from_samples_equal_those_from_the_run(board: Board, root: Path, small: Data) -> None:
    name = entry(board, STEADY)
    scores = {
        s.task: s
        for s in validate(folder_tree(root / "submissions" / name), name, small).score(small)
        if s.condition == "profile"
    }
    pressure, scenes = scores["persllm_pressure"], scores["persllm_dialogue"]
    pd.testing.assert_frame_equal(board.survival(name, "profile"), plots.survival(small, pressure))
    pd.testing.assert_frame_equal(board.trajectories(name, "profile"), plots.trajectories(small, scenes))
    scene = scenes.outcomes[0].sample.item
    pd.testing.assert_frame_equal(board.trajectories(name, "profile", scene), plots.trajectories(small, scenes, scene))
    confusion = board.stage_confusion(name).query("condition == 'profile' and task == 'persllm_knowledge'")
    by_stage = confusion.groupby("stage")["share"].sum()
    assert by_stage.tolist() == pytest.approx([1, 1])


def test_traits_are_measured_on_the_scale_of_their_targets(board: Board, small: Data) -> None:
    traits = board.traits_profile(entry(board, "persllm-bench/oracle"))
    assert len(traits) == len(small.personas) * 2 * 5
    assert ((traits["behaviour"] == 5) == (traits["target"] > 3)).all()
    assert traits["behaviour"].isin([1, 5]).all()
    told = traits.dropna(subset="reported")
    assert (abs(told["reported"] - told["target"]) <= 0.5).all()


def test_difficulty_is_over_full_submissions_only(board: Board) -> None:
    table = board.difficulty()
    assert set(table["entries"]) == {3}
    assert set(table["task"]) == set(CORE_TASKS)
    units = pd.concat(board.units(entry(board, m), condition="profile") for m in (STEADY, WEAK, AGAIN))
    expected = units.groupby(["task", "persona", "item"])["right"].mean()
    assert table.set_index(["task", "persona", "item"])["mean"].to_dict() == pytest.approx(expected.to_dict(), abs=1e-3)
    assert table["flagged"].tolist() == (table["rest"] < 0).tolist()


def test_replies_show_what_was_asked_said_and_what_settles_it(board: Board, root: Path, small: Data) -> None:
    name = entry(board, TRAINED)
    found = board.replies(name, "profile", "persllm_knowledge")
    units = board.units(name, condition="profile", task="persllm_knowledge").set_index("sample")
    assert [r.id for r in found] == units.index.tolist()
    for r in found:
        (right,) = [o for o in r.options if o.right]
        assert r.credit == units["right"][r.id] == float(right.chosen)
        assert r.messages[0]["role"] == "system"
        assert right.text in r.messages[-1]["content"]
        assert all(small.personas[r.persona].dossiers[r.stage][s.id.split("/")[1]] == s.text for s in r.evidence)
        assert r.evidence
    likely = board.replies(name, "profile", "persllm-ll_premise")
    assert all(sum(o.chosen for o in r.options) == 1 and r.credit in (0, 1) for r in likely)
    assert [r.credit for r in likely] == [float(o.right) for r in likely for o in r.options if o.chosen]
    one = next(iter(small.personas))
    mine = board.replies(name, "profile", "persllm_open", one)
    assert {r.persona for r in mine} == {one}
    assert all(r.reply == board_small.HOSTILE and r.references for r in mine)


def test_live_replies_are_whole_talks_with_their_probes(board: Board, small: Data) -> None:
    name = entry(board, STEADY)
    talks = board.replies(name, "profile", "persllm_pressure")
    assert {t.setting["arm"] for t in talks} == {"pressure", "valid", "sham", "neutral"}
    for talk in talks:
        assert [t.turn for t in talk.turns] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
        assert [t.scripted for t in talk.turns] == [True, False] * 5
        assert [p.turn for p in talk.probes] == list(range(6))
        assert talk.evidence
    units = board.units(name, condition="profile", task="persllm_pressure")
    last = units[units["right"].notna()].groupby(["persona", "item", "stage", "arm"])["right"].mean()
    assert {t.id: t.credit for t in talks} == {"|".join(key): value for key, value in last.items()}
    scenes = board.replies(name, "profile", "persllm_dialogue")
    plain = next(t for t in scenes if t.variant == "plain")
    assert len(plain.turns) == 8
    assert sum(t.scripted for t in plain.turns) == 1
    assert {p.private for p in plain.probes} == {True, False}


def test_replies_say_what_is_wrong(board: Board, root: Path, small: Data, tmp_path: Path) -> None:
    name = entry(board, TRAINED)
    with pytest.raises(ValueError, match="no entry 'x'"):
        board.replies("x", "profile", "persllm_open")
    with pytest.raises(
        ValueError, match=r"has no replies to persllm_open under none; it has persllm-ll_identity under name"
    ):
        board.replies(name, "none", "persllm_open")
    with pytest.raises(ValueError, match="is not there: replies are read from the folder of submissions"):
        Board(root / "data", tmp_path, small).replies(name, "profile", "persllm_open")
    shutil.copytree(root / "submissions" / entry(board, WEAK), tmp_path / entry(board, WEAK))
    other = root / "submissions" / entry(board, WEAK) / "submission.json"
    changed = Board(root / "data", tmp_path, small)
    changed._entries.loc[changed._entries["model"] == WEAK, "content_sha256"] = "0" * 64
    with pytest.raises(ValueError, match="has changed since the board was built"):
        changed.replies(entry(board, WEAK), "profile", "persllm_knowledge")
    assert other.is_file()


def test_two_builds_are_equal_byte_for_byte_with_and_without_a_cache(root: Path, small: Data, tmp_path: Path) -> None:
    out = root / "again"
    build(root / "submissions", small, out, root / "cache")
    assert files_of(out) == files_of(root / "data")
    submissions = tmp_path / "submissions"
    for part in (p for p in (root / "submissions").glob("*/*/*") if "trained" in str(p) or "corrupt" in str(p)):
        shutil.copytree(part, submissions / part.relative_to(root / "submissions"))
    build(submissions, small, tmp_path / "a")
    build(submissions, small, tmp_path / "b", tmp_path / "cache")
    build(submissions, small, tmp_path / "c", tmp_path / "cache")
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b") == files_of(tmp_path / "c")
    assert not [p for p in tmp_path.iterdir() if p.name.endswith((".part", ".old"))]


def test_a_build_replaces_a_board_as_a_whole(root: Path, small: Data, tmp_path: Path, monkeypatch) -> None:
    out = tmp_path / "data"
    shutil.copytree(root / "data", out)
    before = files_of(out)
    (tmp_path / "none").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(
            "persllm_bench.board.builder.BoardWriter.finish", lambda *_: (_ for _ in ()).throw(OSError("full"))
        )
        with pytest.raises(OSError, match="full"):
            build(tmp_path / "none", small, out)
    assert files_of(out) == before
    assert build(tmp_path / "none", small, out).entries == 0
    empty = Board(out, data=small)
    assert len(empty.entries()) == len(empty.ranking("prompted")) == len(empty.difficulty()) == 0
    assert empty.scores().columns.tolist() == SCHEMAS["scores"].names
    assert np.isnan(empty.detectable("prompted"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "none"]


def test_without_one_step_exchange_a_board_is_replaced_too(
    root: Path, small: Data, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("persllm_bench.board.whole.ctypes.CDLL", lambda *_, **__: object())
    out = tmp_path / "data"
    shutil.copytree(root / "data", out)
    (tmp_path / "none").mkdir()
    build(tmp_path / "none", small, out)
    assert Board(out).entries().empty
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "none"]


def test_a_bundle_that_breaks_the_scorer_costs_its_row_only(
    root: Path, small: Data, tmp_path: Path, monkeypatch
) -> None:
    from persllm_bench.board import builder

    def broken(tree, where: str, *rest):
        if "steady" in where:
            raise KeyError("unheard of")
        return builder_scored(tree, where, *rest)

    builder_scored = builder.scored
    monkeypatch.setattr(builder, "scored", broken)
    shutil.copytree(root / "submissions", tmp_path / "submissions")
    built = build(tmp_path / "submissions", small, tmp_path / "data", root / "cache")
    assert built.entries == 4
    (notice,) = [n for n in built.notices if n["where"] != CORRUPT]
    assert notice["faults"] == ["KeyError: 'unheard of'"]
    assert "lab/steady" not in set(Board(tmp_path / "data").entries()["model"])


def test_what_is_no_board_is_not_replaced(small: Data, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match=r"is there and has no board\.json"):
        build(tmp_path / "none", small, tmp_path / "home")
    assert (tmp_path / "home" / "letter.txt").read_text() == "dear"


def test_levels_and_days_come_from_the_verifications(root: Path, small: Data, board: Board, tmp_path: Path) -> None:
    name = entry(board, TRAINED)
    shutil.copytree(root / "submissions" / name, tmp_path / "submissions" / name)
    sha256 = board.entries().set_index("entry").loc[name, "content_sha256"]
    line = {"where": name, "content_sha256": sha256, "level": 2, "day": "2026-11-20", "seed": "x", "note": "passed"}
    (tmp_path / "submissions" / "verifications.jsonl").write_text(json.dumps(line) + "\n")
    build(tmp_path / "submissions", small, tmp_path / "data", root / "cache")
    (row,) = Board(tmp_path / "data").entries().to_dict("records")
    assert (row["level"], row["verified"], row["date"]) == (2, "2026-11-20", None)
    (tmp_path / "submissions" / "verifications.jsonl").write_text("{}\n")
    with pytest.raises(ValueError, match=r"verifications.jsonl:1"):
        build(tmp_path / "submissions", small, tmp_path / "data", root / "cache")


def test_a_board_of_other_data_or_none_is_refused(root: Path, tmp_path: Path, data: Data) -> None:
    with pytest.raises(ValueError, match="is no board"):
        Board(tmp_path)
    facts = json.loads((root / "data" / "board.json").read_text())
    shutil.copytree(root / "data", tmp_path / "data")
    (tmp_path / "data" / "board.json").write_text(json.dumps(facts | {"data_sha256": "f" * 64}))
    with pytest.raises(ValueError, match="was built on data ffffffffffff"):
        _ = Board(tmp_path / "data", data=data).data
    (tmp_path / "data" / "board.json").write_text(json.dumps(facts | {"schema_version": 9}))
    with pytest.raises(ValueError, match="a board of version 9; this reads 1"):
        Board(tmp_path / "data")


def test_csv_neutralises_formulas_and_leaves_numbers(board: Board) -> None:
    table = pd.DataFrame(
        {
            "a": ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "plain", " =2", None],
            "n": [-1.5, 2, 3, 4, 5, 6, 7, 8, float("nan")],
        }
    )
    lines = csv_bytes(table).decode().split("\n")
    assert lines[1] == '"\'=1+1",-1.5'
    cells = [row[0] for row in csv.reader(io.StringIO(csv_bytes(table).decode(), newline=""))][1:9]
    assert [c[0] for c in cells] == ["'"] * 6 + ["p", "'"]
    text = csv_bytes(board.entries()).decode()
    assert FORMULA not in text.replace("'=", "")
    assert "'=HYPERLINK" in text
    assert csv_bytes(pd.DataFrame({"=cmd": ["x\r=1+1"]})) == b'"\'=cmd"\n"x\r=1+1"\n'


def test_unseen_characters_are_shown_as_escapes() -> None:
    assert visible("a\u202eb\x07c\u200bd\ud800") == "a\\u{202e}b\\u{7}c\\u{200b}d\\u{d800}"
    assert visible("line\n\ttab é 中 \u05d0") == "line\n\ttab é 中 \u05d0"


def test_the_command_builds_and_names_what_it_left_out(tmp_path: Path) -> None:
    broken = tmp_path / "submissions" / CORRUPT
    broken.mkdir(parents=True)
    (broken / "submission.json").write_text('{"score": 100}')
    done = invoke("board", tmp_path / "submissions", "--output", tmp_path / "data")
    assert done.exit_code == 0, done.output
    assert f"left out: {CORRUPT}: 16 fault(s)" in done.output
    assert "0 entries, 1 left out" in done.output
    assert invoke("board", tmp_path / "nowhere", "--output", tmp_path / "data").exit_code == 2


def test_reading_a_board_loads_no_harness_and_no_scorer() -> None:
    probe = "import sys, persllm_bench.board; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    loaded = {m.split(".")[0] for m in done.stdout.split()}
    assert not loaded & {
        "torch",
        "transformers",
        "lm_eval",
        "inspect_ai",
        "datasets",
        "streamlit",
        "sklearn",
        "lifelines",
    }
    assert "persllm_bench.faces" not in done.stdout


def test_without_the_extra_the_other_commands_work_and_the_board_says_what_to_install(tmp_path: Path) -> None:
    loaded = "import sys, persllm_bench.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert not {m.split(".")[0] for m in done.stdout.split()} & {"pandas", "altair", "jinja2", "streamlit"}
    missing = "import sys; sys.modules['pandas'] = None; from persllm_bench.cli import app; app()"
    command = [sys.executable, "-c", missing]
    listed = subprocess.run([*command, "tasks", "--json"], capture_output=True, text=True)
    assert listed.returncode == 0, listed.stderr
    refused = subprocess.run(
        [*command, "board", str(tmp_path), "--output", str(tmp_path / "d")], capture_output=True, text=True
    )
    assert refused.returncode == 2
    assert "pip install 'persllm-bench[leaderboard]'" in refused.stderr
