"""From figures to bounds: what passes and what fails at each of nine candidates, and which is best.

The rule. Of the candidates that let at least KEPT of the good renders pass, the one with the best
balanced accuracy is taken: the mean of the share of good renders that pass and of the mean share,
over the breakages that this figure answers for, of broken renders that fail. Where several are
equal, the middle one, as far from the good as from the broken; where none lets enough pass, the one
that lets most. Pure: no picture is seen here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stylecore.bounds import FIGURES, SMALLER_IS_BETTER, Bounds, misses
from stylecore.calibration.broken import ANSWERABLE, GOOD
from stylecore.calibration.specimens import Specimen

CANDIDATES = 9
KEPT = 0.97
DECIMALS = {"identity": 3, "structure": 3, "style": 4, "background": 2, "visibility": 1}


@dataclass(frozen=True)
class Candidate:
    """A bound, the share of good renders that pass, and of each breakage the share that fails."""

    bound: float
    passed: float
    failed: Mapping[str, float]
    accuracy: float
    """Balanced, over the breakages that the figure answers for."""


@dataclass(frozen=True)
class Table:
    """The candidates of a figure in one style, from loose to strict, and the one that was taken."""

    style: str
    figure: str
    good: int
    """Good renders that have the figure."""
    candidates: tuple[Candidate, ...]
    chosen: Candidate


def tables_of(found: Sequence[Specimen], style: str) -> list[Table]:
    """A table a figure, for the figures that the style's good renders have."""
    return [
        _table(style, figure, values)
        for figure in FIGURES
        if GOOD in (values := _values(found, style, figure))
    ]


def bounds_of_tables(tables: Sequence[Table]) -> Bounds:
    """The bounds that one style's tables chose."""
    return Bounds(**{table.figure: table.chosen.bound for table in tables})


def choose(candidates: Sequence[Candidate]) -> Candidate:
    """The candidate that the rule above takes."""
    kept = [candidate for candidate in candidates if candidate.passed >= KEPT]
    if not kept:
        return max(candidates, key=lambda candidate: candidate.passed)
    best = max(candidate.accuracy for candidate in kept)
    equal = [candidate for candidate in kept if candidate.accuracy > best - 1e-9]
    return equal[(len(equal) - 1) // 2]


def _values(found: Sequence[Specimen], style: str, figure: str) -> dict[str, list[float]]:
    """Kind to the values of the figure, where it was measured."""
    values: dict[str, list[float]] = {}
    for specimen in found:
        value = getattr(specimen.quality, figure)
        if specimen.style == style and value is not None:
            values.setdefault(specimen.kind, []).append(value)
    return values


def _table(style: str, figure: str, values: Mapping[str, Sequence[float]]) -> Table:
    bounds = candidate_bounds(figure, values)
    candidates = tuple(_candidate(figure, bound, values) for bound in bounds)
    return Table(style, figure, len(values[GOOD]), candidates, choose(candidates))


def candidate_bounds(figure: str, values: Mapping[str, Sequence[float]]) -> list[float]:
    """Nine bounds from loose to strict, even between broken and good renders; of style, whose
    probabilities crowd at 0, even in their logarithms.

    The loosest is the worst good value, or the middle of the broken ones where that is worse; the
    strictest fails a tenth of the good.
    """
    sign = -1 if figure in SMALLER_IS_BETTER else 1
    good = sign * np.array(values[GOOD])
    broken = sign * np.concatenate([values[kind] for kind in ANSWERABLE[figure]])
    unit = 10.0 ** -DECIMALS[figure]
    loosest = min(good.min(), np.median(broken)) - unit
    strictest = max(np.quantile(good, 0.1), loosest + CANDIDATES * unit)
    if figure == "style":
        even = np.geomspace(max(loosest, unit), strictest, CANDIDATES)
        even[0] = max(loosest, 0)
    else:
        even = np.linspace(loosest, strictest, CANDIDATES)
    return [float(sign * bound) + 0.0 for bound in np.round(even, DECIMALS[figure])]


def _candidate(figure: str, bound: float, values: Mapping[str, Sequence[float]]) -> Candidate:
    failed = {
        kind: float(np.mean([misses(figure, value, bound) for value in given]))
        for kind, given in values.items()
    }
    passed = 1 - failed.pop(GOOD)
    caught = float(np.mean([failed[kind] for kind in ANSWERABLE[figure]]))
    return Candidate(bound, passed, failed, (passed + caught) / 2)
