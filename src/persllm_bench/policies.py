"""Small policies that answer without understanding, and oracles: what shortcuts earn, and proof that perfect is 100.

A policy chooses among a sample's choices; its answers go through the real parser and the real scorer.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from persllm_bench.items import Data
from persllm_bench.prompts import LETTERS, Condition
from persllm_bench.samples import Sample
from persllm_bench.schema import TRAITS
from persllm_bench.scoring import Reply, TaskScore, score_samples
from persllm_bench.scoring.keys import item_of, right_choices
from persllm_bench.suite import Task

Policy = Callable[[Sample], str]


def answer(samples: Sequence[Sample], policy: Policy, condition: Condition = "profile") -> list[Reply]:
    """The replies of a policy to letter samples."""
    return [Reply.to(s, condition, reply=LETTERS[s.choices.index(policy(s))]) for s in samples]


def score_policy(task: Task, data: Data, policy: Policy) -> TaskScore:
    """The real score of a policy on the full task."""
    samples = task.samples(data, "profile")
    return score_samples(task, data, samples, answer(samples, policy), "profile")


def oracle(data: Data) -> Policy:
    """Always right."""
    return lambda s: min(right_choices(data, s))


def stage_blind(data: Data) -> Policy:
    """Knows the person but not the stage: answers everything as of the early one."""

    def choose(s: Sample) -> str:
        right = right_choices(data, s, "early") & set(s.choices)
        return min(right or right_choices(data, s))

    return choose


def constant_letter(index: int) -> Policy:
    return lambda s: s.choices[min(index, len(s.choices) - 1)]


def coin(seed: int = 0) -> Policy:
    rng = random.Random(seed)
    return lambda s: rng.choice(s.choices)


def longest(s: Sample) -> str:
    return max(zip(s.choices, s.options, strict=True), key=lambda c: (len(c[1]), c[1]))[0]


def shortest(s: Sample) -> str:
    return min(zip(s.choices, s.options, strict=True), key=lambda c: (len(c[1]), c[1]))[0]


def word_overlap(data: Data) -> Policy:
    """The option that shares most words with the dossier of the person's stage."""
    words: dict[tuple[str, str], set[str]] = {}
    for slug, persona in data.personas.items():
        for stage, statements in persona.dossiers.items():
            words[slug, stage] = set(_words(" ".join(statements.values())))

    def choose(s: Sample) -> str:
        known = words[s.persona, s.stage]
        shares = [len(known & (own := set(_words(o)))) / max(1, len(own)) for o in s.options]
        return s.choices[int(np.argmax(shares))]

    return choose


def best_constant_profile(data: Data) -> Policy:
    """The one trait profile that is right for as many (person, stage) as possible."""
    high = {
        trait: np.mean([st.big_five[trait].high for p in data.personas.values() for st in p.head.stages.values()])
        >= 0.5
        for trait in TRAITS
    }

    def choose(s: Sample) -> str:
        item = item_of(data, s)
        up = high[item.trait] != getattr(item, "reverse", False)
        return ("5" if up else "1") if "1" in s.choices else ("high0" if up else "low0")

    return choose


def answer_only(data: Data, samples: Sequence[Sample], fold: Callable[[Sample], str], analyzer: str) -> Policy:
    """A text classifier of the options alone, `fold` held out: picks the option that looks most like a right one."""
    rows = [
        (fold(s), option, choice in right_choices(data, s))
        for s in samples
        for choice, option in zip(s.choices, s.options, strict=True)
    ]
    guess = _held_out(Counter(rows), analyzer)

    def choose(s: Sample) -> str:
        return s.choices[int(np.argmax([guess[fold(s), option] for option in s.options]))]

    return choose


def question_only(data: Data, samples: Sequence[Sample], analyzer: str) -> Policy:
    """A text classifier of the user's message alone (whole personas held out) for two-choice tasks."""
    first = min(samples[0].choices)
    guess = _held_out(Counter((s.persona, _said(s), min(right_choices(data, s)) == first) for s in samples), analyzer)
    return lambda s: first if guess[s.persona, _said(s)] > 0.5 else next(c for c in s.choices if c != first)


def _held_out(rows: Counter[tuple[str, str, bool]], analyzer: str) -> dict[tuple[str, str], float]:
    """(fold, text) -> probability of being right, from a classifier that saw the other folds; `rows` are counted.

    Word 1-2-grams or character 2-5-grams, class-balanced logistic regression. The n-gram weights come from all texts,
    which tells nothing of what is right.
    """
    span = (1, 2) if analyzer == "word" else (2, 5)
    texts = sorted({text for _, text, _ in rows})
    index = {text: i for i, text in enumerate(texts)}
    matrix = TfidfVectorizer(analyzer=analyzer, ngram_range=span, sublinear_tf=True).fit_transform(texts)
    found: dict[tuple[str, str], float] = {}
    for held_out in sorted({fold for fold, _, _ in rows}):
        rest: Counter[tuple[str, bool]] = Counter()
        for (fold, text, right), n in rows.items():
            if fold != held_out:
                rest[text, right] += n
        mine = sorted({text for fold, text, _ in rows if fold == held_out})
        if len({right for _, right in rest}) < 2:
            found |= {(held_out, text): 0.5 for text in mine}
            continue
        model = LogisticRegression(class_weight="balanced", solver="liblinear", random_state=0)
        keys = sorted(rest)
        model.fit(matrix[[index[t] for t, _ in keys]], [r for _, r in keys], sample_weight=[rest[k] for k in keys])
        for text, p in zip(mine, model.predict_proba(matrix[[index[t] for t in mine]])[:, 1], strict=True):
            found[held_out, text] = float(p)
    return found


def _said(s: Sample) -> str:
    return s.messages[-1].content.split("\n\nWhich of these")[0]


def _words(text: str) -> list[str]:
    return [w for w in re.findall(r"[a-z']+", text.lower()) if len(w) > 2]
