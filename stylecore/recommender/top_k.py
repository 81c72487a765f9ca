"""The k products with the highest scores for each user, exact and independent of the batch.

Users and products are processed in blocks, so that memory is bounded whatever their number. For
each block of users [B, D] and products [P, D]:

1. All scores [B, P] come from one matrix product in single precision. Masked and absent products
   get the lowest number.
2. The columns fall into disjoint groups. The k-th largest of the groups' maxima is a score that at
   least k products of the user reach, found without sorting all scores.
3. Products that reach that bound, less the rounding of the matrix product, are candidates: usually
   a few more than k.
4. The candidates are scored again, one inner product a pair and always summed in the same order,
   so that a list does not depend on what else is in the batch. What a user's products get on top
   (`Additions`) is added to both.
5. Score and row become one integer, a sort key, in which the lower row wins between equal scores.
   The k largest keys of the blocks so far are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

from stylecore.arrays import Bools, Floats, Ints

NONE = -1
"""The row in places that no product is left for; their score is -inf."""
BLOCK_USERS, BLOCK_PRODUCTS = 128, 2**15
"""Of a block: 16 MiB of scores."""
MOST_CANDIDATES = 2**18
"""Cells of a table of candidates, some 100 bytes each; it is large where many scores are equal."""
FOLD = 16
"""Columns of a group."""
LOWEST = np.finfo(np.float32).min
"""The score of masked products; any other finite score is above it."""
ROUNDING = 2.0**-23
"""Twice the unit of rounding of single precision."""
_LOW = 0x7FFFFFFF
"""The lower half of a sort key is this less the row, so that the lower row has the larger key."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Best first; places at the end of a row that no product is left for hold NONE and -inf."""

    rows: Ints
    """[B, k]"""
    scores: Floats
    """[B, k]"""


@dataclass(frozen=True, slots=True)
class Additions:
    """What is added to the scores of N pairs of user and product, sorted by user.

    A pair may come several times; its sum is formed in this order.
    """

    users: Ints
    products: Ints
    weights: Floats
    """[N], at least 0."""

    def of(self, block: slice) -> Additions:
        """Return those of a block of users, numbered from 0."""
        part = slice(*np.searchsorted(self.users, (block.start, block.stop)))
        return Additions(self.users[part] - block.start, self.products[part], self.weights[part])


