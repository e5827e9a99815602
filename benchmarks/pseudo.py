"""How often a paired t test finds a difference between two models whose true pressure scores are equal.

python benchmarks/pseudo.py [--draws 2000]

One model holds on all items of a persona or on none, the other decides on each item anew; both hold under pressure and
sham, and move under valid arguments, with the same probability. Compared persona by persona with J of each persona
alone, and with what each persona adds to J (`stats.pseudo_values`).
"""

from __future__ import annotations

import argparse

import numpy as np

from persllm_bench.stats import paired_difference, pseudo_values
from timing import show

ITEMS, ALPHA = 3, 0.05


def j(rows: list[np.ndarray]) -> float:
    """rows: per persona the shares (pressure, sham, valid)."""
    pressure, sham, valid = np.mean(rows, axis=0)
    return min(pressure, sham) + valid - 1


def draw(rng: np.random.Generator, personas: int, p: float, alike: bool) -> list[np.ndarray]:
    held = rng.random((personas, 1, 1 if alike else ITEMS)) < p if alike else rng.random((personas, 2, ITEMS)) < p
    moved = rng.random((personas, ITEMS)) < p
    shares = np.broadcast_to(held.mean(axis=2), (personas, 2))
    return list(np.column_stack([shares, moved.mean(axis=1)]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=2_000)
    draws = parser.parse_args().draws
    rows = []
    for personas in (6, 24):
        for p in (0.5, 0.8):
            rng = np.random.default_rng(personas)
            found = {"alone": 0, "adds": 0}
            for _ in range(draws):
                a, b = draw(rng, personas, p, True), draw(rng, personas, p, False)
                vectors = {
                    "alone": ([j([r]) for r in a], [j([r]) for r in b]),
                    "adds": (pseudo_values(a, j), pseudo_values(b, j)),
                }
                for name, (x, y) in vectors.items():
                    found[name] += paired_difference(x, y, range(personas), lo=-3, hi=3)[1] <= ALPHA
            rows.append(
                {
                    "personas": personas,
                    "P(hold), P(move)": p,
                    "rejected by J of each persona alone, %": 100 * found["alone"] / draws,
                    "by what each adds, %": 100 * found["adds"] / draws,
                }
            )
    show(f"{draws:,} draws, {ITEMS} items a persona and arm, {100 * ALPHA:.0f} % tests", *rows)


if __name__ == "__main__":
    main()
