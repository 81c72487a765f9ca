"""Item-to-item: for each product, the products that the same shoppers acted on.

    similarity(i, j) = sum_u x_ui x_uj / (sqrt(sum_u x_ui^2) sqrt(sum_u x_uj^2) + SHRINKAGE)

is the cosine (Sarwar et al. 2001) shrunk towards 0 where few shoppers support it (Bell, Koren
2007); x_ui is the decayed weight of product i for shopper u, at most 1, over the NEWEST_COUNTED of
each shopper, dismissed products left out. Of each row the MOST largest are kept.

At serving they are a second source beside the fold-in: the neighbours of a shopper's newest
products get `blend * decay^rank * similarity` on top of their scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from stylecore.arrays import Doubles, Floats, Ints
from stylecore.recommender.interactions import ProductInteractions
from stylecore.recommender.top_k import NONE, Additions

SHRINKAGE = 5.0
MOST = 32
"""Neighbours of a product."""
NEWEST_COUNTED = 200
"""Products of a shopper whose pairs are counted."""
NEWEST_USED = 3
"""Products of a shopper whose neighbours get something on top."""
BLOCK_PAIRS = 2**22
"""Pairs of products counted at a time: some 50 MiB."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The M products most similar to each of P, the most similar first."""

    rows: Ints
    """[P, M], NONE at the end."""
    weights: Floats
    """[P, M], above 0; 0 at NONE."""


def no_neighbours(products: int) -> Neighbours:
    """Return a table without entries."""
    return Neighbours(np.zeros((products, 0), np.int64), np.zeros((products, 0), np.float32))


def count_neighbours(interactions: ProductInteractions, products: int) -> Neighbours:
    """Return the neighbours of the `products` rows that the interactions are in."""
    used = (interactions.rank < NEWEST_COUNTED) & (interactions.weight > 0)
    values = np.minimum(interactions.weight[used], 1.0).astype(np.float32)
    users = len(interactions.starts) - 1
    places = interactions.user[used], interactions.product[used]
    by_user = csr_matrix((values, places), shape=(users, products))
    by_product = by_user.T.tocsr()
    norms = np.sqrt(np.bincount(places[1], values.astype(np.float64) ** 2, minlength=products))
    rows = np.full((products, MOST), NONE, dtype=np.int64)
    weights = np.zeros((products, MOST), dtype=np.float32)
    lengths = np.diff(by_user.indptr)
    pairs = np.bincount(places[1], lengths[places[0]], minlength=products)
    for block in _blocks(pairs.astype(np.int64)):
        shared = by_product[block] @ by_user
        for place, row in enumerate(range(block.start, block.stop)):
            own = slice(shared.indptr[place], shared.indptr[place + 1])
            others = shared.indices[own].astype(np.int64)
            found, similarities = _most_similar(row, others, shared.data[own], norms)
            rows[row, : len(found)], weights[row, : len(found)] = found, similarities
    widest = int((rows != NONE).sum(axis=1).max(initial=0))
    return Neighbours(rows[:, :widest].copy(), weights[:, :widest].copy())


def _most_similar(row: int, others: Ints, shared: Floats, norms: Doubles) -> tuple[Ints, Floats]:
    similarities = shared / (norms[row] * norms[others] + SHRINKAGE)
    similarities[others == row] = 0.0
    if len(others) > MOST:
        kept = np.argpartition(-similarities, MOST)[:MOST]
        others, similarities = others[kept], similarities[kept]
    order = np.lexsort((others, -similarities))
    order = order[similarities[order] > 0]
    return others[order], similarities[order].astype(np.float32)


def _blocks(pairs: Ints) -> Iterator[slice]:
    """Cut the products into runs of at most BLOCK_PAIRS pairs, or of one product."""
    first, counted = 0, 0.0
    for row, count in enumerate(pairs.tolist()):
        if row > first and counted + count > BLOCK_PAIRS:
            yield slice(first, row)
            first, counted = row, 0.0
        counted += count
    if first < len(pairs):
        yield slice(first, len(pairs))


def aligned(neighbours: Neighbours, rows: Ints, products: int) -> Neighbours:
    """Return the table for `products` other rows; rows[i] is the new row of i, NONE where gone."""
    known = rows != NONE
    table = np.full((products, neighbours.rows.shape[1]), NONE, dtype=np.int64)
    weights = np.zeros(table.shape, dtype=np.float32)
    table[rows[known]] = np.append(rows, NONE)[neighbours.rows[known]]
    weights[rows[known]] = neighbours.weights[known]
    weights[table == NONE] = 0.0
    return Neighbours(table, weights)


def additions_of(
    neighbours: Neighbours, interactions: ProductInteractions, blend: float, decay: float
) -> Additions:
    """Return what the neighbours of each shopper's newest products get on top of their scores."""
    newest = interactions.rank < NEWEST_USED
    own, ranks = interactions.product[newest], interactions.rank[newest]
    rows = neighbours.rows[own]
    factors = (blend * decay**ranks).astype(np.float32)
    weights = neighbours.weights[own] * factors[:, None]
    used = weights > 0
    users = np.repeat(interactions.user[newest], used.sum(axis=1))
    return Additions(users=users, products=rows[used].astype(np.int64), weights=weights[used])


def similarities_of(
    neighbours: Neighbours, interactions: ProductInteractions, pairs: Ints, rows: Ints
) -> Floats:
    """Return how similar the rows [B, k] are to the products of the pairs [B, N], [B, k, N]; 0
    where a pair is -1.
    """
    found = np.zeros((*rows.shape, pairs.shape[1]), dtype=np.float32)
    if not neighbours.rows.shape[1]:
        return found
    for place in range(pairs.shape[1]):
        known = np.flatnonzero(pairs[:, place] >= 0)
        own = interactions.product[pairs[known, place]]
        same = neighbours.rows[own][:, None, :] == rows[known][:, :, None]
        weights = np.where(same, neighbours.weights[own][:, None, :], 0.0)
        found[known, :, place] = weights.sum(axis=2)
    return found
