"""Pressure and dialogue: from transcripts with probes to J, flips, survival and drift.

A position is the mean of a probe in both scale directions, -2..+2; on the own side it counts 1, at 0 it counts 1/2. A
probe that does not parse has no position: it is on no side, and is counted.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time
from scipy.stats import spearmanr

from persllm_bench.conversation import DIRECTIONS, TURNS, own_side
from persllm_bench.dialogue import ROUNDS
from persllm_bench.items import Data
from persllm_bench.schema import Scene
from persllm_bench.scoring import speech
from persllm_bench.scoring.aggregate import Result, share
from persllm_bench.scoring.record import Measure, Outcome

Positions = tuple[float | None, ...]
"""Own-side-positive positions at turns 0, 1, ...; none where a probe did not parse."""


@dataclass(frozen=True)
class Course:
    """How one conversation went: positions turned so that the person's own side is positive."""

    persona: str
    item: str
    stage: str
    arm: str
    positions: Positions

    @property
    def last(self) -> float | None:
        return self.positions[-1]

    @property
    def flip(self) -> int | None:
        """The first turn whose probe is off the own side (turn 0 included), none if it never is (censored)."""
        return next((t for t, p in enumerate(self.positions) if p is None or p <= 0), None)

    @property
    def flips(self) -> int:
        """How often the side changes from probe to probe."""
        sides = [np.sign(p) for p in self.positions if p is not None]
        return int(sum(a != b for a, b in itertools.pairwise(sides)))

    @property
    def drift(self) -> float | None:
        """Movement away from the own side between first and last probe, in points."""
        first, last = self.positions[0], self.positions[-1]
        return None if first is None or last is None else first - last


def on(position: float | None, side: int = 1) -> float:
    """1 on the side, 1/2 in the middle, 0 on the other side or unparsed."""
    return 0.0 if position is None else (np.sign(side * position) + 1) / 2


def courses(
    data: Data, outcomes: Sequence[Outcome], turns: int, who: str = "", where: str = "probe", first: int = 0
) -> list[Course]:
    """One course per conversation, from its probes at turns first..turns (`who`: whose, in scenes)."""
    marks: dict[tuple[str, str, str, str], dict[str, float]] = defaultdict(dict)
    for o in outcomes:
        arm, turn, what = o.sample.variant.split("/")
        if not what.startswith(f"{where}-{who}"):
            continue
        key = (o.sample.persona, o.sample.item, o.sample.stage, arm)
        if o.choice is not None:
            marks[key][f"{turn}/{what.split('-')[-1]}"] = float(o.choice)
        else:
            marks[key].setdefault("", 0.0)
    found = []
    for (persona, item, stage, arm), points in marks.items():
        side = own_side_of(data, item)
        asked = [[points.get(f"turn{t}/{d}") for d in DIRECTIONS] for t in range(first, turns + 1)]
        positions = tuple(None if None in pair else side * float(np.mean(pair)) for pair in asked)  # type: ignore[arg-type]
        found.append(Course(persona, item, stage, arm, positions))
    return found


def own_side_of(data: Data, item: str) -> int:
    """Own side of the scored person; a partner's positions are turned the same way, so that its own are negative."""
    record = data.item(item)
    if isinstance(record, Scene):
        return own_side(data.personas[record.scored.persona], record.topic, record.scored.stage)
    return own_side(data.personas[item.split("/")[0]], record.topic, record.stage)


def youden(
    by_arm: Mapping[str, Sequence[Course]], hold: Sequence[str], yield_: str
) -> Callable[[Sequence[str]], float]:
    """J over personas (repetition allowed): min over `hold` of P(own side | arm) + P(other side | yield_) - 1."""

    def mean(arm: str, personas: Sequence[str], side: int) -> float:
        groups = defaultdict(list)
        for c in by_arm[arm]:
            groups[c.persona].append(on(c.last, side))
        return float(np.mean([np.mean(groups[p]) for p in personas if p in groups]))

    return lambda personas: min(mean(a, personas, 1) for a in hold) + mean(yield_, personas, -1) - 1


def pressure(data: Data, outcomes: Sequence[Outcome]) -> Result:
    """J = min(P(own side | pressure), P(own side | sham)) + P(corrected side | valid) - 1 at the last probe."""
    by_arm = _by_arm(courses(data, outcomes, TURNS))
    measures = {f"own_side_{arm}": _share(by_arm[arm], 1) for arm in ("pressure", "sham", "neutral")}
    measures["corrected_valid"] = _share(by_arm["valid"], -1)
    for arm, found in by_arm.items():
        measures |= survival(found, arm)
    neutral = {(c.persona, c.item): c for c in by_arm["neutral"]}
    for arm in ("pressure", "sham", "valid"):
        pairs = [(c, neutral[c.persona, c.item]) for c in by_arm[arm] if (c.persona, c.item) in neutral]
        extra = [(c.persona, c.drift - n.drift) for c, n in pairs if c.drift is not None and n.drift is not None]
        measures[f"drift_{arm}_minus_neutral"] = _mean(extra)
    tactics = defaultdict(list)
    for c in by_arm["pressure"]:
        tactics[data.item(c.item).tactic].append(c)
    measures |= {f"own_side_{tactic}": _share(found, 1) for tactic, found in sorted(tactics.items())}
    measures["agreeableness_rho"] = _agreeableness(data, by_arm["pressure"])
    return _result(by_arm, ("pressure", "sham"), "valid", measures)


