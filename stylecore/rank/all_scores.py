"""Candidates out of all scores: one matrix product, a bound, and what reaches it.

The way for products that are asked for once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stylecore.arrays import Floats
from stylecore.rank.bounds import reached_by
from stylecore.rank.pairs import MOST_CELLS, Pairs
from stylecore.rank.ranking import Masks, lengths

BLOCK = 128
"""Users whose scores stand in memory at once: few enough for the processor's cache."""
LOWEST = np.finfo(np.float32).min
"""A masked product's score; any finite score that is shown is above it."""
ROUNDING = 2.0**-23
"""Twice the unit of rounding of single precision."""


def candidates(users: Floats, products: Floats, k: int, masks: Masks) -> Iterator[Pairs]:
    """Pairs that hold the k best products of each user, some users at a time; 1 <= k <= P.

    The matrix product rounds otherwise than a single inner product does, by D roundings at most,
    so that what is nearer to the bound than that is a candidate as well.
    """
    longest = lengths(products).max()
    rows = max(1, min(BLOCK, MOST_CELLS // len(products)))
    room = np.empty((min(rows, len(users)), len(products)), dtype=np.float32)
    for first in range(0, len(users), rows):
        block = users[first : first + rows]
        scores = np.matmul(block, products.T, out=room[: len(block)])
        scores[masks.between(first, first + len(block))] = LOWEST
        scores[:, masks.absent] = LOWEST
        rounding = np.float32(2 * ROUNDING * users.shape[1]) * longest * lengths(block)
        bounds = np.fmax(reached_by(scores, k) - rounding, np.nextafter(LOWEST, np.float32(0)))
        yield Pairs.of_hits(scores >= bounds[:, None], len(products))
