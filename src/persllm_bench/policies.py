"""Small policies that answer without understanding, and oracles: what shortcuts earn, and proof that perfect is 100.

A policy chooses among a sample's choices; its answers go through the real parser and the real scorer.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

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
    groups: dict[str, list[Sample]] = defaultdict(list)
    for s in samples:
        groups[fold(s)].append(s)
    chosen: dict[str, str] = {}
    for held_out, members in groups.items():
        rest = [s for name, group in groups.items() if name != held_out for s in group]
        rows = [(o, c in right_choices(data, s)) for s in rest for c, o in zip(s.choices, s.options, strict=True)]
        if len({right for _, right in rows}) < 2:
            continue
        model = text_classifier(analyzer).fit([text for text, _ in rows], [right for _, right in rows])
        for s in members:
            chosen[s.id] = s.choices[int(np.argmax(model.predict_proba(list(s.options))[:, 1]))]
    return lambda s: chosen.get(s.id, s.choices[0])


def question_only(data: Data, samples: Sequence[Sample], analyzer: str) -> Policy:
    """A text classifier of the user's message alone (whole items held out) for two-choice tasks."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for s in samples:
        groups[s.item].append(s)
    chosen: dict[str, str] = {}
    for held_out, members in groups.items():
        rest = [s for item, group in groups.items() if item != held_out for s in group]
        model = text_classifier(analyzer).fit([_said(s) for s in rest], [min(right_choices(data, s)) for s in rest])
        for s, guess in zip(members, model.predict([_said(s) for s in members]), strict=True):
            chosen[s.id] = str(guess)
    return lambda s: chosen[s.id]


def text_classifier(analyzer: str) -> Pipeline:
    """Word 1-2-grams or character 2-5-grams with class-balanced logistic regression."""
    span = (1, 2) if analyzer == "word" else (2, 5)
    vectors = TfidfVectorizer(analyzer=analyzer, ngram_range=span, sublinear_tf=True)
    return make_pipeline(vectors, LogisticRegression(C=1.0, class_weight="balanced", max_iter=1000, random_state=0))


def _said(s: Sample) -> str:
    return s.messages[-1].content.split("\n\nWhich of these")[0]


def _words(text: str) -> list[str]:
    return [w for w in re.findall(r"[a-z']+", text.lower()) if len(w) > 2]
