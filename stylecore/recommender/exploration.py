"""Explore: put products drawn at random in the last places of lists.

Half of the places, rounded up, go to new products while there are any, the others to all. The draw
is a hash of shopper, day and factor version, so it does not change with each click. A drawn product
that is masked or already in the list leaves its place to the next draw.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Bools, Ints, Unsigned
from stylecore.recommender.style_policy import mixed_bits
from stylecore.recommender.top_k import NONE

TRIES = 4
"""Products drawn for each place, and for each place of a new product."""


def explore(
    rows: Ints,
    places: int,
    shoppers: Unsigned,
    present: Bools,
    new_products: Ints,
    excluded: Ints,
) -> tuple[Ints, Bools]:
    """Return the lists [B, k] with their last places redrawn, and which places those are.

    `new_products` are the rows of new products on sale. `excluded` holds position * P + row for
    each product that a shopper must not get. A place keeps what it has where no draw can be used or
    where the list is shorter.
    """
    kept = rows.shape[1] - min(places, rows.shape[1])
    tail = rows[:, kept:]
    if not tail.size:
        return rows, np.zeros(rows.shape, dtype=np.bool_)
    drawn, of_new = _drawn(shoppers, tail.shape[1], len(present), new_products)
    usable = present[drawn] & ~(drawn[:, :, None] == rows[:, None, :]).any(axis=2)
    usable &= ~np.isin(np.arange(len(rows))[:, None] * len(present) + drawn, excluded)
    drawn = _without_surplus(drawn, usable, of_new, _half(tail.shape[1]))
    usable &= (drawn != NONE) & ~_repeats(drawn)
    first = np.argsort(~usable, axis=1, kind="stable")[:, : tail.shape[1]]
    taken = np.take_along_axis(usable, first, axis=1) & (tail != NONE).all(axis=1, keepdims=True)
    tail = np.where(taken, np.take_along_axis(drawn, first, axis=1), tail)
    explored = np.zeros(rows.shape, dtype=np.bool_)
    explored[:, kept:] = taken
    return np.hstack([rows[:, :kept], tail]), explored


def _drawn(shoppers: Unsigned, places: int, products: int, new_products: Ints) -> tuple[Ints, int]:
    """Return draws [B, d], first from the new products, then from all, and how many are new."""
    of_all = TRIES * places
    of_new = TRIES * _half(places) if len(new_products) else 0
    counters = np.arange(1, of_all + of_new + 1, dtype=np.uint64)
    bits = mixed_bits(mixed_bits(shoppers)[:, None] + counters)
    drawn = (bits[:, :of_all] % np.uint64(products)).astype(np.int64)
    if not of_new:
        return drawn, 0
    young = new_products[(bits[:, of_all:] % np.uint64(len(new_products))).astype(np.int64)]
    return np.hstack([young, drawn]), of_new


def _without_surplus(drawn: Ints, usable: Bools, of_new: int, most: int) -> Ints:
    """Return the draws, NONE for those of new products after so many usable ones.

    What is not taken as new must not count as a repeat among the draws from all.
    """
    if not of_new:
        return drawn
    fresh = usable[:, :of_new] & ~_repeats(drawn[:, :of_new])
    young = np.where(fresh.cumsum(axis=1) > most, NONE, drawn[:, :of_new])
    return np.hstack([young, drawn[:, of_new:]])


def _half(places: int) -> int:
    """Return half of the places, rounded up."""
    return (places + 1) // 2


def _repeats(drawn: Ints) -> Bools:
    """Return which of the drawn [B, d] stand further left already."""
    same = drawn[:, :, None] == drawn[:, None, :]
    repeated: Bools = np.tril(same, k=-1).any(axis=2)
    return repeated
