"""Open replies: closeness to the references, distinctness between wordings, stages and persons, and who is speaking.

BLEU is sacrebleu's corpus BLEU-4. Intra / Stage / Inter after the distinction analysis of PersLLM (arXiv
2407.12393): BLEU of a reply
against the reply to the other wording / in the other stage / of the other personas. A distinct person has Intra
above Stage above Inter.
Theirs compares two samples of one prompt, so figures are not comparable.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from nltk.stem.porter import PorterStemmer
from rouge_score.scoring import fmeasure
from rouge_score.tokenize import tokenize
from sacrebleu.metrics import BLEU, CHRF
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from persllm_bench.items import Data
from persllm_bench.prompts import mask_names
from persllm_bench.scoring.aggregate import Result, share
from persllm_bench.scoring.keys import evidence, item_of
from persllm_bench.scoring.letters import strip_reasoning
from persllm_bench.scoring.record import Measure, Outcome, Unit

_CHRF = CHRF(word_order=2)
OPEN_CHARACTERS = 4_000
VOICE_PENALTY = 0.5
"""Of the ridge classifier that tells personas apart by their speech."""


def open_replies(data: Data, outcomes: Sequence[Outcome]) -> Result:
    """Score `persllm_open`. The unit is a reply, its value chrF++ / 100 against the references; an unusable reply
    has 0.

    Beside it BLEU, ROUGE-L, Intra / Stage / Inter BLEU and the attribution of replies to personas.
    """
    rouge = Rouge()
    texts = {o.sample.id: said(o) for o in outcomes}
    units, rouges = [], []
    for o in outcomes:
        text, references = texts[o.sample.id], item_of(data, o.sample).references[o.sample.stage]
        units.append(Unit(o.sample.persona, "", closeness(data, o), evidence(data, o.sample)))
        rouges.append((o.sample.persona, max(rouge.f_measure(r, text) for r in references)))
    pairs = [(texts[o.sample.id], item_of(data, o.sample).references[o.sample.stage]) for o in outcomes]
    measures = {
        "bleu": Measure(corpus_bleu([t for t, _ in pairs], [r for _, r in pairs]), n=len(pairs)),
        "rouge_l": share(rouges),
        **distinction(outcomes, texts),
        **attribution(data, outcomes, texts),
    }
    return Result(units, low=0.0, chance=None, measures=measures)


def said(outcome: Outcome) -> str:
    """What counts as the reply: without thinking, cut after as many characters as 256 tokens could ever have."""
    return strip_reasoning(outcome.reply.reply or "")[:OPEN_CHARACTERS]


class Rouge:
    """ROUGE-L of rouge-score with Porter stems, each word stemmed and each text tokenised once; the subsequence by bit
    vectors (Hyyro 2004), which is exact and hundreds of times faster than the library's table."""

    def __init__(self) -> None:
        self.stem = lru_cache(maxsize=50_000)(PorterStemmer().stem)
        self.tokens = lru_cache(maxsize=50_000)(lambda text: tokenize(text, self))

    def f_measure(self, reference: str, text: str) -> float:
        target, words = self.tokens(reference), self.tokens(text)
        if not target or not words:
            return 0.0
        common = subsequence_length(target, words)
        return float(fmeasure(common / len(words), common / len(target)))


def subsequence_length(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence (Hyyro 2004, Bit-parallel LCS-length computation revisited)."""
    masks: dict[str, int] = defaultdict(int)
    for i, word in enumerate(a):
        masks[word] |= 1 << i
    row = everything = (1 << len(a)) - 1
    for word in b:
        hit = row & masks.get(word, 0)
        row = ((row + hit) | (row - hit)) & everything
    return len(a) - row.bit_count()


def closeness(data: Data, outcome: Outcome) -> float:
    """chrF++ / 100 of a reply against its nearest reference."""
    references = item_of(data, outcome.sample).references[outcome.sample.stage]
    text = said(outcome)
    return max(chrf(text, r) for r in references)


def chrf(text: str, reference: str) -> float:
    """chrF++ / 100 (sacrebleu, Popovic 2017)."""
    return float(_CHRF.sentence_score(text, [reference]).score) / 100


def corpus_bleu(texts: Sequence[str], references: Sequence[Sequence[str]]) -> float | None:
    """sacrebleu corpus BLEU-4 (0-100) of texts against one or more references each; None without texts."""
    if not texts:
        return None
    width = max(map(len, references))
    streams = [[refs[i] if i < len(refs) else "" for refs in references] for i in range(width)]
    return float(BLEU(effective_order=False).corpus_score(list(texts), streams).score)


def distinction(outcomes: Sequence[Outcome], texts: dict[str, str]) -> dict[str, Measure]:
    """Intra, Stage and Inter BLEU over the replies of a run."""
    by_wording: dict[tuple[str, str, str], dict[str, str]] = defaultdict(dict)
    for o in outcomes:
        by_wording[o.sample.persona, o.sample.item, o.sample.stage][o.sample.variant] = texts[o.sample.id]
    intra, stage, inter = [], [], []
    first: dict[tuple[str, str, str], str] = {}
    for key, wordings in by_wording.items():
        replies = [wordings[v] for v in sorted(wordings)]
        first[key] = replies[0]
        if len(replies) == 2:
            intra.append((replies[0], [replies[1]]))
    for (persona, item, when), text in first.items():
        if when == "early" and (persona, item, "late") in first:
            stage.append((text, [first[persona, item, "late"]]))
    ranked: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (persona, _, when), text in first.items():
        ranked[persona, when].append(text)
    for (persona, when), mine in ranked.items():
        for (other, then), theirs in ranked.items():
            if other != persona and then == when:
                inter += [(a, [b]) for a, b in zip(mine, theirs, strict=False)]
    return {
        name: Measure(corpus_bleu([t for t, _ in pairs], [r for _, r in pairs]), n=len(pairs))
        for name, pairs in (("intra_bleu", intra), ("stage_bleu", stage), ("inter_bleu", inter))
    }


def attribution(data: Data, outcomes: Sequence[Outcome], texts: dict[str, str]) -> dict[str, Measure]:
    """Share of replies that a classifier of the authored speech gives to the right persona, names masked."""
    if len(data.personas) < 2:
        return {"attribution": Measure(None)}
    model = voices_of(data)
    masked = [mask_names(texts[o.sample.id], data.personas[o.sample.persona]) for o in outcomes]
    guesses = model.predict(masked) if masked else np.array([])
    return {
        "attribution": share((o.sample.persona, g == o.sample.persona) for o, g in zip(outcomes, guesses, strict=True))
    }


def voice_features() -> TfidfVectorizer:
    """Words and punctuation marks, one and two in a row: over the authored speech they tell voices apart better than
    characters do."""
    return TfidfVectorizer(token_pattern=r"(?u)\b\w+\b|[^\w\s]", ngram_range=(1, 2), sublinear_tf=True)


@lru_cache(maxsize=4)
def _voices_by_text(rows: tuple[tuple[str, str], ...]) -> Pipeline:
    model = make_pipeline(voice_features(), RidgeClassifier(alpha=VOICE_PENALTY))
    return model.fit([text for text, _ in rows], [slug for _, slug in rows])


def voices_of(data: Data) -> Pipeline:
    """The classifier of personas by their authored speech, names masked; `classes_` are slugs."""
    return _voices_by_text(tuple((mask_names(s.text, p), p.slug) for p in data.personas.values() for s in p.speech))
