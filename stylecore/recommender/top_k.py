"""The k products with the highest scores for each user, exact and independent of the batch.

Users and products are processed in blocks of at most BLOCK_CELLS scores, so that memory is bounded
whatever their number. For each block of users [B, D] and products [N, D]:

1. All scores [N, B] come from one matrix product in single precision. Masked products get the
   lowest number.
2. The k-th best score so far is a bound. In the first block of products it is the k-th largest of
   the maxima of disjoint groups of products: at least k products reach that, found without sorting.
3. Products that reach the bound, less the rounding of the matrix product, are candidates: usually
   a few more than k in the first block, and hardly any later.
4. The candidates are scored again, one inner product a pair and always summed in the same order,
   so that a list does not depend on what else is in the batch. What a user's products get on top
   (`Additions`) is added to both.
5. Score and row become one integer, a sort key, in which the lower row wins between equal scores.
   The k largest keys of the blocks so far are kept.

Of products with the same vector, thousands in a shop without enough feedback, only those with the
lowest rows can be in a list: k, and one more for each that is masked. `Products` has the others at
its end, where no user of a batch needs them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

from stylecore.arrays import Bools, Floats, Ints, Unsigned

NONE = -1
"""The row in places that no product is left for; their score is -inf."""
BLOCK_USERS, BLOCK_CELLS = 256, 2**20
"""Of a block: 4 MiB of scores, and at most some 60 MiB of candidates where all are equal."""
FOLD = 16
"""Products of a group."""
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
class Products:
    """N of P products, in the order of how many with the same vector have a lower row."""

    vectors: Floats
    """[N, D]"""
    rows: Ints
    """[N]"""
    place_of: Ints
    """[P], where the row is in `rows`; N where it is left out."""
    equal_before: Ints
    """[N], ascending."""
    longest: float
    """The largest Euclidean length of the vectors."""

    def of(self, rows: Ints) -> Floats:
        """Return the vectors of the rows, none of them left out."""
        return self.vectors[self.place_of[rows]]


def products_of(vectors: Floats, absent: Bools | None = None) -> Products:
    """Prepare vectors [P, D] for ranking, those that are `absent` [P] left out.

    Raises ValueError for NaN or infinity.
    """
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    longest = _lengths("product", vectors).max(initial=0)
    if absent is not None and len(absent) != len(vectors):
        raise ValueError(f"{len(vectors)} products have {len(absent)} entries of absence")
    rows = np.arange(len(vectors)) if absent is None else np.flatnonzero(~absent)
    equal_before = _equal_before(vectors[rows])
    order = np.argsort(equal_before, kind="stable")
    rows = rows[order]
    place_of = np.full(len(vectors), len(rows), dtype=np.int64)
    place_of[rows] = np.arange(len(rows))
    return Products(vectors[rows], rows, place_of, equal_before[order], longest)


def _equal_before(vectors: Floats) -> Ints:
    """Return how many vectors with the same bits stand above each, [P].

    Vectors whose hashes are equal by chance count as different from all.
    """
    width, bits = vectors.shape[1], vectors.view(np.uint32)
    random = np.random.default_rng(0)
    odd: Unsigned = 1 + 2 * random.integers(2**63, size=(width,), dtype=np.uint64)
    hashes = np.empty(len(vectors), dtype=np.uint64)
    for block in _blocks(len(vectors), BLOCK_CELLS // width):
        hashes[block] = (bits[block] * odd).sum(axis=1)
    order = np.argsort(hashes, kind="stable")
    begins = np.flatnonzero(np.diff(hashes[order], prepend=~hashes[order[:1]]))
    sizes = np.diff(begins, append=len(order))
    found = np.empty(len(vectors), dtype=np.int64)
    found[order] = np.arange(len(order)) - np.repeat(begins, sizes)
    first = np.empty(len(vectors), dtype=np.int64)
    first[order] = np.repeat(order[begins], sizes)
    again = np.flatnonzero(found)
    found[again[(vectors[again] != vectors[first[again]]).any(axis=1)]] = 0
    return found


@dataclass(frozen=True, slots=True)
class Additions:
    """What is added to the scores of N pairs of user and product, sorted by user.

    A pair may come several times; its sum is formed in this order.
    """

    users: Ints
    products: Ints
    weights: Floats
    """[N], at least 0."""

    def of(self, block: slice, place_of: Ints) -> Additions:
        """Return those of a block of users, numbered from 0, with places for products."""
        part = slice(*np.searchsorted(self.users, (block.start, block.stop)))
        places = place_of[self.products[part]]
        return Additions(self.users[part] - block.start, places, self.weights[part])


def top_k(
    users: Floats,
    products: Products,
    k: int,
    masked_users: Ints,
    masked_products: Ints,
    additions: Additions | None = None,
) -> Ranking:
    """Return the k highest scores users [B, D] . products [P, D] of each user, [B, min(k, P)].

    User masked_users[i] does not get product masked_products[i]. `additions` are added to the
    scores.

    Raises ValueError for NaN or infinity, for users and products of different widths, and for masks
    outside of the tables.
    """
    width = products.vectors.shape[1]
    if users.shape[1] != width:
        raise ValueError(f"users have {users.shape[1]} factors, the products {width}")
    users = np.ascontiguousarray(users, dtype=np.float32)
    # One inner product and the matrix product differ by at most D roundings each.
    largest = products.longest * _lengths("user", users)
    rounding = np.float32(2 * ROUNDING * width) * largest
    if additions is not None:
        # One rounding of the sum of score and addition each.
        rounding += 4 * ROUNDING * (largest + _sums(additions, len(users)))
    _check_masks(masked_users, masked_products, (len(users), len(products.place_of)))
    order = np.argsort(masked_users, kind="stable")
    masked_users, masked_places = masked_users[order], products.place_of[masked_products[order]]
    k = min(k, len(products.place_of))
    needed = _needed(products, k, masked_users, additions)
    keys = np.empty((len(users), k), dtype=np.int64)
    for block in _blocks(len(users), BLOCK_USERS):
        masked = slice(*np.searchsorted(masked_users, (block.start, block.stop)))
        hidden = masked_places[masked], masked_users[masked] - block.start
        on_top = None if additions is None else additions.of(block, products.place_of)
        keys[block] = _best(users[block], products, needed, k, rounding[block], hidden, on_top)
    keys = keys[:, ::-1]
    scores = _scores_of(keys)
    rows = np.where(np.isneginf(scores), NONE, _LOW - (keys & 0xFFFFFFFF))
    return Ranking(rows=rows, scores=scores)


def _needed(products: Products, k: int, masked_users: Ints, additions: Additions | None) -> int:
    """Return how many of the products, from the first, hold every user's best.

    A product is in a list only if fewer than k of those before it with the same vector are not
    masked, or if something is added to its score.
    """
    most_masked = int(np.bincount(masked_users).max(initial=0))
    needed = int(np.searchsorted(products.equal_before, k + most_masked))
    if additions is None:
        return needed
    places = products.place_of[additions.products]
    return max(needed, int(places[places < len(products.rows)].max(initial=-1)) + 1)


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


def _check_masks(users: Ints, products: Ints, shape: tuple[int, int]) -> None:
    for name, rows, limit in (("user", users, shape[0]), ("product", products, shape[1])):
        if len(rows) and not 0 <= rows.min() <= rows.max() < limit:
            raise ValueError(f"a mask names {name} {rows.min()} to {rows.max()} of {limit}")
    if len(users) != len(products):
        raise ValueError("masks have as many users as products")


def _best(
    users: Floats,
    products: Products,
    needed: int,
    k: int,
    rounding: Floats,
    hidden: tuple[Ints, Ints],
    additions: Additions | None,
) -> Ints:
    """Return the k largest keys of a block of users, [B, k], ascending."""
    count = len(users)
    keys = np.full((count, k), _keys(np.array([-np.inf], np.float32), np.array([NONE])))
    size = max(BLOCK_CELLS // count, FOLD * k)
    room = np.empty((min(size, needed), count), dtype=np.float32)
    sums = np.zeros(room.shape if additions is not None else (0, 0), dtype=np.float32)
    for part in _blocks(needed if k else 0, size):
        vectors = products.vectors[part]
        scores = np.matmul(vectors, users.T, out=room[: len(vectors)])
        cells = None if additions is None else _add(scores, additions, part, sums)
        inside = (hidden[0] >= part.start) & (hidden[0] < part.stop)
        scores[hidden[0][inside] - part.start, hidden[1][inside]] = LOWEST
        worst = _scores_of(keys[:, 0])
        places = _candidates(scores, _bounds(scores, k, worst) - rounding)
        exact = _pair_scores(users, vectors, places)
        if cells is not None:
            exact += np.take_along_axis(sums.T, places, axis=1)
            sums[cells] = 0.0
        rows = np.where(places == NONE, NONE, products.rows[part][places])
        keys = _largest(np.hstack([keys, _keys(exact, rows)]), k)
    return keys


def _add(scores: Floats, additions: Additions, part: slice, sums: Floats) -> tuple[Ints, Ints]:
    """Add to the scores of a part; return the cells in which `sums`, 0 before, holds what was."""
    inside = (additions.products >= part.start) & (additions.products < part.stop)
    cells = additions.products[inside] - part.start, additions.users[inside]
    np.add.at(sums, cells, additions.weights[inside])
    # A pair that comes twice is written twice, with the same value.
    scores[cells] = scores[cells] + sums[cells]
    return cells


def _sums(additions: Additions, users: int) -> Floats:
    """Return the sum of each user's additions, [users]."""
    sums = np.bincount(additions.users, additions.weights, minlength=users)
    return np.asarray(sums, dtype=np.float32)


