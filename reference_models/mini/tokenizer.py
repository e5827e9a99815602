"""Trains the byte-level BPE tokenizer of the mini model and gives it its chat template."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from reference_models.mini import config as configuration
from reference_models.mini import corpus
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

END_OF_TEXT, END = "<|endoftext|>", "<|end|>"
SPECIAL = [END_OF_TEXT, "<|system|>", "<|user|>", "<|assistant|>", END]

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'assistant' -%}"
    "{{- '<|assistant|>\n' -}}{%- generation -%}{{- message['content'] + '<|end|>' -}}{%- endgeneration -%}{{- '\n' -}}"
    "{%- elif message['role'] in ['system', 'user'] -%}"
    "{{- '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' -}}"
    "{%- else -%}{{- raise_exception('unknown role ' + message['role']) -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>\n' -}}{%- endif -%}"
)


def sample(folder: Path, config: configuration.MiniConfig) -> Iterator[str]:
    """Text of every source in the proportions of the mix, up to the configured size."""
    for source, share in config.mix.items():
        left = int(config.tokenizer.train_bytes * share)
        for doc in corpus.endless(corpus.documents(folder, source), config.seed):
            texts = [doc] if isinstance(doc, str) else [message["content"] for message in doc]
            yield from texts
            left -= sum(len(text) for text in texts)
            if left <= 0:
                break


def train(folder: Path, config: configuration.MiniConfig, out: Path) -> None:
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.train_from_iterator(
        sample(folder, config),
        trainers.BpeTrainer(
            vocab_size=config.tokenizer.vocab_size,
            special_tokens=SPECIAL,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        extra_special_tokens=SPECIAL[1:],
        model_max_length=config.model.max_position_embeddings,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    train(args.corpus, configuration.load(), args.out)


if __name__ == "__main__":
    main()
