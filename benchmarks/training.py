"""Training beside plain `transformers.Trainer` on the same batches: tokens/s, and the share of the device's operations.

    PYTHONPATH=. python benchmarks/training.py --work DIR         # the mini model's shape, random weights
    PYTHONPATH=. python benchmarks/training.py --work DIR --layers 28 --hidden 1024 --intermediate 3072 --heads 16 \
        --kv-heads 8 --max-length 3000 --gradient-checkpointing   # a GPU

Model FLOP utilisation (Chowdhery et al. 2022, PaLM, appendix B) by trl's count of a token's operations, at the mean
length without padding, over the published peak of a GPU or, elsewhere, what a bare multiplication in bf16 reaches here.
Sides take turns; medians over the rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from reference_models import backbone, recipe, train_dpo, train_sft
from reference_models.mini import loop
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments
from trl.trainer.utils import compute_flops_per_token, get_peak_flops

from shapes import DEVICE, make, peaks, shape_options
from timing import show

RATE = 1e-3


@dataclass(frozen=True)
class Trained:
    seconds: float
    tokens: int
    """Without padding."""
    sequences: int
    loss: float


class PlainDPO(Trainer):
    """DPO and supervised loss in one, on trl's batches: the chosen half first, then the rejected."""

    def __init__(self, *, wish: recipe.Preference, **rest: Any) -> None:
        super().__init__(**rest)
        self.wish = wish

    def compute_loss(self, model: Any, inputs: dict[str, torch.Tensor], *_: Any, **__: Any) -> torch.Tensor:
        logits = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits[:, :-1].float()
        learned = inputs["completion_mask"][:, 1:].bool()
        told = -F.cross_entropy(logits.transpose(1, 2), inputs["input_ids"][:, 1:], reduction="none") * learned
        chosen, rejected = told.sum(1).chunk(2)
        margin = (chosen - inputs["ref_chosen_logps"]) - (rejected - inputs["ref_rejected_logps"])
        supervised = -chosen.sum() / learned.chunk(2)[0].sum()
        preferred = -F.logsigmoid(self.wish.beta * margin).mean()
        return sum(w * loss for w, loss in zip(self.wish.weights, (preferred, supervised), strict=True))


def trained(trainer: Trainer, sequences: int, count: str = "non_padding") -> Trained:
    trainer.args.include_num_input_tokens_seen = count
    told = trainer.train().metrics
    return Trained(told["train_runtime"], int(trainer.state.num_input_tokens_seen), sequences, told["train_loss"])


def pretraining(args: argparse.Namespace, model: Path) -> tuple[Callable[[], Trained], Callable[[], Trained]]:
    """Random tokens in sequences of one length."""
    words = len(AutoTokenizer.from_pretrained(model))
    ids = torch.randint(words, (args.steps, args.batch, args.max_length), generator=torch.Generator().manual_seed(0))

    def ours() -> Trained:
        with tempfile.TemporaryDirectory() as folder:
            net, _ = loop.start(model, Path(folder), threads=args.threads, seed=7)
            done = loop.run(
                net,
                loop.Schedule(args.steps, 0, RATE, RATE),
                lambda step: loop.loss_of(net, ids[step], ids[step]),
                lambda step: ids[step].numel(),
                Path(folder),
                weight_decay=0.1,
                grad_clip=1.0,
                checkpoint_minutes=inf,
            )
        return Trained(done["seconds"], int(done["tokens"]), args.steps * args.batch, done["loss"])

    def plain() -> Trained:
        torch.set_num_threads(args.threads)
        net = LlamaForCausalLM.from_pretrained(model, dtype=torch.float32)
        rows = [{"input_ids": row, "labels": row} for row in ids.flatten(0, 1)]
        with tempfile.TemporaryDirectory() as folder:
            options = TrainingArguments(
                output_dir=folder,
                max_steps=args.steps,
                per_device_train_batch_size=args.batch,
                bf16=loop.multiplies_bf16(),
                use_cpu=DEVICE == "cpu",
                report_to="none",
                disable_tqdm=True,
                dataloader_pin_memory=DEVICE == "cuda",
                save_strategy="no",
                weight_decay=0.1,
                adam_beta2=0.95,
                learning_rate=RATE,
                lr_scheduler_type="constant",
                train_sampling_strategy="sequential",
            )
            return trained(Trainer(model=net, args=options, train_dataset=rows), args.steps * args.batch, "all")

    return ours, plain


