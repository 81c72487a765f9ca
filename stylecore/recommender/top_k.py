"""The exact scores of candidates, and the best of them.

A pair's score does not depend on what else is in the batch, nor on how the candidates were found:
one inner product a pair, always summed in the same order.

The best k products of each shopper, without those that must not be shown.

What the scores mean is not known here.

The k best products of each user, by the way that suits how the products are given.
"""

from __future__ import annotations

import faiss
import numpy as np

from stylecore.arrays import Bools, Floats, Ints
from stylecore.recommender import top_k_exact, top_k_int8
from stylecore.recommender.top_k_exact import NONE, Ranking, finite, joined, masks
from stylecore.recommender.top_k_int8 import Prepared

_LOW = 0x7FFFFFFF
"""The lower half of a key holds this less the row, so that the lower row is the larger key."""

SORTED_WHOLE = 8
"""Times k: of more candidates the best are parted from the rest first."""


def rescored(users: Floats, products: Floats, candidates: Ints, k: int) -> Ranking:
    """The k best of candidates [B, W], rows of products or NONE; equal scores by the lower row."""
    keys = _keys(_scores(users, products, candidates), candidates)
    if keys.shape[1] > SORTED_WHOLE * k > 0:
        keys = np.partition(keys, keys.shape[1] - k, axis=1)[:, -k:]
    keys.sort(axis=1)
    best = keys[:, : -k - 1 : -1] if k else keys[:, :0]
    scores = _floats((best >> 32).astype(np.int32))
    rows = _LOW - (best & 0xFFFFFFFF)
    rows[np.isneginf(scores)] = NONE
    if best.shape[1] == k:
        return Ranking(rows=rows, scores=scores)
    missing = ((0, 0), (0, k - best.shape[1]))
    return Ranking(
        rows=np.pad(rows, missing, constant_values=NONE),
        scores=np.pad(scores, missing, constant_values=-np.inf),
    )


def _scores(users: Floats, products: Floats, candidates: Ints) -> Floats:
    """[B, W], -inf at NONE."""
    scores = np.full(candidates.shape, -np.inf, dtype=np.float32)
    faiss.omp_set_num_threads(1)  # of the calling thread alone: a worker's batches are small
    faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined]  # not in its stubs
        faiss.swig_ptr(scores),
        faiss.swig_ptr(users),
        faiss.swig_ptr(products),
        faiss.swig_ptr(candidates),
        users.shape[1],
        *candidates.shape,
    )
    return scores


def _keys(scores: Floats, rows: Ints) -> Ints:
    """Integers in the order of the scores, equal ones in the opposite order of the rows."""
    bits = (scores + np.float32(0)).view(np.int32)  # adding turns -0 into 0
    return (_ordered(bits).astype(np.int64) << 32) | (_LOW - rows)


def _floats(ordered: np.ndarray[tuple[int, ...], np.dtype[np.int32]]) -> Floats:
    return _ordered(ordered).view(np.float32)


def _ordered(
    bits: np.ndarray[tuple[int, ...], np.dtype[np.int32]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """A float's bits as an integer of the same order, or back: negative floats run backwards."""
    return bits ^ ((bits >> 31) & np.int32(_LOW))


def top_k(
    users: Floats,
    products: Floats | Prepared,
    k: int,
    masked_users: Ints,
    masked_products: Ints,
    absent: Bools | None = None,
) -> Ranking:
    """The k highest scores users [B, D] . products [P, D] of each user.

    User masked_users[i] does not get product masked_products[i]; nobody gets an absent one. Equal
    scores go to the lower row, so that an answer does not depend on the batch. Prepared products
    are ranked several times faster, and give the same answer.

    Raises ValueError for NaN or infinity, for users and products of different widths, and for masks
    outside of the tables.
    """
    vectors = products.vectors if isinstance(products, Prepared) else _singles(products)
    if users.shape[1] != vectors.shape[1]:
        raise ValueError(f"users have {users.shape[1]} factors, the products {vectors.shape[1]}")
    finite("user", users)
    hidden = masks(masked_users, masked_products, absent, (len(users), len(vectors)))
    k = min(k, len(vectors))
    if k == 0 or len(users) == 0:
        return Ranking(
            rows=np.full((len(users), k), NONE, dtype=np.int64),
            scores=np.full((len(users), k), -np.inf, dtype=np.float32),
        )
    users = _singles(users)
    if isinstance(products, Prepared):
        found = top_k_int8.candidates(users, products, k, hidden)
    else:
        finite("product", vectors)
        found = top_k_exact.candidates(users, vectors, k, hidden)
    first, parts = 0, []
    for pairs in found:
        part = users[first : first + len(pairs.counts)]
        parts.append(rescored(part, vectors, pairs.table(), k))
        first += len(part)
    return joined(parts)


def _singles(vectors: Floats) -> Floats:
    return np.ascontiguousarray(vectors, dtype=np.float32)
