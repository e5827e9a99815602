"""Scores as tables for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from rich.table import Table

from persllm_bench.scoring import Measure, TaskScore
from persllm_bench.shortcuts import Shortcut
from persllm_bench.suite import KINDS, task

if TYPE_CHECKING:
    from persllm_bench.submissions.compare import Row


def score_table(
    scores: Sequence[TaskScore], beside: Sequence[TaskScore] = (), shortcuts: dict[str, float] | None = None
) -> Table:
    """One row per task: score, interval, chance, items, unparsed share, beside the same task of another run (no
    persona)."""
    trained = bool(scores) and scores[0].condition == "name"
    how = "by items that share evidence, within personas (trained track)" if trained else "by persona"
    table = Table(title=f"0 is chance, 100 is perfect; 95 % intervals clustered {how}", title_justify="left")
    for name, justify in (
        ("task", "left"), ("score", "right"), ("95 % interval", "right"), ("chance", "right"), ("items", "right"),
        ("samples", "right"), ("unparsed", "right"), ("no persona", "right"), ("best shortcut", "right"),
    ):  # fmt: skip
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    controls = {s.task: s for s in beside}
    for s in scores:
        control = controls.get(s.task)
        shortcut = (shortcuts or {}).get(task(s.task).base)
        table.add_row(
            s.task,
            f"{s.score.estimate:.1f}",
            f"[{s.score.low:.1f}, {s.score.high:.1f}]",
            "-" if s.chance is None else f"{100 * s.chance:.0f} %",
            str(s.items),
            str(s.samples),
            f"{100 * s.unparsed:.1f} %",
            f"{control.score.estimate:.1f}" if control else "-",
            "-" if shortcut is None else f"{shortcut:.1f}",
        )
    return table


def as_json(scores: Sequence[TaskScore]) -> list[dict[str, Any]]:
    """Everything but the outcomes, rounded to what is stable across machines; what is not a number is None."""
    return [
        {
            "task": s.task,
            "condition": s.condition,
            "score": _round(s.score.estimate),
            "low": _round(s.score.low),
            "high": _round(s.score.high),
            "stderr": _round(s.score.se),
            "method": s.score.method,
            "chance": s.chance,
            "items": s.items,
            "samples": s.samples,
            "unparsed": _round(s.unparsed),
            "by_persona": {k: _round(v) for k, v in sorted(s.by_persona.items())},
            "adds": {k: _round(v) for k, v in sorted(s.adds.items())},
            "measures": {k: _measure(m) for k, m in sorted(s.measures.items())},
        }
        for s in scores
    ]


def ordered(scores: Sequence[TaskScore]) -> list[TaskScore]:
    """Scores in the order of the suite, slices and likelihood twins after their task."""
    bases = list(KINDS)
    return sorted(scores, key=lambda s: (bases.index(task(s.task).base), s.task))


def measures_table(score: TaskScore) -> Table:
    """Every measure of one task."""
    table = Table(title=f"{score.task} ({score.condition})", title_justify="left")
    for name in ("measure", "value", "95 % interval", "n"):
        table.add_column(name, justify="left" if name == "measure" else "right")
    for name, m in score.measures.items():
        interval = f"[{m.interval.low:.3f}, {m.interval.high:.3f}]" if m.interval else "-"
        table.add_row(name, "-" if m.value is None else f"{m.value:.3f}", interval, str(m.n))
    return table


def _measure(m: Measure) -> dict[str, Any]:
    return {
        "value": _round(m.value),
        "low": _round(m.interval.low) if m.interval else None,
        "high": _round(m.interval.high) if m.interval else None,
        "n": m.n,
    }


def _round(value: float | None) -> float | None:
    return round(value, 6) if value is not None and isfinite(value) else None


def shortcut_table(measured: Sequence[Shortcut]) -> Table:
    table = Table(
        "task",
        "policy",
        "chance",
        "accuracy",
        "upper bound",
        "scaled",
        title="what shortcuts earn",
        title_justify="left",
    )
    for s in measured:
        table.add_row(
            s.task, s.policy, f"{s.chance:.2f}", f"{s.accuracy.value:.3f}", f"{s.accuracy.upper:.3f}", f"{s.scaled:.1f}"
        )
    return table


def rerun_table(rows: Sequence[Row]) -> Table:
    """A submission beside a new run: agreeing calls, the same of the control, and mean values of the replies."""
    table = Table(title="mean value of a reply, 0 to 100", title_justify="left")
    for name in ("task", "condition", "calls", "same reply", "same in control", "submitted", "again"):
        table.add_column(name, justify="left" if name in ("task", "condition") else "right")
    for r in rows:
        shares = (f"{100 * n / max(1, r.calls):.1f} %" for n in (r.agree, r.control))
        table.add_row(r.task, r.condition, str(r.calls), *shares, f"{r.submitted:.1f}", f"{r.again:.1f}")
    return table
