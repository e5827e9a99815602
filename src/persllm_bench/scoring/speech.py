"""What is said in scenes: who can be told from whom by the way of talking, and what working together adds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from persllm_bench.items import Data
from persllm_bench.schema import CoCreation
from persllm_bench.scoring.aggregate import share
from persllm_bench.scoring.free import chrf, mask_names, said, voices_of
from persllm_bench.scoring.record import Measure, Outcome


def measures(data: Data, outcomes: Sequence[Outcome]) -> dict[str, Measure]:
    """`speaker_identification`, and `novelty` and `agreement` of the co-creation scenes."""
    return {"speaker_identification": speaker_identification(data, outcomes), **novelty(data, outcomes)}


def speaker_identification(data: Data, outcomes: Sequence[Outcome]) -> Measure:
    """Share of live utterances that the classifier of the authored speech gives to the right one of those present.

    Names are masked. Chance is 1/2 in scenes for two and 1/3 in scenes for three.
    """
    model = voices_of(data)
    column = {slug: i for i, slug in enumerate(model.classes_)}
    texts: list[str] = []
    heard: list[tuple[list[str], int]] = []
    for o in outcomes:
        present = _present(data, o)
        what = o.sample.variant.split("/")[2]
        speaker = {"scored": 0, "partner": 1}.get(what, int(what[4:]) if what.startswith("say-") else None)
        if speaker is None or len(column) < 2:
            continue
        text = said(o)
        for slug in present:
            text = mask_names(text, data.personas[slug])
        texts.append(text)
        heard.append((present, speaker))
    if not texts:
        return share([])
    scores = model.decision_function(texts)
    scores = np.column_stack([-scores, scores]) if scores.ndim == 1 else scores
    rows = []
    for text, (present, speaker), row in zip(texts, heard, scores, strict=True):
        found = max(present, key=lambda slug: row[column[slug]])
        rows.append((present[0], bool(text) and found == present[speaker]))
    return share(rows)


def novelty(data: Data, outcomes: Sequence[Outcome]) -> dict[str, Measure]:
    """Of co-creation scenes: 1 - the greatest chrF++ / 100 of what somebody says was made together against what any of
    them said alone; `agreement`: mean chrF++ / 100 between what they say was made. An unusable text counts 0 in both.
    """
    texts: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for o in outcomes:
        kind = o.sample.variant.split("/")[2].split("-")[0]
        if kind in ("solo", "outcome"):
            texts[o.sample.persona, o.sample.item][kind].append(said(o))
    new, same = [], []
    for (persona, _), found in texts.items():
        for i, made in enumerate(found["outcome"]):
            new.append((persona, 1 - max(chrf(made, alone) for alone in found["solo"]) if made else 0.0))
            same += [(persona, chrf(made, other) if made and other else 0.0) for other in found["outcome"][i + 1 :]]
    return {"novelty": share(new), "agreement": share(same)}


def _present(data: Data, o: Outcome) -> list[str]:
    scene = data.item(o.sample.item)
    roles = scene.roles if isinstance(scene, CoCreation) else (scene.scored, scene.partner)
    return [r.persona for r in roles]
