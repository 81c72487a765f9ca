"""Factors of shoppers and things from clicks: implicit's ALS with the product's confidences.

c = 1 + clicks and p = 1 where something was clicked (Hu, Koren, Volinsky 2008), regularized as
`stylecore.recommender.als` does. Each fit starts from the last one; who clicked nothing has the
zero vector.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from stylecore.arrays import Doubles

REGULARIZATION = 0.05
ITERATIONS = 3
INITIAL_SCALE = 0.01


class Factors:
    """Vectors of B shoppers and I things, of F numbers each."""

    def __init__(self, shoppers: int, things: int, width: int) -> None:
        random = np.random.default_rng(0)
        self._start = (random.random((things, width)) * INITIAL_SCALE).astype(np.float32)
        self._things = self._start
        self._shoppers = np.zeros((shoppers, width), dtype=np.float32)

    def fit(self, clicks: Doubles) -> tuple[Doubles, Doubles]:
        """Shoppers [B, F] and things [I, F] from clicks [B, I]."""
        from implicit.cpu.als import AlternatingLeastSquares  # slow to import, and few want it

        confidences = csr_matrix(np.where(clicks > 0, 1.0 + clicks, 0.0).astype(np.float32))
        with threadpool_limits(1, "blas"):
            model = AlternatingLeastSquares(
                factors=self._start.shape[1],
                regularization=REGULARIZATION,
                alpha=1.0,
                iterations=ITERATIONS,
                num_threads=1,
            )
            # Zero vectors on both sides would stay zero, so things without clicks start anew.
            clicked = np.asarray(clicks.any(axis=0) & self._things.any(axis=1))
            model.item_factors = np.where(clicked[:, None], self._things, self._start)
            model.user_factors = self._shoppers
            model.fit(confidences, show_progress=False)
        self._things, self._shoppers = model.item_factors, model.user_factors
        return self._shoppers.astype(np.float64), self._things.astype(np.float64)
