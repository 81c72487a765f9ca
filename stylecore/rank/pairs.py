"""Pairs of a user and a product, and the same as a row for each user."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylecore.arrays import Bools, Ints
from stylecore.rank.ranking import NONE

MOST_CELLS = 2**21
"""Of a table of candidates in memory at once, some 30 bytes each; one user's may be more."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Products by user, lower ones first."""

    counts: Ints
    """[B], the number of each user's products."""
    products: Ints
    """[sum of counts], those of the first user first."""

    @staticmethod
    def of_hits(hits: Bools, width: int) -> Pairs:
        """Where hits [B, width] are true."""
        counts = np.count_nonzero(hits, axis=1)
        starts = np.repeat(np.arange(len(hits)) * width, counts)
        return Pairs(counts=counts, products=np.flatnonzero(hits) - starts)

    def table(self) -> Ints:
        """[B, W] for the largest count W, the rest filled with NONE."""
        starts = np.cumsum(self.counts) - self.counts
        width = int(self.counts.max(initial=0))
        table = np.full((len(self.counts), width), NONE, dtype=np.int64)
        places = np.arange(len(self.products)) + np.repeat(
            np.arange(len(self.counts)) * width - starts, self.counts
        )
        table.ravel()[places] = self.products
        return table
