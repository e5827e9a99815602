"""Judges that judge nothing, and an oracle, on the whole gold set; prints Markdown for docs/judging.md.

python benchmarks/known_judges.py. Exits 1 where one passes the gate that should not, or the oracle does not.
"""

from __future__ import annotations

import sys

from persllm_bench.judging import policies
from persllm_bench.judging.report import gate_of
from persllm_bench.reader import load
from persllm_bench.scoring import Reply, score_samples
from persllm_bench.suite import task

COLUMNS = ("kappa", "swap_consistency", "kappa_kind", "recall_at_5fpr", "speaker", "attack_success")


def main() -> int:
    data, spec = load(), task("persllm_judge")
    samples = spec.samples(data, "profile")
    judges = {
        "oracle": policies.oracle(data),
        "lets everything through": policies.constant(),
        "finds an error in everything": policies.constant(1, policies.error_in(1, "style")),
        "coin": policies.coin(),
        "the longer the better": policies.length(),
        "the shorter the better": policies.length(longer_is_better=False),
        "keyword": policies.keyword(),
    }
    print("| judge | J | " + " | ".join(f"`{c}`" for c in COLUMNS) + " | gate |")
    print(f"|---|{'---|' * (len(COLUMNS) + 2)}")
    wrong = 0
    for name, judge in judges.items():
        found = score_samples(spec, data, samples, [Reply.to(s, "profile", reply=judge(s)) for s in samples], "profile")
        passed = gate_of(found).passed
        wrong += passed != (name == "oracle")
        cells = " | ".join(f"{found.measures[c].value:.2f}" for c in COLUMNS)
        print(f"| {name} | {found.score.estimate:.1f} | {cells} | {'passes' if passed else 'fails'} |", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
