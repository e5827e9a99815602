"""Groups of contexts and replies for train_contrast, with hard negatives: the most similar questions.

Six contexts: a question to a voice, the most similar other question to the same voice, to the same person at the other
stage and to another person; the first question put at the other stage; and, last, to nobody. The last two own no reply.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np
from reference_models.data.records import Chat, Record, prompt
from reference_models.data.similar import similarities
from reference_models.mini.contrast import Group
from reference_models.mini.practice import excerpt, opening
from transformers import PreTrainedTokenizerBase

from persllm_bench.prompts import NO_PERSONA

NEAREST = 4


def groups(
    records: Sequence[Record], replies: int, words: PreTrainedTokenizerBase, rng: random.Random
) -> Iterator[Group]:
    """Endless groups; in each round every record comes first once."""
    asked = [r for r in records if r.kind != "speech"]
    alike = similarities([r.question for r in asked])

    def like(i: int, same_person: bool, same_stage: bool) -> Record:
        fits = [
            j
            for j, r in enumerate(asked)
            if j != i
            and (r.persona == asked[i].persona) == same_person
            and (not same_person or (r.stage == asked[i].stage) == same_stage)
        ]
        near = np.array(fits)[np.argsort(-alike[i, fits], kind="stable")[:NEAREST]]
        return asked[int(rng.choice(list(near)))]

    def ids(chat: Chat) -> list[int]:
        return list(words(words.apply_chat_template(chat, tokenize=False, add_generation_prompt=True))["input_ids"])

    while True:
        for i in rng.sample(range(len(asked)), len(asked)):
            first, twin = asked[i], like(i, True, False)
            owners = [first, like(i, True, True), twin, like(i, False, False)]
            contexts = [ids(prompt(r)) for r in owners]
            elsewhere = [{"role": "user", "content": first.question}]
            contexts += [ids([{"role": "system", "content": who}, *elsewhere]) for who in (twin.system, NO_PERSONA)]
            found = [(n, text) for n, r in enumerate(owners) for text in _replies(r, replies, rng)]
            encoded = words([text for _, text in found], add_special_tokens=False)["input_ids"]
            yield Group(contexts, [list(e) for e in encoded], [n for n, _ in found])


def _replies(record: Record, count: int, rng: random.Random) -> list[str]:
    """First sentences, then pieces of the reply and statements that it rests on, drawn at random."""
    rest = [excerpt(record.response, rng), *record.facts]
    return [opening(record.response), *rng.sample(rest, min(count - 1, len(rest)))]
