"""Is the last rung's gain, or its control's loss, the luck of a seed? Both are trained again with other seeds.

    python -m reference_models.seeds --corpus DIR --work DIR [--seeds 7 8 9]

`--work` is the ladder's, whose run of the untrained backbone is used; the configuration's seed is that of the ladder's
own rungs. What is done is not done again.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from reference_models.ladder import BACKBONE, RUNGS, joint, run
from reference_models.ladder_table import BASES, Scores, difference, interval, scores, table
from reference_models.mini import config as configuration

from persllm_bench.reader import load

FIRST, LAST, CONTROL = "untrained-name", "joint", "permuted"


def compare(backbone: Path, corpus: Path, work: Path, seeds: list[int]) -> str:
    """A table: gain over the backbone that is told the name, and what permuted names cost, by seed and over all seeds;
    on the pooled tasks and on knowledge."""
    data = load()
    rungs, ladders = {rung.name: rung for rung in RUNGS}, configuration.load().seed

    def runs(name: str, seed: int) -> Scores:
        rung = rungs[name] if seed == ladders else replace(rungs[name], name=f"{name}-seed{seed}", live=False)
        made = joint(backbone, corpus, work / "models" / rung.name, permute_names=rung.permute_names, seed=seed)
        return scores(run(rung, made, work), data)

    untrained = scores(run(rungs[FIRST], backbone, work), data)
    found = {seed: (runs(LAST, seed), runs(CONTROL, seed)) for seed in seeds}
    groups = {f"seed {seed}": [pair] for seed, pair in found.items()} | {"all of these": list(found.values())}
    rows = []
    for label, pairs in groups.items():
        last, control = ([pair[i] for pair in pairs] for i in (0, 1))
        steps = (([untrained], last), ([untrained], control), (last, control))
        rows.append(
            [label, *(interval(difference(data, a, b, bases)) for bases in (BASES, ["knowledge"]) for a, b in steps)]
        )
    what = ("model - backbone", "control - backbone", "control - model")
    head = ["", *(f"{bases}: {w}" for bases in ("pooled", "knowledge") for w in what)]
    return table("The last rung and its control with other seeds, paired differences in points (acc_pmi)", head, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", type=Path, default=BACKBONE)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of general text")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    args = parser.parse_args()
    print(compare(args.backbone, args.corpus, args.work, args.seeds))


if __name__ == "__main__":
    main()
