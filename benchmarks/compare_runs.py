"""Compares two runs sample by sample: same replies, same values? Exits 1 if any per-item value differs.

python benchmarks/compare_runs.py RUN_A RUN_B
"""

from __future__ import annotations

import sys
from pathlib import Path

from persllm_bench.reader import load
from persllm_bench.runs import RunFolder
from persllm_bench.scoring.score import sample_value


def main(first: Path, second: Path) -> int:
    data, different = load(), 0
    ours, theirs = ({s.task: s for s in RunFolder(path).score(data)} for path in (first, second))
    if set(ours) != set(theirs):
        print(f"only in one of the runs: {', '.join(sorted(set(ours) ^ set(theirs)))}")
        different += 1
    for name in sorted(set(ours) & set(theirs)):
        pairs = list(zip(ours[name].outcomes, theirs[name].outcomes, strict=True))
        texts = sum(a.reply == b.reply for a, b in pairs)
        same = sum(abs(sample_value(data, a) - sample_value(data, b)) < 1e-6 for a, b in pairs)
        print(f"{name}: {len(pairs)} samples, {texts} same replies, {same} same values")
        different += len(pairs) - same
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
