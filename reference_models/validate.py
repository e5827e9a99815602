"""How well a model chooses on the conversations that training held out: what settings are chosen by.

    python -m reference_models.validate --recipe reference_models/recipes/NAME.yaml MODEL ...

Held-out questions with four options each, chosen as `acc_pmi` chooses: by log p(option | who, question) -
log p(option | nobody, question). Chance is 1/4 in all three kinds of exercise:

- `voice`: the reply given, and the replies to the most similar questions of the other stage and of two other voices;
- `question`: the reply given, and the replies to the three most similar questions of the same voice;
- `fact`: a statement that the reply rests on, and the three statements most like it: of the same dossier, of the other
  stage's, of another person's. All are in the same plain words, so that manner tells nothing.

Replies are cut to their first sentences, and none was seen in training.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from reference_models import recipe
from reference_models.data import records
from reference_models.data.records import Chat, Record
from reference_models.data.similar import similarities
from reference_models.mini.practice import opening
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from persllm_bench.prompts import NO_PERSONA

KINDS = ("voice", "question", "fact")


@dataclass(frozen=True)
class Choice:
    """One question with the right option first."""

    kind: str
    record: Record
    options: list[str]


def choices(held_out: Sequence[Record], statements: Mapping[tuple[str, str], Sequence[str]]) -> list[Choice]:
    """`statements`: (persona, stage) -> statements of the dossier."""
    alike = similarities([r.question for r in held_out])
    found = []
    for i, record in enumerate(held_out):
        voice = (record.persona, record.stage)
        near = [j for j in np.argsort(-alike[i], kind="stable").tolist() if j != i]
        of = {j: (held_out[j].persona, held_out[j].stage) for j in near}
        stage = [j for j in near if of[j][0] == record.persona and of[j] != voice][:1]
        others = [j for j in near if of[j][0] != record.persona][:2]
        own = [j for j in near if of[j] == voice][:3]
        for kind, wrong in (("voice", stage + others), ("question", own)):
            if len(wrong) == 3:
                found.append(Choice(kind, record, [opening(held_out[j].response) for j in (i, *wrong)]))
    return found + _facts(held_out, statements)


def _facts(held_out: Sequence[Record], statements: Mapping[tuple[str, str], Sequence[str]]) -> list[Choice]:
    texts = [(voice, s) for voice, found in statements.items() for s in found]
    place = {pair: i for i, pair in enumerate(texts)}
    alike = similarities([s for _, s in texts])
    found = []
    for record in held_out:
        voice = (record.persona, record.stage)
        own, right = statements[voice], place[voice, record.facts[0]]
        pools = [
            [i for i, (v, s) in enumerate(texts) if v == voice and s not in record.facts],
            [i for i, (v, s) in enumerate(texts) if v[0] == voice[0] and v != voice and s not in own],
            [i for i, (v, _) in enumerate(texts) if v[0] != voice[0]],
        ]
        if all(pools):
            wrong = [max(pool, key=lambda i: alike[right, i]) for pool in pools]
            found.append(Choice("fact", record, [texts[i][1] for i in (right, *wrong)]))
    return found


def loglikelihoods(
    model: PreTrainedModel, words: PreTrainedTokenizerBase, asked: Sequence[tuple[Chat, str]], batch: int = 16
) -> list[float]:
    """Sum of log-probabilities of each reply after its chat."""
    encoded = []
    for chat, reply in asked:
        start = words(words.apply_chat_template(chat, tokenize=False, add_generation_prompt=True))["input_ids"]
        encoded.append((start, words(reply, add_special_tokens=False)["input_ids"]))
    order = sorted(range(len(encoded)), key=lambda i: len(encoded[i][0]) + len(encoded[i][1]))
    out = [0.0] * len(encoded)
    for at in range(0, len(order), batch):
        members = order[at : at + batch]
        width = max(len(encoded[i][0]) + len(encoded[i][1]) for i in members)
        ids = torch.zeros(len(members), width, dtype=torch.long)
        for row, i in enumerate(members):
            whole = [*encoded[i][0], *encoded[i][1]]
            ids[row, : len(whole)] = torch.tensor(whole)
        with torch.no_grad():
            logits = model(ids.to(model.device)).logits.float().cpu()
        for row, i in enumerate(members):
            start, reply = encoded[i]
            span = logits[row, len(start) - 1 : len(start) + len(reply) - 1]
            out[i] = -F.cross_entropy(span, torch.tensor(reply), reduction="sum").item()
    return out


def measure(model: PreTrainedModel, words: PreTrainedTokenizerBase, found: Sequence[Choice]) -> dict[str, float]:
    """Share of right choices of each kind, and the mean log-likelihood of the right replies."""
    asked: list[tuple[Chat, str]] = []
    for choice in found:
        named = records.prompt(choice.record)
        nobody = [{"role": "system", "content": NO_PERSONA}, named[1]]
        asked += [(chat, option) for chat in (named, nobody) for option in choice.options]
    scores = np.array(loglikelihoods(model, words, asked)).reshape(len(found), 2, 4)
    right = np.argmax(scores[:, 0] - scores[:, 1], axis=1) == 0
    kinds = np.array([choice.kind for choice in found])
    shares = {kind: float(right[kinds == kind].mean()) for kind in KINDS}
    return {**shares, "log_likelihood": float(scores[kinds == "voice", 0, 0].mean()), "exercises": len(found)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="take one held-out question in so many")
    parser.add_argument("models", nargs="+")
    args = parser.parse_args()
    config = recipe.load(args.recipe)
    _, voices = records.material(config.data)
    statements = {(v.persona.slug, v.stage): [*v.persona.dossiers[v.stage].values()] for v in voices}
    found = choices(records.split(config.data, config.seed).held_out, statements)
    found = [c for c in found if int(hashlib.sha256(c.record.id.encode()).hexdigest(), 16) % args.every == 0]
    for path in args.models:
        model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
        told = measure(model, AutoTokenizer.from_pretrained(path), found)
        print(json.dumps({"model": path, **{k: round(v, 4) for k, v in told.items()}}), flush=True)


if __name__ == "__main__":
    main()
