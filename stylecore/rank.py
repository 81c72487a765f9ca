"""The best k products of each shopper, without those that must not be shown.

Inner products by one matrix product, masks, a partial sort, and a sort of the k that are left.
Equal scores go to the lower row, so that the answer does not depend on the batch. What the scores
mean is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]
Integers = NDArray[np.int64]

NONE = -1
"""Stands for the row where a shopper has fewer than k products left; the score is then -inf."""


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
    scores = users @ products.T
    scores[masked_users, masked_products] = -np.inf
    if absent is not None and absent.any():
        scores[:, absent] = -np.inf
    k = min(k, scores.shape[1])
    return _best(scores, k)


def _best(scores: Singles, k: int) -> Ranking:
    if k == 0:
        empty = np.zeros((len(scores), 0))
        return Ranking(rows=empty.astype(np.int64), scores=empty.astype(np.float32))
    rows = np.sort(_largest(scores, k), axis=1)
    found = np.take_along_axis(scores, rows, axis=1)
    order = np.argsort(-found, axis=1, kind="stable")
    rows, found = np.take_along_axis(rows, order, axis=1), np.take_along_axis(found, order, axis=1)
    rows[np.isneginf(found)] = NONE
    return Ranking(rows=rows, scores=found)


def _largest(scores: Singles, k: int) -> Integers:
    """The columns [B, k] of the k largest of each row, in no order; of equals the lower ones."""
    products = scores.shape[1]
    if k == products:
        return np.tile(np.arange(products), (len(scores), 1))
    rows: Integers = np.argpartition(scores, products - k, axis=1)[:, products - k :]
    found = np.take_along_axis(scores, rows, axis=1)
    least = found.min(axis=1, keepdims=True)
    undecided = (scores == least).sum(axis=1) > (found == least).sum(axis=1)
    for user in np.flatnonzero(undecided):
        rows[user] = np.argsort(-scores[user], kind="stable")[:k]
    return rows
