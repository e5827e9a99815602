"""A model with random weights of any shape on this machine: time, tokens/s and the share of what the device could do.

    python benchmarks/roofline.py                      # 7 billion parameters, bf16, all of persllm-core, on a GPU
    python benchmarks/roofline.py --layers 2 --hidden 256 --intermediate 704 --heads 8 --dtype float32 \
        --tasks persllm-quick_knowledge,persllm-quick_pressure --stock persllm-quick_knowledge

The least time of a task is that of its operations and of its bytes at what this device reaches in a bare multiplication
and a bare copy, measured here: 2 operations per weight and token that is computed, and attention's products; the
weights once per step of a batch and the kept states once per generated token. --stock: tasks that stock lm-eval is
asked too.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from transformers import LlamaConfig

from command import equal, model_args, run
from persllm_bench.estimates import estimate
from persllm_bench.faces.settings import Settings
from persllm_bench.usage import read
from shapes import DEVICE, make, peaks, shape_options
from timing import show


def least(
    tokens: dict[str, int], calls: int, config: LlamaConfig, width: int, batch: int, peak: tuple[float, float]
) -> float:
    """Seconds that a task's tokens need at least; `width`: bytes of a number."""
    layers, hidden = config.num_hidden_layers, config.hidden_size
    shared = config.num_key_value_heads / config.num_attention_heads
    weights = layers * hidden * (hidden * (2 + 2 * shared) + 3 * config.intermediate_size)
    head = config.vocab_size * hidden
    context = tokens["prompt"] / calls
    computed = tokens["prompt"] - tokens["reused"] + tokens["kept"]
    products = 4 * layers * hidden * context * computed / 2
    operations = 2 * weights * computed + 2 * head * calls + products
    moved = width * tokens["generated"] * ((weights + head) / batch + 2 * layers * hidden * shared * context)
    return operations / peak[0] + moved / peak[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shape_options(parser, layers=32, hidden=4096, intermediate=14336, heads=32, kv_heads=8)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--tasks", default="persllm-core")
    parser.add_argument("--stock", default="persllm_knowledge")
    parser.add_argument("--output", type=Path, default=Path("results/roofline"))
    args = parser.parse_args()
    if (args.output / "ours").exists():
        sys.exit(f"{args.output}/ours exists; give another --output, so that nothing is resumed")
    dtype = getattr(torch, args.dtype)
    config = make(args, args.output / "model", dtype)
    peak = peaks(dtype)
    print(f"{DEVICE}: {peak[0] / 1e12:.2f} T operations/s in {args.dtype}, {peak[1] / 1e9:.0f} GB/s")
    model = str(args.output / "model")
    options = ["--batch-size", str(args.batch_size), *model_args({"dtype": args.dtype})]
    ours = run(model, args.output / "ours", args.tasks, *options)
    calls = {row.task: row.calls for row in estimate(ours.done(), Settings(), model)[0]}
    rows, spent = [], {}
    for row in read(ours.path / "usage.jsonl"):
        tokens, took = row["tokens"], row["seconds"]["model"]
        spent[row["task"]] = took
        need = least(tokens, calls[row["task"]], config, dtype.itemsize, args.batch_size, peak)
        speed = (tokens["prompt"] + tokens["generated"]) / took
        rows.append({"task": row["task"], "s": took, "tokens/s": speed, "least, s": need, "share": need / took})
    show("Against the roofline", *rows)
    if args.stock:
        stock = run(model, args.output / "stock", args.stock, *options, "--model-arg", "prefix_cache=false")
        same = equal(stock, ours)
        sides = (
            {
                "task": row["task"],
                "stock lm-eval, s": row["seconds"]["model"],
                "ours, s": spent[row["task"]],
                "ratio": row["seconds"]["model"] / spent[row["task"]],
                "same replies": "{} of {}".format(*same[row["task"]]),
            }
            for row in read(stock.path / "usage.jsonl")
        )
        show("Beside stock lm-eval", *sides)


if __name__ == "__main__":
    main()
