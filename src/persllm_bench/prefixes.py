"""Which prompts share a beginning, and how much of it is worth computing once. Pure: token ids in, positions out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

WORTH = 128
"""Tokens that a shared prefix must save: a call of its own costs about as much as so many more tokens in a batch."""


@dataclass(frozen=True)
class Group:
    """Prompts (by index, longest first) and how many leading tokens they share; 0 where sharing saves too little."""

    members: tuple[int, ...]
    shared: int


Tokens = Sequence[int] | np.ndarray


def common(a: Tokens, b: Tokens) -> int:
    """Length of the longest common prefix."""
    n = min(len(a), len(b))
    differ = np.asarray(a[:n]) != np.asarray(b[:n])
    return int(differ.argmax()) if differ.any() else n


def groups(prompts: Sequence[list[int]], worth: int = WORTH) -> list[Group]:
    """Partition of the prompts that saves most tokens if each group's shared prefix is computed once.

    A group of n prompts that share k tokens saves (n - 1) k and costs `worth`. At least one token of every prompt
    stays out of the prefix, since the model must see one to reply.
    """
    order = sorted(range(len(prompts)), key=lambda i: prompts[i])
    ordered = [prompts[i] for i in order]
    shared = [min(common(a, b), len(a) - 1, len(b) - 1) for a, b in pairwise(ordered)]
    ranges = _partition(shared, 0, len(order), worth)[1] if order else []
    alone = [i for start, stop, k in ranges if not k for i in order[start:stop]]
    found = [Group(_longest_first(order[start:stop], prompts), k) for start, stop, k in ranges if k]
    return [*found, Group(_longest_first(alone, prompts), 0)] if alone else found


def _longest_first(members: Sequence[int], prompts: Sequence[list[int]]) -> tuple[int, ...]:
    return tuple(sorted(members, key=lambda i: -len(prompts[i])))


def _partition(shared: list[int], start: int, stop: int, worth: int) -> tuple[int, list[tuple[int, int, int]]]:
    """(tokens saved, ranges with what they share) of the sorted prompts start..stop; shared[i] joins i and i + 1."""
    if stop - start == 1:
        return 0, [(start, stop, 0)]
    least = min(shared[start : stop - 1])
    together = (stop - start - 1) * least - worth
    cuts = [start, *(i + 1 for i in range(start, stop - 1) if shared[i] == least), stop]
    parts = [_partition(shared, a, b, worth) for a, b in pairwise(cuts)]
    apart = sum(saved for saved, _ in parts)
    if together > apart:
        return together, [(start, stop, least)]
    return apart, [r for _, ranges in parts for r in ranges]


def shareable(prompts: Sequence[list[int]], block: int = 1) -> int:
    """Tokens that a perfect cache need not compute again: each prompt's longest prefix in common with another that
    comes before it in sorted order, in whole blocks, and never a whole prompt."""
    ordered = sorted(prompts)
    pairs = pairwise(ordered)
    return sum(min(common(a, b), len(b) - 1) // block * block for a, b in pairs)
