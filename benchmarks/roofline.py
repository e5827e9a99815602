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
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from command import MINI, equal, model_args, run
from persllm_bench.estimates import estimate
from persllm_bench.faces.settings import Settings
from persllm_bench.usage import read
from timing import Side, seconds, show

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
ROUNDS = 10


def make(args: argparse.Namespace, folder: Path) -> LlamaConfig:
    """A Llama with the mini model's tokenizer and random weights, made once."""
    tokenizer = AutoTokenizer.from_pretrained(MINI)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=args.hidden,
        intermediate_size=args.intermediate,
        num_hidden_layers=args.layers,
        num_attention_heads=args.heads,
        num_key_value_heads=args.kv_heads,
        max_position_embeddings=8192,
        rope_theta=500000.0,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    if not (folder / "config.json").exists():
        torch.manual_seed(0)
        with torch.device(DEVICE):
            model = LlamaForCausalLM(config).to(getattr(torch, args.dtype))
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return config


def best(work: Side) -> float:
    """Seconds of the fastest of several rounds."""

    def whole() -> None:
        work()
        if DEVICE == "cuda":
            torch.cuda.synchronize()

    return min(seconds(whole) for _ in range(ROUNDS))


def peaks(dtype: torch.dtype) -> tuple[float, float]:
    """Operations and bytes a second of a bare multiplication and a bare copy."""
    size = 8192 if DEVICE == "cuda" else 2048
    a, b = (torch.randn(size, size, dtype=dtype, device=DEVICE) for _ in range(2))
    big = torch.zeros(2**30 if DEVICE == "cuda" else 2**27, dtype=torch.uint8, device=DEVICE)
    return 2 * size**3 / best(lambda: a @ b), 2 * big.numel() / best(lambda: big.clone())


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
    for name, value in {"layers": 32, "hidden": 4096, "intermediate": 14336, "heads": 32, "kv-heads": 8}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--tasks", default="persllm-core")
    parser.add_argument("--stock", default="persllm_knowledge")
    parser.add_argument("--output", type=Path, default=Path("results/roofline"))
    args = parser.parse_args()
    if (args.output / "ours").exists():
        sys.exit(f"{args.output}/ours exists; give another --output, so that nothing is resumed")
    config = make(args, args.output / "model")
    dtype = getattr(torch, args.dtype)
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
