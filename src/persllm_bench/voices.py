"""Whether the personas sound like different people: attribution of their speech samples, left out one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from sklearn.linear_model import RidgeClassifierCV

from persllm_bench.items import Data, Persona
from persllm_bench.reader import Fault
from persllm_bench.scoring.free import VOICE_PENALTY, mask_names, voice_features

LEAST_ATTRIBUTION = 0.6
"""Share of speech samples that must be given to the right persona."""


def attribution(data: Data) -> dict[str, float]:
    """Per persona the share of speech samples that the classifier, fitted on all the others, gives to them.

    Names and the content words of the person's dossiers are masked, so that it is the way of talking that counts.
    Leaving out is exact (RidgeClassifierCV's closed form).
    """
    rows = [(_masked(s.text, p), p.slug) for p in data.personas.values() for s in p.speech]
    slugs = np.array([slug for _, slug in rows])
    model = RidgeClassifierCV(alphas=[VOICE_PENALTY], scoring="accuracy", store_cv_results=True)
    model.fit(voice_features().fit_transform([text for text, _ in rows]), slugs)
    guesses = model.classes_[model.cv_results_[:, :, 0].argmax(axis=1)]
    return {slug: float(np.mean(guesses[slugs == slug] == slug)) for slug in data.personas}


def faults(found: dict[str, float]) -> Iterator[Fault]:
    """Voices that are too alike, over all personas."""
    if (mean := float(np.mean(list(found.values())))) < LEAST_ATTRIBUTION:
        weakest = ", ".join(f"{slug} {found[slug]:.2f}" for slug in sorted(found, key=found.__getitem__)[:5])
        yield Fault("personas/*/speech.jsonl", None, "attribution", f"{mean:.2f} ({weakest})", f"{LEAST_ATTRIBUTION}")


def _masked(text: str, persona: Persona) -> str:
    said = {
        w for dossier in persona.dossiers.values() for t in dossier.values() for w in re.findall(r"[a-z]+", t.lower())
    }
    content = {w for w in said if len(w) > 2 and w not in ENGLISH_STOP_WORDS}

    def hidden(word: re.Match[str]) -> str:
        return "thing" if word.group().lower() in content else word.group()

    return re.sub(r"[A-Za-z]+", hidden, mask_names(text, persona))
