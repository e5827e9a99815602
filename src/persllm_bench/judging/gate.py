"""Who may be trusted as a judge. The gate is on what the correction of a judge's figures rests on (docs/judging.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GATE_KAPPA, GATE_SWAP = 0.6, 0.9


@dataclass(frozen=True)
class Gate:
    """`kappa` is that of "has an error" at equal shares of faithful and erroneous replies, sensitivity + specificity
    - 1; `swap_consistency` is the share of pairs in which both orders name the same reply. None: nothing was asked."""

    kappa: float | None
    swap_consistency: float | None

    @classmethod
    def of(cls, measures: Mapping[str, float | None]) -> Gate:
        return cls(measures.get("kappa"), measures.get("swap_consistency"))

    @property
    def faults(self) -> tuple[str, ...]:
        """Why the judge fails; empty for one that passes."""
        rules = (("kappa", self.kappa, GATE_KAPPA), ("swap consistency", self.swap_consistency, GATE_SWAP))
        return tuple(
            f"{name} {'was not measured' if value is None else f'is {value:.2f}'}, at least {least} is needed"
            for name, value, least in rules
            if value is None or value < least
        )

    @property
    def passed(self) -> bool:
        return not self.faults
