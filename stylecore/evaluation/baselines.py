"""Baselines of the prequential evaluation that share nothing with the recommender.

`ItemToItem` counts pairs of products as events come and scores by the newest five of a shopper;
`ease` is the closed-form linear model EASE (Steck 2019).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from scipy.sparse import csr_matrix

from stylecore.arrays import Doubles, Floats, Ints
from stylecore.recommender.top_k import NONE

NEWEST = 5
DECAY = 0.8
EASE_REGULARIZATION = 100.0
MOST_EASE_PRODUCTS = 10_000
"""Not included: the model is a dense square of the products."""


class ItemToItem:
    """Shared shoppers of pairs of products; scores count them against popularity."""

    def __init__(self, products: int) -> None:
        self._shared: list[dict[int, int]] = [{} for _ in range(products)]
        self._shoppers = np.zeros(products)

    def learn(self, row: int, others: Collection[int]) -> None:
        """Count a shopper's first action on a product, after those on the others."""
        self._shoppers[row] += 1
        own = self._shared[row]
        for other in others:
            own[other] = own.get(other, 0) + 1
            theirs = self._shared[other]
            theirs[row] = theirs.get(row, 0) + 1

    def scores(self, history: Sequence[int]) -> Doubles:
        """Return sum_k DECAY^k shared(i_k, j) / sqrt(shoppers of j), [P]; i_0 is the last."""
        found = np.zeros(len(self._shoppers))
        for rank, row in enumerate(history[: -NEWEST - 1 : -1]):
            shared = self._shared[row]
            others = np.fromiter(shared.keys(), np.int64, len(shared))
            found[others] += DECAY**rank * np.fromiter(shared.values(), np.float64, len(shared))
        found /= np.sqrt(self._shoppers + 1)
        return found


def ease(histories: Sequence[Collection[int]], products: int) -> Floats:
    """Return the weights [P, P] by which a history's sum of rows scores all products."""
    lengths = [len(history) for history in histories]
    user = np.repeat(np.arange(len(histories)), lengths)
    row = np.array([row for history in histories for row in history], dtype=np.int64)
    table = csr_matrix((np.ones(len(row), np.float32), (user, row)), (len(histories), products))
    gram = (table.T @ table).toarray()
    gram[np.diag_indices(products)] += EASE_REGULARIZATION
    inverse = np.linalg.inv(gram)
    weights = np.asarray(-inverse / np.diag(inverse), dtype=np.float32)
    np.fill_diagonal(weights, 0.0)
    return weights


def best_rows(scores: Doubles | Floats, masked: Sequence[int], k: int) -> Ints:
    """Return the k rows with the highest scores [P] above 0, NONE at the end."""
    values = scores.astype(np.float64)
    values[list(masked)] = 0.0
    best = np.argpartition(-values, min(k, len(values) - 1))[:k]
    best = best[np.lexsort((best, -values[best]))]
    rows = np.full(k, NONE, dtype=np.int64)
    rows[: len(best)] = np.where(values[best] > 0, best, NONE)
    return rows
