"""What judges found and how good they are: figures beside the gate, as records for boards and tables for people."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from persllm_bench.items import Data
from persllm_bench.judging import adjudication
from persllm_bench.judging.correction import prediction_powered
from persllm_bench.judging.folder import CALIBRATIONS, JudgeFacts, JudgeFolder
from persllm_bench.judging.gate import GATE_KAPPA, GATE_SWAP, Gate
from persllm_bench.judging.rubric import PROMPT_SHA256
from persllm_bench.judging.said import rating_samples
from persllm_bench.reader import load
from persllm_bench.runs import RunError, RunFolder
from persllm_bench.scoring import Measure, Outcome, TaskScore, fidelity, score
from persllm_bench.scoring.judge import confusion, rated_by_id, rating_of
from persllm_bench.scoring.score import join, parse
from persllm_bench.stats import Interval


@dataclass(frozen=True)
class Fidelity:
    """What one judge found in one run. `whole`: whether it was calibrated on the whole gold set; `own`: whether the run
    is the judge's own, so that liking its own way of writing would show as faithfulness."""

    run: Path
    condition: str
    judge: JudgeFacts
    calibration: TaskScore
    """Its own score on the gold set."""
    whole: bool
    own: bool
    figures: list[fidelity.Figure]
    measures: dict[str, Measure]
    adjudicated: dict[str, Interval]
    """Task -> share with an error, where people rated at least 200 of its replies drawn at random."""

    @property
    def gate(self) -> Gate:
        return gate_of(self.calibration)

    @property
    def trusted(self) -> bool:
        return self.gate.passed and self.whole

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the figures are not trusted; empty where they are."""
        slice_only = () if self.whole else ("calibrated on a slice of the gold set only",)
        return (*self.gate.faults, *slice_only)


def gate_of(calibration: TaskScore) -> Gate:
    return Gate.of({name: m.value for name, m in calibration.measures.items()})


def found(run: RunFolder, folder: JudgeFolder, data: Data) -> Fidelity:
    """The figures of a judge's work on a run, from its raw judgements.

    Raises:
        RunError, ReplyMismatch: not calibrated, other data, or judgements of other replies than the run's.
    """
    known, facts = run.require(data), folder.facts()
    calibration = folder.calibration_score(data)
    gold = list(rated_by_id(data, calibration.outcomes).values())
    outcomes: list[Outcome] = []
    adjudicated: dict[str, Interval] = {}
    for name in folder.judged():
        samples = rating_samples(data, known, name, list(run.replies(name)))
        outcomes += (new := [parse(s, reply) for s, reply in join(samples, folder.judgements(name))])
        if (interval := _adjudicated(new, adjudication.labels(run.path, name))) is not None:
            adjudicated[name] = interval
    if not outcomes:
        raise RunError(f"{folder.path}: this judge has not rated anything yet")
    return Fidelity(
        run=run.path,
        condition=known.condition,
        judge=facts,
        calibration=calibration,
        whole=folder.calibrated() == CALIBRATIONS[0],
        own=(known.model, known.model_sha256 or known.model_args.get("revision")) == (facts.judge, facts.revision),
        figures=fidelity.figures(outcomes, gold),
        measures=fidelity.measures(outcomes),
        adjudicated=adjudicated,
    )


def _adjudicated(outcomes: Sequence[Outcome], people: dict[str, list[bool]]) -> Interval | None:
    judged, drawn, truth = (defaultdict[str, list[float]](list) for _ in range(3))
    for o in outcomes:
        rating = rating_of(o)
        flag = float(rating is None or bool(rating.errors))
        if said := people.get(o.sample.id):
            drawn[o.sample.persona].append(flag)
            truth[o.sample.persona].append(sum(said) / len(said))
        else:
            judged[o.sample.persona].append(flag)
    return prediction_powered(judged, drawn, truth)


def judges(paths: Iterable[Path], data: Data | None = None) -> list[dict[str, Any]]:
    """Every judge under `paths`, each once: name, revision, prompt hash, gate, calibration measures, confusion of
    kinds, attack success; those that pass first, then by kappa.

    A path is a run folder with `persllm_judge`, a run that judges rated, or a folder with such runs in it. Of a judge
    calibrated in several places the one on the whole gold set counts, else the first.
    """
    data = data or load()
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for path in paths:
        for folder in sorted({p.parent for p in Path(path).rglob("judge.json")} | _runs(Path(path))):
            if (row := _row(folder, data)) is None:
                continue
            key = (row["judge"], row["revision"], row["backend"], json.dumps(row["model_args"], sort_keys=True))
            if key not in rows or (row["whole"] and not rows[key]["whole"]):
                rows[key] = row
    return sorted(rows.values(), key=lambda r: (not r["passed"], -(r["measures"]["kappa"]["value"] or -1), r["judge"]))


def _runs(path: Path) -> set[Path]:
    return {p.parent for p in path.rglob("run.json") if p.parent.name != "calibration"}


def _row(path: Path, data: Data) -> dict[str, Any] | None:
    """The row of a judge's folder, or of a run folder with an answered gold set; None where there is none."""
    if (path / "judge.json").is_file():
        folder = JudgeFolder(path)
        if folder.calibrated() is None:
            return None
        run, facts = folder.calibration, folder.facts()
        known = {"judge": facts.judge, "revision": facts.revision, "backend": facts.backend}
        known_args, prompt = facts.model_args, facts.prompt_sha256
    else:
        run = RunFolder(path)
        run_facts = run.facts()
        if run_facts.condition != "profile" or run_facts.personas or not set(CALIBRATIONS) & set(run.done()):
            return None
        revision = run_facts.model_sha256 or run_facts.model_args.get("revision")
        known = {"judge": run_facts.model, "revision": revision, "backend": run_facts.backend}
        known_args, prompt = run_facts.model_args, PROMPT_SHA256
    run.require(data)
    name = next(n for n in CALIBRATIONS if n in run.done())
    scored = score(name, data, run.replies(name), "profile")
    gate = gate_of(scored)
    measures = {n: _numbers(m) for n, m in sorted(scored.measures.items())}
    return {
        **known,
        "model_args": known_args,
        "prompt_sha256": prompt,
        "data_sha256": data.sha256,
        "whole": name == CALIBRATIONS[0],
        "score": round(scored.score.estimate, 6),
        "passed": gate.passed and name == CALIBRATIONS[0],
        "faults": list(gate.faults) + ([] if name == CALIBRATIONS[0] else ["calibrated on a slice only"]),
        "needed": {"kappa": GATE_KAPPA, "swap_consistency": GATE_SWAP},
        "measures": {n: m for n, m in measures.items() if not n.startswith("attack_")},
        "attacks": {n.removeprefix("attack_"): m["value"] for n, m in measures.items() if n.startswith("attack_")},
        "confusion": confusion(list(rated_by_id(data, scored.outcomes).values())),
    }


def as_json(f: Fidelity) -> dict[str, Any]:
    """A judge's figures on a run; shares in [0, 1]."""
    return {
        "run": f.run.name,
        "condition": f.condition,
        "judge": f.judge.judge,
        "revision": f.judge.revision,
        "prompt_sha256": f.judge.prompt_sha256,
        "trusted": f.trusted,
        "doubts": list(f.doubts),
        "own_replies": f.own,
        "assumes_transfer": True,
        "figures": {
            x.name: {
                "raw": _numbers(x.raw),
                "corrected": x.corrected and _numbers(Measure(x.corrected.estimate, x.corrected)),
            }
            for x in f.figures
        },
        "measures": {n: _numbers(m) for n, m in f.measures.items()},
        "adjudicated": {name: _numbers(Measure(i.estimate, i, i.clusters)) for name, i in f.adjudicated.items()},
    }


def _numbers(m: Measure) -> dict[str, Any]:
    def short(x: float | None) -> float | None:
        return None if x is None else round(x, 6)

    low, high = (m.interval.low, m.interval.high) if m.interval else (None, None)
    return {"value": short(m.value), "low": short(low), "high": short(high), "n": m.n}
