"""Nothing gets past: a changed bundle is rejected with a message that names the change, or no score moves."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attack_kinds import KINDS
from attack_pulls import PULLS, Repository
from attacks import Range, victim
from persllm_bench.items import Data
from persllm_bench.submissions import Git
from persllm_bench.submissions.pull import check_pull

LAW = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
seeds = st.integers(0, 2**32)


@pytest.fixture(scope="module")
def mini_range(data: Data, mini_bundle: tuple[str, dict[str, bytes]]) -> Range:
    return Range(data, *mini_bundle)


@pytest.fixture(scope="module")
def small_range(data: Data) -> Range:
    return Range(data, *victim(data))


@pytest.fixture(scope="module")
def repository(data: Data, small_range: Range, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("pull"), small_range.start.where, small_range.start.files)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_attack_is_rejected_by_name_or_moves_no_score(small_range: Range, name: str) -> None:
    for seed in range(3):
        small_range.fire(name, random.Random(f"{name}{seed}"))


@LAW
@given(name=st.sampled_from(sorted(KINDS)), seed=seeds)
def test_no_attack_gets_past_on_a_real_models_bundle(mini_range: Range, name: str, seed: int) -> None:
    mini_range.fire(name, random.Random(seed))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(name=st.sampled_from(sorted(PULLS)), seed=seeds)
def test_no_pull_request_gets_past(small_range: Range, repository: Repository, name: str, seed: int) -> None:
    small_range.pull(name, repository, random.Random(seed))


def test_an_honest_pull_request_passes(data: Data, repository: Repository) -> None:
    head = repository.commit(repository.submission(), repository.base)
    found = check_pull(Git(repository.folder), head, repository.base, data)
    assert found.where == repository.where


def test_an_honest_pull_request_passes_when_the_base_has_moved_on(data: Data, repository: Repository) -> None:
    head = repository.commit(repository.submission(), repository.base)
    later = repository.commit([("README.md", "100644", b"newer")], repository.base)
    assert check_pull(Git(repository.folder), head, later, data).where == repository.where


def test_a_pull_request_is_read_without_writing_a_file(data: Data, repository: Repository) -> None:
    head = repository.commit(repository.submission(), repository.base)
    before = sorted(Path(repository.folder).rglob("*"))
    check_pull(Git(repository.folder), head, repository.base, data)
    assert sorted(Path(repository.folder).rglob("*")) == before
