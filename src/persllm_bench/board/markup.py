"""Values as they stand on a plain page."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup, escape

from persllm_bench.board.layout import CORE_MEAN, TWIN_MEAN
from persllm_bench.board.safe import visible


def text(value: object) -> Markup:
    """A stranger's text as text: escaped, the unseen shown, its writing direction kept to itself."""
    shown = "–" if _missing(value) else visible(str(value))
    return Markup('<bdi dir="auto">{}</bdi>').format(escape(shown))


def number(value: Any, digits: int = 1) -> str:
    return "–" if _missing(value) else f"{value:,.{digits}f}".replace("-", "\u2212")


def signed(value: Any) -> str:
    return "–" if _missing(value) else f"{value:+.1f}".replace("-", "\u2212")


def task_name(name: str) -> str:
    """How a task or mean is called on a page."""
    kind, _, base = name.partition("_")
    if not base:
        return {CORE_MEAN: "PersLLM-Core", TWIN_MEAN: "Likelihood twins"}.get(
            name, name.removeprefix("persllm-").capitalize()
        )
    return base.capitalize() + {"persllm-ll": " (likelihood)", "persllm-quick": " (quick)"}.get(kind, "")


def bar(low: Any, score: Any, high: Any, least: float = -20.0) -> Markup:
    """An interval on -20..100 as a drawing; the figures stand beside it."""
    if _missing(score):
        return Markup("")
    at = [round((min(max(float(v), least), 100) - least) / (100 - least) * 100, 1) for v in (low, score, high, 0)]
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<line class="zero" x1="{3}" x2="{3}" y1="0" y2="10"/><rect x="{0}" y="3" width="{4}" height="4"/>'
        '<line class="point" x1="{1}" x2="{1}" y1="1" y2="9"/></svg>'
    ).format(*at, round(at[2] - at[0], 1))


def shade(score: Any) -> str:
    """Class of a cell, by score: h0 (chance or less) to h9."""
    return "" if _missing(score) else f"h{min(max(int(score // 10), 0), 9)}"


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)
