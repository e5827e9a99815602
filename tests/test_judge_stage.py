"""The second stage: judged runs on disk, resumed without asking twice, shown with the judge's own worth."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from conftest import invoke
from persllm_bench.drivers import Target
from persllm_bench.items import Data
from persllm_bench.judging import journal, policies, report, stage
from persllm_bench.judging.folder import JudgeFolder
from persllm_bench.judging.policies import FAITHFUL, Judge, error_in
from persllm_bench.judging.rubric import as_text
from persllm_bench.runs import RunError, RunFolder, facts
from persllm_bench.samples import Sample
from persllm_bench.scoring import Reply
from persllm_bench.suite import task
from persllm_bench.usage import Usage

NAME = "persllm_open"
TARGET = Target("some/judge", model_args={"revision": "abc"})


class Known:
    """A judge that is a policy; dies after so many answers."""

    usage = Usage()

    def __init__(self, judge: Judge, dies_after: int = 10**9):
        self.judge, self.dies_after, self.heard = judge, dies_after, list[str]()

    def ask(self, samples: Sequence[Sample], heard: Callable[[Sample, dict[str, Any]], None]) -> None:
        for s in samples:
            if len(self.heard) >= self.dies_after:
                raise KeyboardInterrupt
            self.heard.append(s.id)
            heard(s, {"reply": self.judge(s), "finish_reason": "stop"})


@pytest.fixture
def run(data: Data, tmp_path: Path) -> RunFolder:
    """A run of open replies: two sentences each."""
    folder = RunFolder(tmp_path / "profile")
    known = facts(
        data, condition="profile", personas=["ada_lovelace", "kim"], tasks=[NAME], model="m", model_sha256=None,
        backend="hf", model_args={}, reasoning=0, harness="lm-eval", packages={},
    )  # fmt: skip
    folder.begin(known)
    asked = task(NAME).samples(data, "profile", known.personas)
    folder.save(NAME, [Reply.to(s, "profile", reply="I am here. I stay where I am.") for s in asked])
    return folder


def rater(data: Data, other: Judge) -> Judge:
    """On the gold set an oracle; on a run's replies `other`."""
    oracle = policies.oracle(data)
    return lambda s: other(s) if s.task == "fidelity" else oracle(s)


def judged(run: RunFolder, data: Data, known: Known, **options: Any) -> report.Fidelity:
    works = stage.plan([run.path], TARGET, data, **options)
    stage.judge(works, TARGET, data, say=lambda _: None, judge=known, quick=options.get("quick", False))
    return report.found(run, works[0].folder, data)


def test_a_good_judges_figures_are_trusted_and_by_hand(data: Data, run: RunFolder) -> None:
    def half(s: Sample) -> str:
        return as_text(error_in(2, "style", 3) if s.variant == "open/wording0" else FAITHFUL)

    found = judged(run, data, Known(rater(data, half)))
    assert found.trusted
    shares = {f.name: (f.raw.value, f.corrected and f.corrected.estimate) for f in found.figures}
    assert shares["error_any"] == shares["error_open"] == shares["error_style"] == (0.5, pytest.approx(0.5))
    assert shares["error_stage"] == (0, 0)
    values = {name: m.value for name, m in found.measures.items()}
    assert values["acc"] == pytest.approx(0.75)
    assert values["ic"] == pytest.approx(0.5)  # labels 1 0 are as far apart as can be: 0; labels 1 1: 1
    assert values["rc"] == pytest.approx(0.5)
    assert values["score_style"] == pytest.approx(4)
    assert values["unparsed"] == 0


def test_a_judge_that_fails_its_gate_is_shown_as_failing(data: Data, run: RunFolder) -> None:
    found = judged(run, data, Known(policies.constant()))
    assert not found.trusted
    assert found.doubts[0] == "kappa is 0.00, at least 0.6 is needed"
    assert {f.corrected for f in found.figures} == {None}
    row = report.as_json(found)
    assert (row["trusted"], row["own_replies"]) == (False, False)
    assert row["figures"]["error_any"]["corrected"] is None
    assert (row["figures"]["error_any"]["raw"]["value"], row["figures"]["error_any"]["raw"]["n"]) == (0, 48)


def test_what_cannot_be_read_is_never_faithful(data: Data, run: RunFolder) -> None:
    found = judged(run, data, Known(rater(data, lambda s: "Five out of five!")))
    assert found.figures[0].raw.value == 1
    assert found.measures["unparsed"].value == 1
    assert found.measures["acc"].value is None
    rows = JudgeFolder(found.run / "judgements" / found.judge.name).judgements(NAME)
    assert {r.reply for r in rows} == {"Five out of five!"}


