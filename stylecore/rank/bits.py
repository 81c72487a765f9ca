"""Where the bits of many words are set, when few are."""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Bools, Ints, Unsigned

WORD = 64
ONE = np.uint64(1)


def packed(hits: Bools) -> Unsigned:
    """Hits [B, W] as words [B, W / 64], the first hit the lowest bit; W is a multiple of 64."""
    words = np.packbits(hits, bitorder="little").view("<u8")
    return words.reshape(len(hits), -1)


def positions(words: Unsigned) -> Ints:
    """The ascending numbers of the bits that are set, of all words one after another.

    The lowest bits of all words at once, then the next: a fraction of numpy's nonzero's time, which
    is slow where between 1 and 10 of 100 are set.
    """
    flat = words.ravel()
    filled = np.flatnonzero(flat != 0)
    left = flat[filled]
    counts = np.bitwise_count(left)
    places = np.cumsum(counts, dtype=np.int64) - counts
    found = np.empty(int(counts.sum(dtype=np.int64)), dtype=np.int64)
    first = filled * WORD
    while len(left):
        above = left & (left - ONE)
        found[places] = first + np.bitwise_count((left ^ above) - ONE)
        more = np.flatnonzero(above != 0)
        left, places, first = above[more], places[more] + 1, first[more]
    return found
