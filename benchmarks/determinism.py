"""Which settings give the replies of the reference (hf, float32, batches of 16, one thread) on the quick slice.

Prints Markdown.

    python benchmarks/determinism.py [--output results/determinism]

vLLM rows need the environment of benchmarks/vllm_cpu_env.sh and are left out, saying so, elsewhere.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from command import ENGINE, MINI, QUICK, equal, model_args, run
from timing import show

HALF = ["--model-arg", "dtype=bfloat16"]
HF: dict[str, list[str]] = {
    "hf": [],
    "hf again": [],
    "hf, batches of 1": ["--batch-size", "1"],
    "hf, batches of 64": ["--batch-size", "64"],
    "hf, no prefix cache": ["--model-arg", "prefix_cache=false"],
    "hf, two threads": [],
    "Inspect, hf": ["--harness", "inspect"],
    "hf, bfloat16": HALF,
    "hf, bfloat16, batches of 1": [*HALF, "--batch-size", "1"],
    "hf, bfloat16, no prefix cache": [*HALF, "--model-arg", "prefix_cache=false"],
}
VLLM = {
    "vLLM": model_args(ENGINE),
    "vLLM again": model_args(ENGINE),
    "vLLM, at most 4 at once": model_args(ENGINE | {"max_num_seqs": "4"}),
    "vLLM, no prefix cache": model_args(ENGINE | {"enable_prefix_caching": "false"}),
    "vLLM, bfloat16": model_args(ENGINE | {"dtype": "bfloat16"}),
    "vLLM, bfloat16, no prefix cache": model_args(ENGINE | {"dtype": "bfloat16", "enable_prefix_caching": "false"}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=str(MINI))
    parser.add_argument("--output", type=Path, default=Path("results/determinism"))
    parser.add_argument("--tasks", default=QUICK)
    args = parser.parse_args()
    if args.output.exists():
        sys.exit(f"{args.output} exists; give another --output, so that nothing is resumed")
    settings = dict(HF)
    if find_spec("vllm"):
        settings |= {name: ["--backend", "vllm", *options] for name, options in VLLM.items()}
    else:
        print("vLLM is not installed here: its rows are left out")
    rows: list[dict[str, object]] = []
    folders = {}
    for name, options in settings.items():
        threads = {"OMP_NUM_THREADS": "2" if "two threads" in name else "1"}
        folders[name] = run(
            args.model, args.output / name.replace(", ", "-").replace(" ", "_"), args.tasks, *options, **threads
        )
        row: dict[str, object] = {"setting": name}
        for reference in ("hf", "hf, bfloat16"):
            if reference not in folders:
                continue
            same, replies, letters, choices = (
                sum(n) for n in zip(*equal(folders[reference], folders[name]).values(), strict=True)
            )
            row |= {
                f"replies as {reference}": f"{same} of {replies}",
                f"letters as {reference}": f"{letters} of {choices}",
            }
        rows.append(row)
    columns = list(rows[-1])
    show("Same replies", *({c: row.get(c, "") for c in columns} for row in rows))


if __name__ == "__main__":
    main()