def test_a_slice_of_the_gold_set_is_never_enough_to_be_trusted(data: Data, run: RunFolder) -> None:
    known = Known(rater(data, lambda s: as_text(FAITHFUL)))
    found = judged(run, data, known, quick=True)
    assert (found.gate.passed, found.trusted) == (True, False)
    assert found.doubts == ("calibrated on a slice of the gold set only",)


def files(run: RunFolder) -> dict[str, bytes]:
    return {
        str(p.relative_to(run.path)): p.read_bytes()
        for p in (run.path / "judgements").rglob("*")
        if p.is_file() and p.name != "usage.jsonl"
    }


def test_an_interrupted_judge_asks_nothing_twice_and_leaves_the_same_bytes(data: Data, run: RunFolder) -> None:
    judge = rater(data, lambda s: as_text(FAITHFUL))
    whole = Known(judge)
    judged(run, data, whole, quick=True)
    expected = files(run)
    for path in sorted((run.path / "judgements").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    asked: list[str] = []
    for dies_after in (5, 30, 11, 10**9):
        known = Known(judge, dies_after)
        with suppress(KeyboardInterrupt):
            judged(run, data, known, quick=True)
        asked += known.heard
        for part in (run.path / "judgements").rglob("*.part"):
            with part.open("a") as file:
                file.write('{"task": "fidel')  # killed while writing
    assert sorted(asked) == sorted(whole.heard)
    assert files(run) == expected
    again = Known(judge)
    judged(run, data, again, quick=True)
    assert again.heard == []


def test_what_failed_for_good_is_recorded_and_can_be_asked_again(data: Data, tmp_path: Path) -> None:
    samples = task("persllm-quick_judge").samples(data, "profile")

    class Failing(Known):
        def ask(self, samples: Sequence[Sample], heard: Callable[[Sample, dict[str, Any]], None]) -> None:
            for i, s in enumerate(samples):
                heard(s, {"error": "HTTPStatusError: 400"} if i % 2 else {"reply": self.judge(s)})

    path = tmp_path / "j.jsonl"
    rows = journal.fill(samples, path, lambda: Failing(policies.constant()))
    assert sum(r.error is not None for r in rows) == len(samples) // 2
    assert journal.open_samples(samples, path) == []
    assert journal.forget_failures(path) == len(samples) // 2
    assert len(journal.open_samples(samples, path)) == len(samples) // 2
    assert all(r.error is None for r in journal.fill(samples, path, lambda: Known(policies.constant())))


def test_a_judge_that_is_gone_stops_the_work_and_keeps_what_was_heard(data: Data, tmp_path: Path) -> None:
    samples = task("persllm-quick_judge").samples(data, "profile")

    class Gone(Known):
        def ask(self, samples: Sequence[Sample], heard: Callable[[Sample, dict[str, Any]], None]) -> None:
            for i, s in enumerate(samples):
                heard(s, {"reply": "A"} if i < 2 else {"error": "ConnectError: refused"})

    with pytest.raises(RunError, match="20 times in a row"):
        journal.fill(samples, tmp_path / "j.jsonl", lambda: Gone(policies.constant()))
    assert len(journal.read(tmp_path / "j.jsonl.part")) == 2 + journal.MAX_FAILURES - 1


def test_another_replys_judgement_is_refused(data: Data, run: RunFolder) -> None:
    found = judged(run, data, Known(rater(data, lambda s: as_text(FAITHFUL))), quick=True)
    rows = [r.model_copy(update={"reply": "I was there."}) for r in run.replies(NAME)]
    run.save(NAME, rows)
    folder = JudgeFolder(found.run / "judgements" / found.judge.name)
    with pytest.raises(ValueError, match="another prompt than this version's"):
        report.found(run, folder, data)


def test_a_calibration_of_another_judge_is_refused(data: Data, run: RunFolder) -> None:
    with pytest.raises(RunError) as caught:
        stage.plan([run.path], TARGET, data, calibration=run.path)
    assert "model: there 'm', needed 'some/judge'" in str(caught.value)
    assert "no answers to persllm_judge or persllm-quick_judge" in str(caught.value)


def test_judges_are_listed_once_with_gate_and_attacks(data: Data, run: RunFolder) -> None:
    known = Known(rater(data, lambda s: as_text(FAITHFUL)))
    judged(run, data, known, quick=True)
    judged(run, data, known)
    (row,) = report.judges([run.path], data)
    assert (row["judge"], row["revision"], row["whole"], row["passed"]) == ("some/judge", "abc", True, True)
    assert row["measures"]["kappa"]["value"] == 1
    assert set(row["attacks"].values()) == {0}
    assert row["confusion"]["style"]["style"] == 96
    assert json.loads(json.dumps(row)) == row


def test_people_correct_the_judge_only_by_a_complete_random_draw(data: Data, run: RunFolder, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.jsonl"

    def adjudicate(*options: str | Path):
        return invoke("adjudicate", run.path, "--task", NAME, *options)

    assert "nothing was drawn" in adjudicate("--import", sheet).output
    drawn = adjudicate("--draw", "40", "--sheet", sheet)
    assert (drawn.exit_code, "40 of 48" in drawn.output) == (0, True)
    assert "holds another draw" in adjudicate("--draw", "41", "--sheet", sheet).output
    rows = [json.loads(line) for line in sheet.read_text().splitlines()]
    assert all("[2] I stay where I am." in r["asked"] and r["errors"] is None for r in rows)
    bad = [*rows[:2], {**rows[2], "errors": [{"sentence": 3, "kind": "style"}]}, {**rows[3], "id": "x|y|z|w"}]
    bad += [{**rows[4], "errors": [], "note": "nice"}, {**rows[5], "errors": []}, {**rows[5], "errors": []}]
    sheet.write_text("".join(json.dumps(r) + "\n" for r in bad))
    refused = adjudicate("--import", sheet).output
    for said in (
        "is not filled in",
        "names sentence 3, allowed: 1 to 2",
        "was not drawn",
        "note",
        "comes twice",
        "no row for",
    ):
        assert said in refused, said
    good = [{**r, "errors": [{"sentence": 1, "kind": "style"}] if i % 2 else []} for i, r in enumerate(rows)]
    sheet.write_text("".join(json.dumps(r) + "\n" for r in good))
    assert "20 with an error" in adjudicate("--import", sheet, "--rater", "anna").output
    assert "allowed are small letters" in adjudicate("--import", sheet, "--rater", "../x").output
    found = judged(run, data, Known(rater(data, lambda s: as_text(FAITHFUL))), quick=True)
    assert found.adjudicated == {}, "fewer than 200 promise nothing"


def test_two_hundred_adjudicated_replies_give_their_own_figure(data: Data, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "profile")
    known = facts(
        data, condition="profile", personas=[], tasks=[NAME], model="m", model_sha256=None, backend="hf",
        model_args={}, reasoning=0, harness="lm-eval", packages={},
    )  # fmt: skip
    run.begin(known)
    run.save(NAME, [Reply.to(s, "profile", reply="I stay.") for s in task(NAME).samples(data, "profile")])
    sheet = tmp_path / "sheet.jsonl"
    assert invoke("adjudicate", run.path, "--draw", "200", "--sheet", sheet).exit_code == 0
    rows = [json.loads(line) for line in sheet.read_text().splitlines()]
    filled = [{**r, "errors": [{"sentence": 1, "kind": "style"}] if i % 4 == 0 else []} for i, r in enumerate(rows)]
    sheet.write_text("".join(json.dumps(r) + "\n" for r in filled))
    assert invoke("adjudicate", run.path, "--import", sheet).exit_code == 0
    found = judged(run, data, Known(rater(data, lambda s: as_text(FAITHFUL))), quick=True)
    interval = found.adjudicated[NAME]
    assert interval.estimate == pytest.approx(0.25)
    assert 0 < interval.low < 0.25 < interval.high < 0.4


def test_the_command_says_the_cost_then_judges_and_prints(mini: Path, lm_eval_runs: Path, tmp_path: Path) -> None:

    root = tmp_path / "mini"
    shutil.copytree(lm_eval_runs / "profile", root / "profile")
    base = ["judge", root, "--judge", mini, "--tasks", "persllm-quick_open"]
    cost = invoke(*base, "--dry-run")
    assert cost.exit_code == 0, cost.output
    assert "profile: persllm_judge" in cost.output
    assert "unknown before the first calls" in " ".join(cost.output.split())
    assert not list((root / "profile" / "judgements").rglob("*.jsonl"))
    done = invoke(*base, "--quick", "--calibration", root / "profile", "--attacks")
    assert done.exit_code == 0, (done.output[-2000:], done.exception)
    assert "NOT TRUSTED" in done.output
    assert "4 calls in" in done.output
    assert "homoglyphs" in done.output
    again = invoke(*base, "--quick", "--json")
    rows = json.loads(again.output)
    assert rows["judges"][0]["passed"] is False
    assert rows["runs"][0]["trusted"] is False
    assert rows["runs"][0]["own_replies"] is True
    wrong = invoke("judge", root, "--judge", mini, "--tasks", "persllm_knowledge")
    assert wrong.exit_code == 2
    assert "no free text of persllm_knowledge; it has persllm-quick_open" in " ".join(wrong.output.split())