def tuning(args: argparse.Namespace, model: Path, stage: str) -> tuple[Callable[[], Trained], Callable[[], Trained]]:
    """A stage of the recipe: its own trainer, and a plain one with the same arguments, rows and collator."""
    settings = {
        "batch": args.batch,
        "micro_batch": args.batch,
        "steps": args.steps,
        "max_length": args.max_length,
        "gradient_checkpointing": args.gradient_checkpointing,
        "checkpoint_steps": args.steps,
        "threads": args.threads,
    }
    told: dict[str, Any] = {"stage": stage, "model": {"path": str(model), "dtype": "float32"}, "train": settings}
    if stage == "dpo":
        told["preference"] = {"loss": ["sigmoid", "sft"], "weights": [1.0, 0.2]}
    config = recipe.parse(told)
    train = {"sft": train_sft.train, "dpo": train_dpo.train}[stage]
    sequences = args.steps * args.batch * (2 if stage == "dpo" else 1)

    def trainer(folder: str) -> Trainer:
        with mock.patch.object(backbone, "run") as run:
            train(config, Path(folder) / "out")
        return run.call_args.args[0]

    def ours() -> Trained:
        with tempfile.TemporaryDirectory() as folder:
            return trained(trainer(folder), sequences)

    def plain() -> Trained:
        with tempfile.TemporaryDirectory() as folder:
            like = trainer(folder)
            like.args.remove_unused_columns = False
            parts = {"model": like.model, "args": like.args, "train_dataset": like.train_dataset}
            parts |= {"data_collator": like.data_collator, "processing_class": like.processing_class}
            other = PlainDPO(wish=config.preference, **parts) if config.preference else Trainer(**parts)
            return trained(other, sequences)

    return ours, plain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shape_options(parser, layers=6, hidden=256, intermediate=704, heads=8, kv_heads=1)
    for name, value in {"batch": 8, "max-length": 512, "steps": 20, "repeat": 3, "threads": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--gradient-checkpointing", action="store_true")
    parser.add_argument("--only", nargs="+", choices=("pretraining", "sft", "dpo"))
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = args.work / "model"
    config = make(args, model, torch.float32)
    told = get_peak_flops(torch.cuda.get_device_name(), "bfloat16") if DEVICE == "cuda" else None
    peak = told or peaks(torch.bfloat16)[0]
    print(f"{DEVICE}: {peak / 1e12:.2f} T operations/s in bfloat16, {'published' if told else 'measured'}")
    rows = []
    for stage in args.only or ("pretraining", "sft", "dpo"):
        sides = pretraining(args, model) if stage == "pretraining" else tuning(args, model, stage)
        with contextlib.redirect_stdout(io.StringIO()):
            rounds = [[side() for side in sides] for _ in range(args.repeat)]
        for name, found in zip(("ours", "Trainer"), zip(*rounds, strict=True), strict=True):
            rows.append({"stage": stage, "with": name, **row(config, found, peak)})
    show("Training, float32 weights, bf16 autocast", *rows)


def row(config: LlamaConfig, found: tuple[Trained, ...], peak: float) -> dict[str, object]:
    seconds, first = statistics.median(f.seconds for f in found), found[0]
    used = compute_flops_per_token(config, round(first.tokens / first.sequences)) * first.tokens / seconds / peak
    speed = first.tokens / seconds
    return {"tokens": first.tokens, "loss": first.loss, "s": seconds, "tokens/s": speed, "MFU, %": 100 * used}


if __name__ == "__main__":
    main()
