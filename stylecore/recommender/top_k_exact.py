"""What is asked of a ranking and what it answers.

A score that at least k products of each user reach, found without sorting all scores.

Pairs of a user and a product, and the same as a row for each user.

Candidates out of all scores: one matrix product, a bound, and what reaches it.

The way for products that are asked for once.

Products with the same vector: of each such group only the lower rows can be among the k best.

After a catalogue's import most products stand at the few means of their categories, so that whole
categories have one score. A shopper who may not see m of a group gets none beyond its first k + m.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stylecore.arrays import Bools, Floats, Ints, Unsigned

NONE = -1
"""Stands for the row where a shopper has fewer than k products left; the score is then -inf."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Best first; what is left over at the end of a row holds NONE and -inf."""

    rows: Ints
    """[B, k]"""
    scores: Floats
    """[B, k]"""


def joined(parts: list[Ranking]) -> Ranking:
    """The rankings of users one part after another; at least one part."""
    if len(parts) == 1:
        return parts[0]
    return Ranking(
        rows=np.concatenate([part.rows for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
    )


@dataclass(frozen=True, slots=True)
class Masks:
    """What must not be shown: user users[i] does not get products[i], nobody an absent one."""

    users: Ints
    """[M], ascending."""
    products: Ints
    """[M]"""
    absent: Ints
    """The rows of products that nobody gets."""

    def between(self, first: int, last: int) -> tuple[Ints, Ints]:
        """The pairs of the users first to last - 1, those counted from 0."""
        part = slice(*np.searchsorted(self.users, (first, last)))
        return self.users[part] - first, self.products[part]


def masks(users: Ints, products: Ints, absent: Bools | None, shape: tuple[int, int]) -> Masks:
    """The pairs in the order of the users; `shape` is the number of users and of products.

    Raises ValueError where a pair names a user or a product outside of the shape.
    """
    for name, rows, limit in (("user", users, shape[0]), ("product", products, shape[1])):
        if len(rows) and not 0 <= rows.min() <= rows.max() < limit:
            raise ValueError(f"a mask names {name} {rows.min()} to {rows.max()} of {limit}")
    if len(users) != len(products) or (absent is not None and len(absent) != shape[1]):
        raise ValueError("masks have as many users as products, and absent one entry a product")
    if len(users) and (users[1:] < users[:-1]).any():
        order = np.argsort(users, kind="stable")
        users, products = users[order], products[order]
    nowhere = np.zeros(0, dtype=np.int64) if absent is None else np.flatnonzero(absent)
    return Masks(users=users, products=products, absent=nowhere)


def finite(name: str, vectors: Floats) -> None:
    """Raises ValueError where a vector holds NaN or infinity: no order would follow from it."""
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise ValueError(f"{name} {row} holds NaN or infinity; keep it out before it is ranked")


def lengths(vectors: Floats) -> Floats:
    """Euclid's, of vectors [N, D]."""
    squares: Floats = np.vecdot(vectors, vectors)
    return np.sqrt(squares)


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


FEWEST = 64
"""Smaller groups are ranked as they are."""


@dataclass(frozen=True, slots=True)
class Ties:
    """G groups of products with the same vector."""

    rows: Ints
    """[T], the rows of all groups, a group after the other and ascending in each."""
    group: Ints
    """[T], 0 to G - 1."""
    group_of: Ints
    """[P], -1 where a product is in no group."""


def ties(vectors: Floats) -> Ties:
    """The groups of at least FEWEST products among vectors [P, D]."""
    keys = _hashes(vectors)
    _, first, group, counts = np.unique(
        keys, return_index=True, return_inverse=True, return_counts=True
    )
    is_tied = counts[group] >= FEWEST
    # Different vectors may have one hash: who differs from the first is in no group.
    candidates = np.flatnonzero(is_tied)
    alike = (vectors[candidates] == vectors[first[group[candidates]]]).all(axis=1)
    rows = candidates[alike]
    rows = rows[np.argsort(group[rows], kind="stable")]
    _, dense = np.unique(group[rows], return_inverse=True)
    group_of = np.full(len(vectors), -1, dtype=np.int64)
    group_of[rows] = dense
    return Ties(rows=rows, group=dense.astype(np.int64), group_of=group_of)


def without_surplus(masks: Masks, tied: Ties, k: int) -> Masks:
    """The masks, with the products of each group that cannot be among the k best as absent ones."""
    if not len(tied.rows):
        return masks
    groups = int(tied.group[-1]) + 1
    present = ~np.isin(tied.rows, masks.absent, assume_unique=True)
    rows, group = tied.rows[present], tied.group[present]
    starts = np.searchsorted(group, np.arange(groups))
    place = np.arange(len(rows)) - starts[group]
    surplus = rows[place >= k + _most_masked(masks, tied.group_of, groups)[group]]
    return Masks(
        users=masks.users,
        products=masks.products,
        absent=np.concatenate([masks.absent, surplus]),
    )


def _most_masked(masks: Masks, group_of: Ints, groups: int) -> Ints:
    """[G], how many products of each group any one user must not get, at most."""
    most = np.zeros(groups, dtype=np.int64)
    group = group_of[masks.products]
    inside = group >= 0
    cells, counts = np.unique(masks.users[inside] * groups + group[inside], return_counts=True)
    np.maximum.at(most, cells % groups, counts)
    return most


def _hashes(vectors: Floats) -> Unsigned:
    """64 bits of each vector [P, D]: equal ones for equal vectors, different ones as a rule."""
    bits = np.ascontiguousarray(vectors + np.float32(0)).view(np.uint32)  # adding turns -0 into 0
    random = np.random.default_rng(0)
    hashes = np.zeros(len(vectors), dtype=np.uint64)
    for column in range(vectors.shape[1]):
        factor = random.integers(2**64, dtype=np.uint64) | np.uint64(1)
        hashes += bits[:, column] * factor
        hashes ^= hashes >> np.uint64(29)
    return hashes
