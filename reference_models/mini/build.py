"""Builds the mini model from nothing but a corpus folder: tokenizer, pretraining, tuning, and the model folder.

    python -m reference_models.mini.build --corpus DIR --work DIR

A stage whose output exists for the same configuration (for tuning: and the same train data) is skipped; one that was
interrupted goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import torch
from reference_models.mini import config as configuration
from reference_models.mini import pretrain, tokenizer, tune
from reference_models.mini.card import BACKBONE, card
from transformers import AutoTokenizer, GenerationConfig, LlamaForCausalLM

from persllm_bench.items import tasks_dir

PRETRAIN_SECTIONS = ("seed", "tokenizer", "model", "mix", "pretrain")


def train_data_digest(tasks: Path) -> str:
    """Over every file that the tuning reads."""
    digest = hashlib.sha256()
    for folder in sorted((tasks / "personas").glob("*/train")):
        pack = folder.parent
        whole = [pack / name for name in ("persona.yaml", "early.md", "late.md", "speech.jsonl")]
        for path in [*whole, *sorted(folder.glob("*.jsonl"))]:
            digest.update(path.relative_to(tasks).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def build(corpus: Path, tasks: Path, config: configuration.MiniConfig, work: Path, out: Path) -> None:
    words = work / f"tokenizer-{configuration.digest(config, 'seed', 'tokenizer', 'model', 'mix')}"
    if not (words / "tokenizer.json").exists():
        tokenizer.train(corpus, config, words)
    general = work / f"pretrain-{configuration.digest(config, *PRETRAIN_SECTIONS)}"
    if not (general / "totals.json").exists():
        pretrain.train(corpus, config, words, general)
    everything = configuration.digest(config, *PRETRAIN_SECTIONS, "tune")
    tuned = work / f"tune-{everything}-{train_data_digest(tasks)}"
    if not (tuned / "totals.json").exists():
        tune.train(corpus, tasks, config, general / "model", tuned)
    backbone = out.with_name("backbone")
    write_model(general / "model", backbone)
    (backbone / "README.md").write_text(BACKBONE, encoding="utf-8")
    write_model(tuned / "model", out)
    stages = {"pretrain": general, "tune": tuned}
    totals = {stage: json.loads((folder / "totals.json").read_text()) for stage, folder in stages.items()}
    (out / "README.md").write_text(card(config, totals, out), encoding="utf-8")


def write_model(tuned: Path, out: Path) -> None:
    """The model in bf16 with its tokenizer and generation settings, and nothing left over from an older one."""
    shutil.rmtree(out, ignore_errors=True)
    model = LlamaForCausalLM.from_pretrained(tuned, dtype=torch.bfloat16)
    words = AutoTokenizer.from_pretrained(tuned)
    ends = [words.convert_tokens_to_ids(tokenizer.END), words.eos_token_id]
    model.generation_config = GenerationConfig(do_sample=False, eos_token_id=ends, pad_token_id=words.pad_token_id)
    model.save_pretrained(out)
    words.save_pretrained(out)
    for path in out.iterdir():
        path.chmod(0o644)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of general text")
    parser.add_argument("--work", type=Path, required=True, help="folder for stages and checkpoints")
    parser.add_argument("--tasks", type=Path, default=None, help="folder of the packs, instead of the checkout's")
    parser.add_argument("--out", type=Path, default=configuration.HERE / "model", help="`backbone` is put beside it")
    parser.add_argument("--config", type=Path, default=configuration.HERE / "config.yaml")
    args = parser.parse_args()
    build(args.corpus, args.tasks or tasks_dir(), configuration.load(args.config), args.work, args.out)


if __name__ == "__main__":
    main()
