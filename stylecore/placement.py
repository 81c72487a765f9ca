"""Fitted factors, completed by a row for every product on sale.

A product that hardly anybody touched starts among its like (`newcomers`) and is folded in with
what feedback there is (`item_foldin`), whatever the fit made of it: from one or two shoppers ALS
learns chance by heart. Popularity and style priors are counted from the same feedback.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from schemas.events import UserState
from stylecore.arrays import Bools, Floats, Ints
from stylecore.catalogue import Catalogue
from stylecore.evidence import ProductEvidence, by_product, gather
from stylecore.factors import Factors
from stylecore.foldin import Histories, fold_in, whitening
from stylecore.item_foldin import fold_in_items
from stylecore.newcomers import EmbeddingOf, looks_of, starts
from stylecore.popularity import Popularity
from stylecore.preferences import Rules
from stylecore.taste import histories

LEAST_SHOPPERS = 3
"""A product that fewer did anything with is placed, not fitted."""


def complete(
    fitted: Factors,
    states: Sequence[UserState],
    catalogue: Catalogue,
    embedding_of: EmbeddingOf,
    rules: Rules,
    learned_until: datetime,
    now: datetime,
) -> Factors:
    """The factors with all products on sale, those that are fitted first; without a version."""
    seen = gather(states, now, rules, catalogue.row_of, catalogue.column_of)
    done = by_product(seen, len(catalogue.product_ids))
    rows = np.array([catalogue.row_of[product] for product in fitted.product_ids], dtype=np.int64)
    kept = _well_known(rows, done, len(catalogue.product_ids))
    known, factors = rows[kept], fitted.product_factors[kept]
    newcomers = np.setdiff1d(np.flatnonzero(catalogue.present), known)
    looks = looks_of(catalogue.source_sha256, embedding_of) if len(newcomers) else []
    start = starts(factors, known, newcomers, catalogue.category_codes, looks)
    shoppers = _shoppers(factors, fitted, _only(done, known))
    clicked = _by_item(_only(done, newcomers), len(newcomers), fitted.alpha)
    placed = fold_in_items(start, shoppers, clicked, fitted.regularization)
    popularity = Popularity(catalogue, rules, now)
    popularity.count_states(states, now)
    return Factors(
        version="",
        parent=fitted.parent,
        product_ids=tuple(catalogue.product_ids[row] for row in (*known, *newcomers)),
        product_factors=np.vstack([factors, placed], dtype=np.float32),
        priors=popularity.priors(now),
        regularization=fitted.regularization,
        alpha=fitted.alpha,
        fitted=len(known),
        learned_until=learned_until,
    )


def _well_known(rows: Ints, done: ProductEvidence, products: int) -> Bools:
    """Which of the rows enough shoppers did something with; all where none has that many."""
    kept: Bools = np.bincount(done.product, minlength=products)[rows] >= LEAST_SHOPPERS
    return kept if kept.any() else np.ones(len(rows), dtype=np.bool_)


def _shoppers(factors: Floats, fitted: Factors, own: ProductEvidence) -> Floats:
    """The shoppers' vectors, [U, F], from what they did with the fitted products."""
    white = whitening(factors, fitted.regularization)
    solved = fold_in(white.whiten(factors), histories(own, fitted.alpha))
    return white.unwhiten(solved.vectors)


def _only(done: ProductEvidence, rows: Ints) -> ProductEvidence:
    """The evidence about these products, whose rows become 0, 1, 2, ..."""
    place = np.full(max(done.product.max(initial=0), rows.max(initial=0)) + 1, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    kept = place[done.product] >= 0
    return ProductEvidence(
        starts=np.searchsorted(done.user[kept], np.arange(len(done.starts))),
        user=done.user[kept],
        product=place[done.product][kept],
        weight=done.weight[kept],
        style=done.style[kept],
        dismissed=done.dismissed[kept],
        resting=done.resting[kept],
        bought=done.bought[kept],
    )


def _by_item(own: ProductEvidence, items: int, alpha: float) -> Histories:
    """Who did what with each product: the evidence turned around, products for shoppers."""
    order = np.argsort(own.product, kind="stable")
    turned = histories(own, alpha)
    return Histories(
        starts=np.searchsorted(own.product[order], np.arange(items + 1)),
        products=own.user[order],
        confidences=turned.confidences[order],
        preferences=turned.preferences[order],
    )
