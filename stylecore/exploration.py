"""Places of a list that go to products drawn uniformly from all, so that the unseen can be found.

The draw is a hash of shopper, day and factor version: it does not change from click to click. A
drawn product that is masked or in the list already leaves its place to the next draw. Scores and
styles are not known here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stylecore.rank import NONE
from stylecore.style_choice import mixed_bits

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Keys = NDArray[np.uint64]

TRIES = 4
"""Products drawn for each place."""


def explore(
    rows: Integers, places: int, shoppers: Keys, present: Booleans, resting: Integers
) -> tuple[Integers, Booleans]:
    """The lists [B, k] with their last places redrawn, and which places those are.

    `resting` holds position * P + row for each product that a shopper must not get. A place keeps
    what it has where no draw can be used or where the list is shorter.
    """
    kept = rows.shape[1] - min(places, rows.shape[1])
    tail = rows[:, kept:]
    if not tail.size:
        return rows, np.zeros(rows.shape, dtype=np.bool_)
    drawn = _drawn(shoppers, TRIES * tail.shape[1], len(present))
    usable = present[drawn] & ~_repeats(drawn) & ~_contains(rows, drawn)
    usable &= ~np.isin(np.arange(len(rows))[:, None] * len(present) + drawn, resting)
    first = np.argsort(~usable, axis=1, kind="stable")[:, : tail.shape[1]]
    taken = np.take_along_axis(usable, first, axis=1) & (tail != NONE).all(axis=1, keepdims=True)
    tail = np.where(taken, np.take_along_axis(drawn, first, axis=1), tail)
    explored = np.zeros(rows.shape, dtype=np.bool_)
    explored[:, kept:] = taken
    return np.hstack([rows[:, :kept], tail]), explored


def _drawn(shoppers: Keys, draws: int, products: int) -> Integers:
    counters = np.arange(1, draws + 1, dtype=np.uint64)
    bits = mixed_bits(mixed_bits(shoppers)[:, None] + counters)
    return (bits % np.uint64(products)).astype(np.int64)


def _contains(rows: Integers, drawn: Integers) -> Booleans:
    """Which of the drawn [B, d] stand in the rows [B, j] of the same shopper."""
    found: Booleans = (drawn[:, :, None] == rows[:, None, :]).any(axis=2)
    return found


def _repeats(drawn: Integers) -> Booleans:
    """Which of the drawn [B, d] stand further left already."""
    same = drawn[:, :, None] == drawn[:, None, :]
    repeated: Booleans = np.tril(same, k=-1).any(axis=2)
    return repeated
