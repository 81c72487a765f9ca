"""An estimate as a ratio of two sums over the log: all that a bootstrap has to know of it."""

from __future__ import annotations

from dataclasses import dataclass

from stylecore.arrays import Doubles


@dataclass(frozen=True, slots=True)
class Terms:
    """What each choice adds above and below the line, [N] each."""

    numerator: Doubles
    denominator: Doubles

    @property
    def value(self) -> float:
        """The estimate; not a number where nothing stands below the line."""
        below = float(self.denominator.sum())
        return float(self.numerator.sum()) / below if below else float("nan")
