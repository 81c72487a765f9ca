"""Intervals by resampling: whole units with replacement, for a shopper's choices hang together.

The percentile interval of Efron 1979. An estimate is a ratio of sums, so units that add the same
are one kind, and a resample is a multinomial count of kinds: exact, and cheap for rare rewards.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Doubles, Ints
from stylecore.offpolicy.terms import Terms

RESAMPLES = 1000


def interval(
    terms: Terms,
    unit: Ints,
    random: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """Lower and upper bound of the estimate; `unit` [N] says what is drawn together."""
    values = resampled(terms, unit, random, resamples)
    tail = (1.0 - confidence) / 2.0
    low, high = np.nanquantile(values, (tail, 1.0 - tail)).tolist()
    return low, high


def resampled(terms: Terms, unit: Ints, random: np.random.Generator, resamples: int) -> Doubles:
    """The estimate on each resample, [resamples]; not a number where nothing is below the line."""
    sums, alike = _sums_by_unit(terms, unit)
    counts = random.multinomial(alike.sum(), alike / alike.sum(), size=resamples)
    above, below = counts @ sums[:, 0], counts @ sums[:, 1]
    values = np.full(resamples, np.nan)
    np.divide(above, below, out=values, where=below != 0)
    return values


def _sums_by_unit(terms: Terms, unit: Ints) -> tuple[Doubles, Ints]:
    """The different pairs of sums that units have, [S, 2], and how many units have each, [S]."""
    _, code = np.unique(unit, return_inverse=True)
    sums = np.stack([np.bincount(code, terms.numerator), np.bincount(code, terms.denominator)], 1)
    different, alike = np.unique(sums, axis=0, return_counts=True)
    return np.asarray(different, dtype=np.float64), alike.astype(np.int64)
