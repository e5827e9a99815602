"""A Llama of any shape with random weights, and what this device reaches."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from command import MINI
from timing import Side, seconds

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
ROUNDS = 10


def shape_options(parser: argparse.ArgumentParser, **defaults: int) -> None:
    """`defaults` of layers, hidden, intermediate, heads, kv_heads."""
    for name, value in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)


def make(args: argparse.Namespace, folder: Path, dtype: torch.dtype) -> LlamaConfig:
    """The model with the mini model's tokenizer at `folder`, made once."""
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
            model = LlamaForCausalLM(config).to(dtype)
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
