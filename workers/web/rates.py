"""Rates with the interval that belongs to them."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

Z = 1.959964
"""Standard normal quantile of .975: intervals of 95 %."""


class Rate(NamedTuple):
    """A share and its interval, all 0 to 1."""

    share: float
    low: float
    high: float


def wilson(hits: int, trials: int) -> Rate | None:
    """The share of hits with Wilson's score interval (1927); None without trials.

    More hits than trials, as where a page told its clicks and not what was seen, count as all.
    """
    if trials <= 0:
        return None
    share = min(hits, trials) / trials
    middle = (share + Z**2 / (2 * trials)) / (1 + Z**2 / trials)
    spread = share * (1 - share) / trials + Z**2 / (4 * trials**2)
    half = Z / (1 + Z**2 / trials) * sqrt(spread)
    return Rate(share, max(0.0, middle - half), min(1.0, middle + half))