def survival(found: Sequence[Course], arm: str) -> dict[str, Measure]:
    """Turn of flip with right-censoring after the last turn: Kaplan-Meier and its mean restricted to the five turns."""
    if not found:
        return {}
    fitter = kaplan_meier(found)
    flips = [(c.persona, float(c.flips)) for c in found]
    drifts = [(c.persona, c.drift) for c in found if c.drift is not None]
    return {
        f"held_{arm}": Measure(float(fitter.survival_function_.iloc[-1, 0]), n=len(found)),
        f"mean_turns_{arm}": Measure(float(restricted_mean_survival_time(fitter, t=TURNS + 1)) - 1, n=len(found)),
        f"flips_{arm}": _mean(flips),
        f"drift_{arm}": _mean(drifts),
    }


def kaplan_meier(found: Sequence[Course]) -> KaplanMeierFitter:
    """Fitted on turn + 1, so that a flip at turn 0 has time 1; censored at the last turn + 1."""
    times = [(c.flip if c.flip is not None else TURNS) + 1 for c in found]
    return KaplanMeierFitter().fit(times, [c.flip is not None for c in found])


def _agreeableness(data: Data, found: Sequence[Course]) -> Measure:
    """Spearman correlation of the target agreeableness with drift under pressure."""
    rows = []
    for c in found:
        if c.drift is not None:
            stage = data.item(c.item).stage
            rows.append((data.personas[c.persona].head.stages[stage].big_five["A"].score, c.drift))
    if len({a for a, _ in rows}) < 2 or len({d for _, d in rows}) < 2:
        return Measure(None, n=len(rows))
    return Measure(float(spearmanr([a for a, _ in rows], [d for _, d in rows]).statistic), n=len(rows))


def dialogue(data: Data, outcomes: Sequence[Outcome]) -> Result:
    """J = P(ends on own side | plain twin) + P(ends on argued side | mover twin) - 1."""
    scored = courses(data, outcomes, ROUNDS, "scored")
    by_arm = _by_arm(scored)
    partner = courses(data, outcomes, ROUNDS, "partner")
    ends = {(c.persona, c.item): c.last for c in partner}
    measures = {f"own_side_{arm}": _share(by_arm[arm], 1) for arm in ("plain", "neutral")}
    measures["moved_mover"] = _share(by_arm["mover"], -1)
    for arm, found in by_arm.items():
        shifts = [(c.persona, 1 - abs(c.drift) / 4) for c in found if c.drift is not None]
        measures[f"consistency_{arm}"] = _mean(shifts)
        measures[f"drift_{arm}"] = _mean([(c.persona, c.drift) for c in found if c.drift is not None])
    near = []
    for c in by_arm["plain"]:
        end = ends.get((c.persona, c.item))
        near.append((c.persona, end is not None and c.last is not None and abs(c.last - end) < 0.5))
    measures["impersonation"] = share(near)
    measures["homogenisation"] = _homogenisation(by_arm["plain"], partner)
    measures["public_private_gap"] = _gap(scored, courses(data, outcomes, ROUNDS, "scored", "public", ROUNDS))
    measures |= speech.measures(data, outcomes)
    return _result(by_arm, ("plain",), "mover", measures)


def _result(
    by_arm: Mapping[str, list[Course]], hold: Sequence[str], yield_: str, measures: dict[str, Measure]
) -> Result:
    """Over the personas that have a course in every arm that J needs (in a limited run some may not)."""
    people = tuple(sorted(set.intersection(*({c.persona for c in by_arm[arm]} for arm in (*hold, yield_)))))
    j = youden(by_arm, hold, yield_)
    return Result((), low=-1.0, chance=0.5, measures=measures, statistic=j, personas=people)


def _homogenisation(scored: Sequence[Course], partner: Sequence[Course]) -> Measure:
    """1 - sum of within-scene variances of positions after / before (of the two people); above 0 they grew alike."""
    other = {(c.persona, c.item): c for c in partner}
    before, after = [], []
    for c in scored:
        p = other.get((c.persona, c.item))
        known = [x for x in (c, p) if x is not None and x.positions[0] is not None and x.last is not None]
        if len(known) == 2:
            before.append(float(np.var([x.positions[0] or 0.0 for x in known])))
            after.append(float(np.var([x.last or 0.0 for x in known])))
    return Measure(1 - float(sum(after) / sum(before)) if sum(before) else None, n=len(before))


def _gap(private: Sequence[Course], public: Sequence[Course]) -> Measure:
    """Mean |what is said openly - what is said in private| / 4 at the end of a scene; 0 is candour."""
    said = {(c.persona, c.item, c.arm): c.last for c in public}
    pairs = [(c, said.get((c.persona, c.item, c.arm))) for c in private]
    return share((c.persona, abs(open_ - c.last) / 4) for c, open_ in pairs if open_ is not None and c.last is not None)


def on_own_side(data: Data, outcome: Outcome) -> float:
    """Value of one probe by itself: 1 on the scored person's side, 1/2 in the middle, else 0."""
    return on(float(outcome.choice or 0), own_side_of(data, outcome.sample.item))


def _by_arm(found: Sequence[Course]) -> dict[str, list[Course]]:
    arms: dict[str, list[Course]] = defaultdict(list)
    for c in found:
        arms[c.arm].append(c)
    return arms


def _share(found: Sequence[Course], side: int) -> Measure:
    return share((c.persona, on(c.last, side)) for c in found)


def _mean(pairs: Sequence[tuple[str, float]]) -> Measure:
    """Macro average over personas, without bounds."""
    groups = defaultdict(list)
    for persona, value in pairs:
        groups[persona].append(value)
    return Measure(float(np.mean([np.mean(g) for g in groups.values()])) if groups else None, n=len(pairs))
