"""A judge's skill and its figures, as tables for people."""

from __future__ import annotations

from rich.table import Table

from persllm_bench.judging.attacks import ATTACKS
from persllm_bench.judging.gate import GATE_KAPPA, GATE_SWAP
from persllm_bench.judging.report import Fidelity
from persllm_bench.schema import AXES
from persllm_bench.scoring import Measure
from persllm_bench.stats import Interval

SKILL = (
    "kappa", "swap_consistency", "sensitivity", "specificity", "kappa_kind", "location", "recall_at_5fpr", "speaker",
    "preference", "verbosity", "length_effect", "attack_success", "unparsed",
)  # fmt: skip


def calibration_table(f: Fidelity) -> Table:
    """What the judge is worth, and whether it passes the gate (kappa and swap consistency)."""
    verdict = "passes the gate" if f.trusted else f"NOT TRUSTED: {'; '.join(f.doubts)}"
    who = f"{f.judge.judge} ({(f.judge.revision or 'revision unknown')[:12]}), prompts {f.judge.prompt_sha256[:12]}"
    table = Table(title=f"{who}\n{verdict}", title_justify="left")
    for name in ("on the gold set", "value", "95 % interval", "needed"):
        table.add_column(name, justify="left" if name == "on the gold set" else "right")
    needed = {"kappa": str(GATE_KAPPA), "swap_consistency": str(GATE_SWAP)}
    for name in (*SKILL, *(f"{what}_{axis}" for axis in AXES for what in ("kappa", "qwk"))):
        m = f.calibration.measures[name]
        table.add_row(name, _value(m), _limits(m.interval), needed.get(name, ""))
    return table


def attack_table(f: Fidelity) -> Table:
    """Share of attacks let through: no error named, nothing rated below 4."""
    table = Table("attack", "let through", "95 % interval", "n", title="attacks on the judge", title_justify="left")
    for name in ("none", *ATTACKS, "success"):
        m = f.calibration.measures[f"attack_{name}"]
        shown = {"none": "the same replies unattacked", "success": "all"}.get(name, name)
        table.add_row(shown, _value(m), _limits(m.interval), str(m.n))
    return table


def fidelity_table(f: Fidelity) -> Table:
    """Shares of replies with an error, as the judge says and corrected for its errors, then the raw measures."""
    mark = ("  (its own replies)" if f.own else "") + ("" if f.trusted else "  NOT TRUSTED")
    table = Table(title=f"{f.run}: judged by {f.judge.judge}{mark}", title_justify="left")
    table.caption = "corrected: assumes that the judge errs here as on the gold set"
    for name in ("share of replies with", "raw", "95 % interval", "corrected", "95 % interval ", "n"):
        table.add_column(name, justify="left" if name == "share of replies with" else "right")
    for x in f.figures:
        fixed = "-" if x.corrected is None else f"{x.corrected.estimate:.3f}"
        table.add_row(x.name, _value(x.raw), _limits(x.raw.interval), fixed, _limits(x.corrected), str(x.raw.n))
    for name, i in f.adjudicated.items():
        table.add_row(f"an error, by people's ratings ({name})", "", "", f"{i.estimate:.3f}", _limits(i), "")
    table.add_section()
    for name, m in f.measures.items():
        table.add_row(name, _value(m), _limits(m.interval), "", "", str(m.n))
    return table


def _value(m: Measure) -> str:
    return "-" if m.value is None else f"{m.value:.3f}"


def _limits(interval: Interval | None) -> str:
    return f"[{interval.low:.3f}, {interval.high:.3f}]" if interval else "-"
