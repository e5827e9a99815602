"""Pretrains the mini model on general text: novels and chats, packed into sequences of one length per phase."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from reference_models.mini import config as configuration
from reference_models.mini import corpus, loop
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase


def new_model(config: configuration.MiniConfig, tokenizer: PreTrainedTokenizerBase) -> LlamaForCausalLM:
    torch.manual_seed(config.seed)
    return LlamaForCausalLM(
        LlamaConfig(
            **config.model.model_dump(),
            vocab_size=len(tokenizer),
            head_dim=config.model.hidden_size // config.model.num_attention_heads,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            dtype=torch.float32,
        )
    )


def token_stream(folder: Path, config: configuration.MiniConfig, tokenizer: PreTrainedTokenizerBase) -> np.ndarray:
    """Documents of every source, in the proportions of the mix and in random order, for all phases."""
    need = sum(phase.tokens for phase in config.pretrain.phases)
    rng = np.random.default_rng(config.seed)
    pieces: list[np.ndarray] = []
    for source, share in config.mix.items():
        docs = corpus.endless(corpus.documents(folder, source), config.seed)
        left = int(need * share * 1.02) + 1
        while left > 0:
            for ids in _encoded(tokenizer, itertools.islice(docs, 64)):
                pieces.append(np.asarray(ids, dtype=np.uint16))
                left -= len(ids)
                if left <= 0:
                    break
    rng.shuffle(pieces)
    return np.concatenate(pieces)[:need]


def _encoded(tokenizer: PreTrainedTokenizerBase, docs: Iterator[corpus.Document]) -> Iterator[list[int]]:
    texts = [doc if isinstance(doc, str) else tokenizer.apply_chat_template(doc, tokenize=False) for doc in docs]
    for ids in tokenizer(texts)["input_ids"]:
        yield [*ids, tokenizer.eos_token_id]


class Batches:
    """The stream cut into each phase's sequences; which ones a step reads follows from its number alone."""

    def __init__(self, stream: np.ndarray, config: configuration.MiniConfig) -> None:
        rng = np.random.default_rng(config.seed + 1)
        self._steps: list[tuple[np.ndarray, np.ndarray]] = []
        at = 0
        for phase in config.pretrain.phases:
            rows = stream[at : at + phase.steps * phase.batch * phase.sequence].reshape(-1, phase.sequence)
            at += phase.tokens
            order = rng.permutation(len(rows)).reshape(phase.steps, phase.batch)
            self._steps += [(rows, chosen) for chosen in order]

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, step: int) -> torch.Tensor:
        rows, chosen = self._steps[step]
        return torch.from_numpy(rows[chosen].astype(np.int64))

    def tokens(self, step: int) -> int:
        rows, chosen = self._steps[step]
        return len(chosen) * rows.shape[1]


def train(folder: Path, config: configuration.MiniConfig, tokenizer_path: Path, out: Path) -> None:
    torch.set_num_threads(config.threads)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_path)
    stored = out / "stream.npy"
    if not stored.exists():
        np.save(stored, token_stream(folder, config, tokenizer))
    batches = Batches(np.load(stored, mmap_mode="r"), config)
    model = new_model(config, tokenizer).to(loop.DEVICE)
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {len(batches)} steps", flush=True)

    def loss_at(step: int) -> torch.Tensor:
        ids = batches[step]
        return loop.loss_of(model, ids, ids)

    settings = config.pretrain
    totals = loop.run(
        model,
        loop.Schedule(len(batches), settings.warmup_steps, settings.learning_rate, settings.final_learning_rate),
        loss_at,
        batches.tokens,
        out,
        weight_decay=settings.weight_decay,
        grad_clip=settings.grad_clip,
        checkpoint_minutes=settings.checkpoint_minutes,
    )
    loop.keep(model, tokenizer, totals, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of general text")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=configuration.HERE / "config.yaml")
    args = parser.parse_args()
    train(args.corpus, configuration.load(args.config), args.tokenizer, args.out)


if __name__ == "__main__":
    main()
