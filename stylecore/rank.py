"""The best k products of each shopper, without those that must not be shown.

Inner products by one matrix product, masks, and a selection that looks at every score only in
long vector operations: maxima of groups of products give a bound that the k-th best score cannot
be under, and only what reaches the bound is sorted. Equal scores go to the lower row, so that the
answer does not depend on the batch. What the scores mean is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]
Integers = NDArray[np.int64]

NONE = -1
"""Stands for the row where a shopper has fewer than k products left; the score is then -inf."""
BLOCK = 128
"""Shoppers whose scores stand in memory at once: few enough for the processor's cache."""
GROUPS_PER_PLACE = 8
"""Groups are folded until there are fewer than this many a place: more give a tighter bound."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Best first; what is left over at the end of a row holds NONE and -inf."""

    rows: Integers
    """[B, k]"""
    scores: Singles
    """[B, k]"""


def top_k(
    users: Singles,
    products: Singles,
    k: int,
    masked_users: Integers,
    masked_products: Integers,
    absent: NDArray[np.bool_] | None = None,
) -> Ranking:
    """The k highest scores users [B, D] . products [P, D] of each shopper.

    Shopper masked_users[i] does not get product masked_products[i]; nobody gets an absent one.
    """
    order = np.argsort(masked_users, kind="stable")
    masked_users, masked_products = masked_users[order], masked_products[order]
    k = min(k, len(products))
    best = []
    room = np.empty((min(BLOCK, len(users)), len(products)), dtype=np.float32)
    for first in range(0, len(users), BLOCK):
        block = users[first : first + BLOCK]
        scores = np.matmul(block, products.T, out=room[: len(block)])
        masked = slice(*np.searchsorted(masked_users, (first, first + BLOCK)))
        scores[masked_users[masked] - first, masked_products[masked]] = -np.inf
        if absent is not None and absent.any():
            scores[:, absent] = -np.inf
        best.append(_best(scores, k))
    return _joined(best, k)


def _joined(blocks: list[Ranking], k: int) -> Ranking:
    nothing = np.zeros((0, k), dtype=np.float32)
    rows = [block.rows for block in blocks] or [nothing.astype(np.int64)]
    return Ranking(
        rows=np.concatenate(rows),
        scores=np.concatenate([block.scores for block in blocks] or [nothing]),
    )


def _best(scores: Singles, k: int) -> Ranking:
    if k == 0:
        nothing = np.zeros((len(scores), 0), dtype=np.float32)
        return Ranking(rows=nothing.astype(np.int64), scores=nothing)
    candidates, found = _reaching(scores, _bounds(scores, k))
    order = np.argsort(-found, axis=1, kind="stable")[:, :k]
    rows, found = np.take_along_axis(candidates, order, axis=1), np.take_along_axis(found, order, 1)
    rows[np.isneginf(found)] = NONE
    return Ranking(rows=rows, scores=found)


def _bounds(scores: Singles, k: int) -> Singles:
    """A score for each shopper, [B, 1], that at least k products reach.

    The k-th largest maximum of disjoint groups: each group up to there holds one such product.
    """
    maxima = scores
    while maxima.shape[1] >= GROUPS_PER_PLACE * k:
        half = maxima.shape[1] // 2
        folded = np.maximum(maxima[:, :half], maxima[:, half : 2 * half])
        if maxima.shape[1] % 2:
            np.maximum(folded[:, 0], maxima[:, -1], out=folded[:, 0])
        maxima = folded
    place = maxima.shape[1] - k
    return np.partition(maxima, place, axis=1)[:, place : place + 1]


def _reaching(scores: Singles, bounds: Singles) -> tuple[Integers, Singles]:
    """Columns and scores [B, W] of what reaches the bounds, lower columns first.

    W is the largest number of any shopper; the rest is filled with NONE and -inf.
    """
    shoppers, columns = np.divmod(np.flatnonzero(scores >= bounds), scores.shape[1])
    counts = np.bincount(shoppers, minlength=len(scores))
    place = np.arange(len(shoppers)) - np.repeat(np.cumsum(counts) - counts, counts)
    candidates = np.full((len(scores), int(counts.max(initial=0))), NONE, dtype=np.int64)
    found = np.full(candidates.shape, -np.inf, dtype=np.float32)
    candidates[shoppers, place] = columns
    found[shoppers, place] = scores[shoppers, columns]
    return candidates, found
