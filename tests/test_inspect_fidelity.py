"""`persllm_fidelity` in Inspect: free replies and their judgements in one eval."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.model import get_model

import policies as known_policies  # registers the model API `policy`
from persllm_bench.faces.inspect_fidelity import persllm_quick_fidelity
from persllm_bench.faces.inspect_logs import replies_of
from persllm_bench.judging.policies import FAITHFUL, error_in
from persllm_bench.judging.rubric import as_text

assert known_policies.PolicyAPI


def test_inspect_has_open_replies_rated_by_the_grader_in_the_same_eval(tmp_path: Path) -> None:
    ok, slip = as_text(FAITHFUL), as_text(error_in(2, "style", 3))
    model, grader = (
        get_model("policy/known", memoize=False, texts=texts)
        for texts in (defaultdict(lambda: "I am here. I stay."), Alternating([ok, slip]))
    )
    (log,) = inspect_eval(
        persllm_quick_fidelity(), model=model, model_roles={"grader": grader}, log_dir=str(tmp_path), display="none"
    )
    assert log.status == "success", log.error
    assert log.results is not None
    values = {name: m.value for name, m in log.results.scores[0].metrics.items()}
    assert values["faithful"] == pytest.approx(0.5)
    assert values["acc"] == pytest.approx(0.75)
    assert values["unparsed"] == 0
    assert [r.reply for r in replies_of(log)] == ["I am here. I stay."] * 4
    assert all("persllm_judgement" in s.scores["persllm_fidelity"].metadata for s in log.samples)
    (alone,) = inspect_eval(persllm_quick_fidelity(), model=model, log_dir=str(tmp_path), display="none")
    assert alone.status == "error"
    assert "--model-role grader=MODEL" in alone.error.message


class Alternating(dict[str, str]):
    """One answer after the other, whatever is asked."""

    def __init__(self, answers: list[str]):
        self.answers, self.asked = answers, 0

    def __getitem__(self, key: str) -> str:
        self.asked += 1
        return self.answers[self.asked % len(self.answers)]
