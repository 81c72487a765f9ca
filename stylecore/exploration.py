"""Places of a list that go to products drawn at random, so that the unseen can be found.

Half of them, rounded up, are drawn uniformly from the new products while there are any, the others
uniformly from all. The draw is a hash of shopper, day and factor version: it does not change from
click to click. A drawn product that is masked or in the list already leaves its place to the next
draw. A product's chance of such a place is told nowhere: the propensity of an item is that of its
style, given the product. Scores and styles are not known here.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Bools, Ints, Unsigned
from stylecore.rank import NONE
from stylecore.style_choice import mixed_bits

TRIES = 4
"""Products drawn for each place, and for each place of a new product."""


def explore(
    rows: Ints,
    places: int,
    shoppers: Unsigned,
    present: Bools,
    newcomers: Ints,
    resting: Ints,
) -> tuple[Ints, Bools]:
    """The lists [B, k] with their last places redrawn, and which places those are.

    `newcomers` are the rows of new products on sale. `resting` holds position * P + row for each
    product that a shopper must not get. A place keeps what it has where no draw can be used or
    where the list is shorter.
    """
    kept = rows.shape[1] - min(places, rows.shape[1])
    tail = rows[:, kept:]
    if not tail.size:
        return rows, np.zeros(rows.shape, dtype=np.bool_)
    drawn, of_new = _drawn(shoppers, tail.shape[1], len(present), newcomers)
    usable = present[drawn] & ~_contains(rows, drawn)
    usable &= ~np.isin(np.arange(len(rows))[:, None] * len(present) + drawn, resting)
    drawn = _without_surplus(drawn, usable, of_new, _half(tail.shape[1]))
    usable &= (drawn != NONE) & ~_repeats(drawn)
    first = np.argsort(~usable, axis=1, kind="stable")[:, : tail.shape[1]]
    taken = np.take_along_axis(usable, first, axis=1) & (tail != NONE).all(axis=1, keepdims=True)
    tail = np.where(taken, np.take_along_axis(drawn, first, axis=1), tail)
    explored = np.zeros(rows.shape, dtype=np.bool_)
    explored[:, kept:] = taken
    return np.hstack([rows[:, :kept], tail]), explored


def _drawn(shoppers: Unsigned, places: int, products: int, newcomers: Ints) -> tuple[Ints, int]:
    """Draws [B, d] from the newcomers and then from all products, and how many are of the first."""
    of_all = TRIES * places
    of_new = TRIES * _half(places) if len(newcomers) else 0
    counters = np.arange(1, of_all + of_new + 1, dtype=np.uint64)
    bits = mixed_bits(mixed_bits(shoppers)[:, None] + counters)
    drawn = (bits[:, :of_all] % np.uint64(products)).astype(np.int64)
    if not of_new:
        return drawn, 0
    young = newcomers[(bits[:, of_all:] % np.uint64(len(newcomers))).astype(np.int64)]
    return np.hstack([young, drawn]), of_new


def _without_surplus(drawn: Ints, usable: Bools, of_new: int, most: int) -> Ints:
    """The draws, NONE for those of newcomers after so many usable ones: what is not taken as new
    must not count as a repeat among the draws from all.
    """
    if not of_new:
        return drawn
    fresh = usable[:, :of_new] & ~_repeats(drawn[:, :of_new])
    young = np.where(fresh.cumsum(axis=1) > most, NONE, drawn[:, :of_new])
    return np.hstack([young, drawn[:, of_new:]])


def _half(places: int) -> int:
    """Rounded up."""
    return (places + 1) // 2


def _contains(rows: Ints, drawn: Ints) -> Bools:
    """Which of the drawn [B, d] stand in the rows [B, j] of the same shopper."""
    found: Bools = (drawn[:, :, None] == rows[:, None, :]).any(axis=2)
    return found


def _repeats(drawn: Ints) -> Bools:
    """Which of the drawn [B, d] stand further left already."""
    same = drawn[:, :, None] == drawn[:, None, :]
    repeated: Bools = np.tril(same, k=-1).any(axis=2)
    return repeated
