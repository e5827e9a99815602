"""Compares two runs sample by sample: same replies, same values? Exits 1 if any per-item value differs.

python benchmarks/compare_runs.py RUN_A RUN_B
"""

from __future__ import annotations

import sys
from pathlib import Path

from persllm_bench.reader import load
from persllm_bench.runs import RunFolder
from persllm_bench.scoring.score import join, parse, sample_value
from persllm_bench.suite import task


def main(first: Path, second: Path) -> int:
    data, folders = load(), (RunFolder(first), RunFolder(second))
    different = 0
    for name in sorted(set(folders[0].done()) & set(folders[1].done())):
        facts = folders[0].facts()
        samples = task(name).samples(data, facts.condition, facts.personas)
        joined = [join(samples, list(f.replies(name))) for f in folders]
        texts = sum(a.reply == b.reply for (_, a), (_, b) in zip(*joined, strict=True))
        values = [[sample_value(data, parse(s, r)) for s, r in rows] for rows in joined]
        same = sum(abs(a - b) < 1e-6 for a, b in zip(*values, strict=True))
        print(f"{name}: {len(samples)} samples, {texts} same replies, {same} same values")
        different += len(samples) - same
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
