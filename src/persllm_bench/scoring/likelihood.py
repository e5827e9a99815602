"""Likelihood twins: each option scored as the person's own reply, without letters.

acc takes the option with the highest log-likelihood, acc_norm the highest per UTF-8 byte, acc_pmi the highest
log p(option | persona, stage, question) - log p(option | question) (domain-conditional PMI: Holtzman et al. 2021,
arXiv 2104.08315). Ties share their credit. acc_pmi is the score: it is the one to read for base and very small models.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from persllm_bench.items import Data
from persllm_bench.scoring.aggregate import Result, share
from persllm_bench.scoring.induction import identity_j
from persllm_bench.scoring.keys import chance, evidence, right_choices
from persllm_bench.scoring.record import Measure, Outcome, Unit

RULES = ("acc", "acc_norm", "acc_pmi")


def likelihood(data: Data, outcomes: Sequence[Outcome]) -> Result:
    """Score any `persllm-ll_` task; a unit is a sample, or both of a twin. Identity has its J, as with letters."""
    right = {o.sample.id: right_choices(data, o.sample) for o in outcomes}
    measures: dict[str, Measure] = {}
    for rule in RULES:
        measures[rule] = share((o.sample.persona, credit(o, rule, right[o.sample.id])) for o in outcomes)
    if outcomes and outcomes[0].sample.task == "identity":
        j = identity_j([(o, credit(o, "acc_pmi", right[o.sample.id])) for o in outcomes])
        return replace(j, measures=measures)
    groups: dict[tuple[str, str, str], list[Outcome]] = defaultdict(list)
    for o in outcomes:
        twin = o.sample.task in ("knowledge", "attitude")
        groups[o.sample.persona, o.sample.item, "" if twin else o.sample.stage + o.sample.variant].append(o)
    units = []
    for (persona, _, _), members in groups.items():
        credits = [credit(o, "acc_pmi", right[o.sample.id]) for o in members]
        blind = float(np.prod([chance(data, o.sample) for o in members]))
        cited = frozenset[str]().union(*(evidence(data, o.sample) for o in members))
        units.append(Unit(persona, "", (float(np.prod(credits)) - blind) / (1 - blind), cited))
    low = min((u.value for u in units), default=-1.0)
    blinds = {chance(data, o.sample) for o in outcomes}
    chance_share = blinds.pop() if len(blinds) == 1 else None
    return Result(units, low=min(low, -1 / 15), chance=chance_share, measures=measures)


def credit(o: Outcome, rule: str, right: frozenset[str]) -> float:
    """1 if the rule picks a right option, a share if it ties, 0 if wrong or unparsed."""
    chosen = best(o, rule)
    return sum(o.sample.choices[i] in right for i in chosen) / max(len(chosen), 1)


def best(o: Outcome, rule: str) -> list[int]:
    """The options that the rule picks, several where they tie; none where the sums are not whole."""
    if o.status != "parsed" or o.reply.loglikelihoods is None:
        return []
    given = np.array(o.reply.loglikelihoods.given)
    if rule == "acc_norm":
        given = given / np.array([len(c.encode()) for c in o.sample.continuations])
    elif rule == "acc_pmi":
        given = given - np.array(o.reply.loglikelihoods.baseline)
    return np.flatnonzero(given >= given.max() - 1e-9).tolist()
