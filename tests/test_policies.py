"""Known policies, run as models through both harnesses, land where theory says."""

from __future__ import annotations

import pytest

import policies as known_policies
from persllm_bench.items import Data

EXACT = ("always hold", "always yield", "always the letter A", "contrarian", "judge of arguments", "oracle")


@pytest.mark.parametrize("name", EXACT)
def test_a_policy_lands_where_theory_says_in_both_harnesses(data: Data, name: str) -> None:
    policy = next(p for p in known_policies.known(data) if p.name == name)
    names = [f"persllm-quick_{base}" for base in policy.expected]
    texts = known_policies.texts_of(data, policy, names)
    for task, expected in zip(names, policy.expected.values(), strict=True):
        for face in (known_policies.by_lm_eval, known_policies.by_inspect):
            assert face(task, texts).score.estimate == pytest.approx(expected, abs=1e-6), (task, face.__name__)