def top_k(
    users: Floats,
    products: Floats,
    k: int,
    masked_users: Ints,
    masked_products: Ints,
    absent: Bools | None = None,
    additions: Additions | None = None,
) -> Ranking:
    """Return the k highest scores users [B, D] . products [P, D] of each user, [B, min(k, P)].

    User masked_users[i] does not get product masked_products[i], and no user gets a product that is
    `absent` [P]. `additions` are added to the scores.

    Raises ValueError for NaN or infinity, for users and products of different widths, and for masks
    outside of the tables.
    """
    if users.shape[1] != products.shape[1]:
        raise ValueError(f"users have {users.shape[1]} factors, the products {products.shape[1]}")
    users = np.ascontiguousarray(users, dtype=np.float32)
    products = np.ascontiguousarray(products, dtype=np.float32)
    longest = _lengths("product", products).max(initial=0)
    # One inner product and the matrix product differ by at most D roundings each.
    largest = longest * _lengths("user", users)
    rounding = np.float32(2 * ROUNDING * users.shape[1]) * largest
    if additions is not None:
        # One rounding of the sum of score and addition each.
        rounding += 4 * ROUNDING * (largest + _sums(additions, len(users)))
    _check_masks(masked_users, masked_products, absent, (len(users), len(products)))
    order = np.argsort(masked_users, kind="stable")
    masked_users, masked_products = masked_users[order], masked_products[order]
    k = min(k, len(products))
    nothing = _keys(np.array([-np.inf], dtype=np.float32), np.array([NONE]))
    keys = np.full((len(users), k), nothing)
    width = FOLD * max(k, -(-min(len(products), BLOCK_PRODUCTS) // FOLD))
    room = np.empty((min(len(users), BLOCK_USERS), width), dtype=np.float32)
    sums = np.zeros(room.shape if additions is not None else (0, 0), dtype=np.float32)
    for block in _blocks(len(users) if k else 0, BLOCK_USERS):
        masked = slice(*np.searchsorted(masked_users, (block.start, block.stop)))
        hidden = masked_users[masked] - block.start, masked_products[masked]
        on_top = None if additions is None else additions.of(block)
        for columns in _blocks(len(products), BLOCK_PRODUCTS):
            scores = _scores(users[block], products[columns], room)
            cells = None if on_top is None else _add(scores, on_top, columns, sums)
            inside = (hidden[1] >= columns.start) & (hidden[1] < columns.stop)
            scores[hidden[0][inside], hidden[1][inside] - columns.start] = LOWEST
            if absent is not None:
                scores[:, np.flatnonzero(absent[columns])] = LOWEST
            for part, candidates in _candidates(scores, k, rounding[block]):
                some = slice(block.start + part.start, block.start + part.stop)
                rows = np.where(candidates == NONE, NONE, candidates + columns.start)
                exact = _pair_scores(users[some], products, rows)
                if cells is not None:
                    exact += np.take_along_axis(sums[part], candidates, axis=1)
                found = _keys(exact, rows)
                keys[some] = _largest(np.hstack([keys[some], found]), k)
            if cells is not None:
                sums[cells] = 0.0
    keys = keys[:, ::-1]
    scores = _ordered((keys >> 32).astype(np.int32)).view(np.float32)
    rows = np.where(np.isneginf(scores), NONE, _LOW - (keys & 0xFFFFFFFF))
    return Ranking(rows=rows, scores=scores)


def _blocks(count: int, size: int) -> Iterator[slice]:
    return (slice(first, min(first + size, count)) for first in range(0, count, size))


def _lengths(name: str, vectors: Floats) -> Floats:
    """Return the Euclidean lengths [N] of vectors [N, D]; raise ValueError for NaN or infinity."""
    lengths: Floats = np.sqrt(np.vecdot(vectors, vectors))
    if not np.isfinite(lengths).all():
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(bad):
            raise ValueError(f"{name} {bad[0]} holds NaN or infinity; remove it before ranking")
    return lengths


def _check_masks(users: Ints, products: Ints, absent: Bools | None, shape: tuple[int, int]) -> None:
    for name, rows, limit in (("user", users, shape[0]), ("product", products, shape[1])):
        if len(rows) and not 0 <= rows.min() <= rows.max() < limit:
            raise ValueError(f"a mask names {name} {rows.min()} to {rows.max()} of {limit}")
    if len(users) != len(products) or (absent is not None and len(absent) != shape[1]):
        raise ValueError("masks have as many users as products, and absent one entry a product")


def _scores(users: Floats, products: Floats, room: Floats) -> Floats:
    """Write the scores [B, P] into the room, [B, W] with LOWEST at the end, and return that."""
    scores = room[: len(users)]
    np.matmul(users, products.T, out=scores[:, : len(products)])
    scores[:, len(products) :] = LOWEST
    return scores


def _add(scores: Floats, additions: Additions, columns: slice, sums: Floats) -> tuple[Ints, Ints]:
    """Add to the scores of a block; return the cells in which `sums`, 0 before, holds what was."""
    inside = (additions.products >= columns.start) & (additions.products < columns.stop)
    cells = additions.users[inside], additions.products[inside] - columns.start
    flat = cells[0] * sums.shape[1] + cells[1]
    np.add.at(sums.reshape(-1), flat, additions.weights[inside])
    # A pair that comes twice is written twice, with the same value.
    scores[cells] = scores[cells] + sums[cells]
    return cells


def _sums(additions: Additions, users: int) -> Floats:
    """Return the sum of each user's additions, [users]."""
    sums = np.bincount(additions.users, additions.weights, minlength=users)
    return np.asarray(sums, dtype=np.float32)


def _candidates(scores: Floats, k: int, rounding: Floats) -> Iterator[tuple[slice, Ints]]:
    """Yield parts of the users of scores [B, W] and their candidates [part, C], NONE at the end."""
    groups = scores.reshape(len(scores), FOLD, -1).max(axis=1)  # column c is in group c % G
    count = groups.shape[1]
    bounds = np.partition(groups, count - k, axis=1)[:, count - k] - rounding
    bounds = np.fmax(bounds, np.nextafter(LOWEST, np.float32(0)))[:, None]
    reached = groups >= bounds
    most = FOLD * int(np.count_nonzero(reached, axis=1).max())
    for part in _blocks(len(scores), max(1, MOST_CANDIDATES // max(1, most))):
        user, group = np.nonzero(reached[part])
        members = group[:, None] + np.arange(FOLD) * count
        entry, member = np.nonzero(scores[part][user[:, None], members] >= bounds[part][user])
        user, product = user[entry], members[entry, member]
        counts = np.bincount(user, minlength=part.stop - part.start)
        table = np.full((len(counts), counts.max()), NONE, dtype=np.int64)
        table[user, np.arange(len(user)) - np.repeat(np.cumsum(counts) - counts, counts)] = product
        yield part, table


def _pair_scores(users: Floats, products: Floats, rows: Ints) -> Floats:
    """Return the inner products of each user with its rows [B, C], -inf at NONE."""
    scores = np.full(rows.shape, -np.inf, dtype=np.float32)
    faiss.omp_set_num_threads(1)  # of the calling thread alone: a worker's batches are small
    faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined]  # not in its stubs
        faiss.swig_ptr(scores),
        faiss.swig_ptr(users),
        faiss.swig_ptr(products),
        faiss.swig_ptr(rows),
        users.shape[1],
        *rows.shape,
    )
    return scores


def _keys(scores: Floats, rows: Ints) -> Ints:
    """Return integers in the order of the scores; of equal scores the lower row is the larger."""
    bits = (scores + np.float32(0)).view(np.int32)  # adding turns -0 into 0
    return (_ordered(bits).astype(np.int64) << 32) | (_LOW - rows)


def _ordered(bits: NDArray[np.int32]) -> NDArray[np.int32]:
    """Turn a float's bits into an integer of the same order, or back: negative floats run down."""
    return bits ^ ((bits >> 31) & np.int32(_LOW))


def _largest(keys: Ints, k: int) -> Ints:
    """Return the k largest of keys [B, k + C], ascending."""
    if keys.shape[1] > 8 * k:  # of few, sorting all takes less time
        keys = np.partition(keys, keys.shape[1] - k, axis=1)[:, -k:]
    return np.sort(keys, axis=1)[:, -k:]
