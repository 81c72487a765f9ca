"""Fit the global product factors by ALS to all shoppers' states.

implicit's ALS does the work, starting from the last factors where there are any, so that lists
change little between versions. Its conventions are applied here: confidences are passed unchanged
(alpha 1 for implicit), no zero is stored, shoppers without products are left out, and BLAS runs on
one thread beside implicit's own. Its negatives pull a score to 0 and not to -1; the fold-in does
the latter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from schemas.events import UserState
from stylecore.arrays import Floats, Ints
from stylecore.recommender.catalog import Catalogue
from stylecore.recommender.factors import Factors, encoded
from stylecore.recommender.foldin import Histories, fold_in, whitening
from stylecore.recommender.interactions import ProductInteractions, by_product, gather, only
from stylecore.recommender.item_neighbours import count_neighbours
from stylecore.recommender.popularity import Popularity
from stylecore.recommender.rules import Recency, Rules
from stylecore.recommender.snapshot import with_category_means
from stylecore.recommender.state import DISMISSED_CONFIDENCE

INITIAL_SCALE = 0.01
"""The size of random starting values, as implicit's own."""
SAMPLES_PER_FACTOR = 8
"""A factor wants at least this many shoppers and products, or the fit learns them by heart."""


@dataclass(frozen=True, slots=True)
class FitSettings:
    """What the fit is run with."""

    width: int = 64
    """Factors at most; few products or shoppers get fewer."""
    iterations: int = 15
    regularization: float = 0.05
    alpha: float = 1.0
    recency: Recency = field(default_factory=Recency)
    """Of the fold-in; the fit itself counts all of a history alike."""
    blend: float = 0.3
    """Of the item-to-item neighbours; 0 leaves them out."""
    seed: int = 0
    threads: int = 1
    least_shoppers: int = 2
    """Shoppers with a history that a fit needs, and at least 2."""
    least_products: int = 2
    """Products that these did something with, and at least 2."""


def fit(
    states: Sequence[UserState],
    catalogue: Catalogue,
    previous: Factors | None,
    settings: FitSettings,
    rules: Rules,
    now: datetime,
) -> Factors | None:
    """Fit factors of the products on sale that anyone did anything with.

    None where fewer shoppers or products have a history than the settings say. The same input
    gives the same factors. Products without interactions are left to the snapshot, which puts
    them at their category's mean.
    """
    found = fit_unnamed(states, catalogue, previous, settings, rules, now)
    return None if found is None else encoded(found).factors


def fit_unnamed(
    states: Sequence[UserState],
    catalogue: Catalogue,
    previous: Factors | None,
    settings: FitSettings,
    rules: Rules,
    now: datetime,
) -> Factors | None:
    """Return the factors that `fit` gives, without a version: to encode them takes time."""
    interactions = gather_products(states, catalogue, rules, now)
    rows, confidences = _confidences(interactions, catalogue, settings)
    shoppers, products = confidences.shape
    if shoppers < max(2, settings.least_shoppers) or products < max(2, settings.least_products):
        return None
    start = _start(catalogue, previous, rows, _width(settings, confidences))
    popularity = Popularity(catalogue, rules, now)
    popularity.count_states(states, now)
    return Factors(
        version="",
        parent=None if previous is None else previous.version,
        product_ids=tuple(catalogue.product_ids[row] for row in rows.tolist()),
        product_factors=_alternating_least_squares(confidences, start, settings),
        priors=popularity.priors(now),
        regularization=settings.regularization,
        alpha=settings.alpha,
        recency=settings.recency,
        fitted=len(rows),
        neighbours=count_neighbours(only(interactions, rows), len(rows)),
        blend=settings.blend,
    )


def gather_products(
    states: Sequence[UserState], catalogue: Catalogue, rules: Rules, now: datetime
) -> ProductInteractions:
    """Return the shoppers' interactions in the catalogue's rows."""
    seen = gather(states, now, rules, catalogue.row_of, catalogue.column_of)
    return by_product(seen, len(catalogue.product_ids))


def _confidences(
    interactions: ProductInteractions, catalogue: Catalogue, settings: FitSettings
) -> tuple[Ints, csr_matrix]:
    """Return the rows of the products concerned, [P], and c of shoppers with a history, [U, P].

    A dismissed product has -c: implicit reads a negative confidence as p = 0.
    """
    sold = catalogue.present[interactions.product]
    values = np.where(
        interactions.dismissed, -DISMISSED_CONFIDENCE, 1.0 + settings.alpha * interactions.weight
    )
    rows, product = np.unique(interactions.product[sold], return_inverse=True)
    users, user = np.unique(interactions.user[sold], return_inverse=True)
    shape = len(users), len(rows)
    return rows, csr_matrix((values[sold].astype(np.float32), (user, product)), shape=shape)


def _width(settings: FitSettings, confidences: csr_matrix) -> int:
    return min(settings.width, max(1, min(confidences.shape) // SAMPLES_PER_FACTOR))


def _start(catalogue: Catalogue, previous: Factors | None, rows: Ints, width: int) -> Floats | None:
    """Return the last factors of the rows, [P, width], new products at their category's mean.

    None where there are none, or more than are wanted now; new columns start small.
    """
    known = 0 if previous is None else previous.product_factors.shape[1]
    if previous is None or known > width:
        return None
    more = np.random.default_rng(known).random((len(rows), width - known)) * INITIAL_SCALE
    return np.hstack([with_category_means(catalogue, previous)[rows], more.astype(np.float32)])


def _alternating_least_squares(
    confidences: csr_matrix, start: Floats | None, settings: FitSettings
) -> Floats:
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=_width(settings, confidences),
            regularization=settings.regularization,
            alpha=1.0,
            iterations=settings.iterations,
            num_threads=settings.threads,
            random_state=settings.seed,
        )
        if start is not None:
            model.item_factors = start
            model.user_factors = _shoppers(confidences, start, settings.regularization)
        model.fit(confidences, show_progress=False)
    return np.asarray(model.item_factors, dtype=np.float32)


def _shoppers(confidences: csr_matrix, start: Floats, regularization: float) -> Floats:
    """Return the shoppers' vectors against the starting factors, [U, F]."""
    values = np.asarray(confidences.data, dtype=np.float32)
    histories = Histories(
        starts=confidences.indptr.astype(np.int64),
        products=confidences.indices.astype(np.int64),
        confidences=np.abs(values),
        preferences=(values > 0).astype(np.float32),
    )
    white = whitening(start, regularization)
    return white.unwhiten(fold_in(white.whiten(start), histories).vectors)
