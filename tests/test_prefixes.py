"""What prompts share is found, and computed once only where it saves work."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from persllm_bench.prefixes import Group, common, groups, shareable

PROMPTS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=8)


def saved(found: list[Group], worth: int) -> int:
    return sum((len(g.members) - 1) * g.shared - worth for g in found if g.shared)


@given(PROMPTS, st.integers(0, 6))
def test_every_prompt_is_in_one_group_and_really_shares_its_prefix(prompts: list[list[int]], worth: int) -> None:
    found = groups(prompts, worth)
    assert sorted(i for g in found for i in g.members) == list(range(len(prompts)))
    for g in found:
        assert all(prompts[i][: g.shared] == prompts[g.members[0]][: g.shared] for i in g.members)
        assert all(len(prompts[i]) > g.shared for i in g.members if g.shared)
        assert [len(prompts[i]) for i in g.members] == sorted((len(prompts[i]) for i in g.members), reverse=True)


@given(PROMPTS, st.integers(0, 6))
def test_grouping_saves_at_least_as_much_as_one_group_or_any_pair(prompts: list[list[int]], worth: int) -> None:
    def together(members: tuple[int, ...]) -> int:
        least = min(common(prompts[i], prompts[j]) for i, j in combinations(members, 2))
        return (len(members) - 1) * min(least, *(len(prompts[i]) - 1 for i in members)) - worth

    sets = [*combinations(range(len(prompts)), 2)] + ([tuple(range(len(prompts)))] if len(prompts) > 1 else [])
    assert saved(groups(prompts, worth), worth) >= max(0, *map(together, sets), 0)


def test_dossiers_are_groups_and_short_beginnings_are_not() -> None:
    first, second = [1] * 300, [1] * 3 + [2] * 300
    prompts = [[*first, 5, 6], [*second, 7], [*first, 8], [9, 9], [*second, 5, 5, 5]]
    assert groups(prompts) == [Group((0, 2), 300), Group((4, 1), 303), Group((3,), 0)]


@given(PROMPTS)
def test_what_can_be_shared_is_what_a_perfect_cache_would_hit(prompts: list[list[int]]) -> None:
    ordered, hits = sorted(prompts), 0
    for i, prompt in enumerate(ordered):
        hits += min(max((common(prompt, p) for p in ordered[:i]), default=0), len(prompt) - 1)
    assert shareable(prompts) == hits
    assert shareable(prompts, block=4) <= hits
