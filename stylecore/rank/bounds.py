"""A score that at least k products of each user reach, found without sorting all scores."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", np.int32, np.float32)

GROUPS_PER_PLACE = 3
"""Groups are folded while there are this many a place left: more give a tighter bound."""
FOLDS = (16, 4, 2)
"""Rows of scores folded at once, where so many are left: fewer passes over memory."""


def reached_by(scores: NDArray[Number], k: int) -> NDArray[Number]:
    """For each user of scores [B, P], [B]; 1 <= k <= P.

    The k-th largest maximum of disjoint groups: each group up to there holds one such product.
    """
    maxima = scores
    for fold in FOLDS:
        while maxima.shape[1] % fold == 0 and maxima.shape[1] // fold >= GROUPS_PER_PLACE * k:
            maxima = np.maximum.reduce(maxima.reshape(len(maxima), fold, -1), axis=1)
    place = maxima.shape[1] - k
    return np.partition(maxima, place, axis=1)[:, place]