def _bounds(scores: Floats, k: int, worst: Floats) -> Floats:
    """Return what the k best of each user reach, [B]: the `worst` of k found before, or of groups
    of the scores [N, B].
    """
    fold = min(FOLD, len(scores) // k)
    if fold and np.isneginf(worst).any():
        groups = scores[: len(scores) // fold * fold].reshape(fold, -1, scores.shape[1]).max(axis=0)
        best = np.partition(groups.T, len(groups) - k, axis=1)[:, len(groups) - k]
        worst = np.maximum(worst, best)
    return np.asarray(worst, dtype=np.float32)


def _candidates(scores: Floats, bounds: Floats) -> Ints:
    """Return the products of scores [N, B] that reach the user's bound, [B, C], NONE at the end."""
    count = scores.shape[1]
    bounds = np.fmax(bounds, np.nextafter(LOWEST, np.float32(0)))
    product, user = np.divmod(np.flatnonzero(scores >= bounds), count)
    order = np.argsort(user.astype(np.uint16), kind="stable")  # short integers: a radix sort
    product, user = product[order], user[order]
    counts = np.bincount(user, minlength=count)
    table = np.full((count, counts.max()), NONE, dtype=np.int64)
    table[user, np.arange(len(user)) - np.repeat(np.cumsum(counts) - counts, counts)] = product
    return table


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


def _scores_of(keys: Ints) -> Floats:
    """Return the scores in sort keys."""
    return _ordered((keys >> 32).astype(np.int32)).view(np.float32)


def _ordered(bits: NDArray[np.int32]) -> NDArray[np.int32]:
    """Turn a float's bits into an integer of the same order, or back: negative floats run down."""
    return bits ^ ((bits >> 31) & np.int32(_LOW))


def _largest(keys: Ints, k: int) -> Ints:
    """Return the k largest of keys [B, k + C], ascending."""
    if keys.shape[1] > 8 * k:  # of few, sorting all takes less time
        keys = np.partition(keys, keys.shape[1] - k, axis=1)[:, -k:]
    return np.sort(keys, axis=1)[:, -k:]
