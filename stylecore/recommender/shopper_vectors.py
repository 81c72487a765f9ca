"""Vectors of a batch of shoppers in the snapshot's features, and which products explain a score.

With factors the vectors are folded in (`foldin`); without, they are the share of each category in a
shopper's interactions. Either way a vector is a weighted sum of the features of the shopper's
products, so that every score is a sum of parts of past products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylecore.arrays import Floats, Ints
from stylecore.recommender.foldin import Histories, fold_in
from stylecore.recommender.interactions import ProductInteractions
from stylecore.recommender.item_neighbours import additions_of
from stylecore.recommender.rules import Recency
from stylecore.recommender.snapshot import CatalogSnapshot
from stylecore.recommender.state import DISMISSED_CONFIDENCE
from stylecore.recommender.top_k import Additions

EXPLAINING = 12
"""Past products of a shopper, the weightiest, among which a reason is looked for."""


@dataclass(frozen=True, slots=True)
class ShopperVectors:
    """B shoppers' vectors and how the M pairs of the interactions make them."""

    vectors: Floats
    """[B, D]"""
    coefficients: Floats
    """[M]"""


def shopper_vectors(snapshot: CatalogSnapshot, interactions: ProductInteractions) -> ShopperVectors:
    """Return the shoppers' vectors against the snapshot's features."""
    if snapshot.factors is None:
        return _category_shares(snapshot.features, interactions)
    return fold_in_shoppers(snapshot.features, interactions, snapshot.factors.recency)


def fold_in_shoppers(
    features: Floats, interactions: ProductInteractions, recency: Recency
) -> ShopperVectors:
    """Return the shoppers' vectors against whitened features [P, F].

    Of each history the newest products count, by rank, and all dismissed ones.
    """
    used = interactions.dismissed | (interactions.rank < recency.newest)
    confidences, preferences = confidences_of(interactions, recency)
    solved = fold_in(
        features,
        Histories(
            starts=np.concatenate([[0], used.cumsum()])[interactions.starts],
            products=interactions.product[used],
            confidences=confidences[used],
            preferences=preferences[used],
        ),
    )
    coefficients = np.zeros(len(used), dtype=np.float32)
    coefficients[used] = solved.shares
    return ShopperVectors(vectors=solved.vectors, coefficients=coefficients)


def neighbour_additions(
    snapshot: CatalogSnapshot, interactions: ProductInteractions
) -> Additions | None:
    """Return what the neighbours of the shoppers' newest products get on top of their scores."""
    factors = snapshot.factors
    if factors is None or not factors.blend:
        return None
    return additions_of(snapshot.neighbours, interactions, factors.blend, factors.recency.decay)


def confidences_of(interactions: ProductInteractions, recency: Recency) -> tuple[Floats, Floats]:
    """Return c and p, [M] each: c = 1 + scale * weight * decay^rank, or p = -1 if dismissed."""
    ranks = np.minimum(interactions.rank, recency.newest)
    left = recency.decay ** np.arange(recency.newest + 1)
    confidences = 1.0 + recency.scale * interactions.weight * left[ranks]
    confidences[interactions.dismissed] = DISMISSED_CONFIDENCE
    preferences = np.where(interactions.dismissed, -1.0, 1.0).astype(np.float32)
    return confidences.astype(np.float32), preferences


def strongest_reasons(
    snapshot: CatalogSnapshot, interactions: ProductInteractions, folded: ShopperVectors, rows: Ints
) -> tuple[Ints, Floats]:
    """Return the past product with the largest part in each score, [B, k], and that part.

    The first is a position in the interactions; it has no meaning where the part is not above 0.
    """
    position, coefficients = _weightiest(interactions, folded.coefficients)
    if not len(interactions.product):
        return np.zeros(rows.shape, np.int64), np.zeros(rows.shape, np.float32)
    past = snapshot.features[interactions.product[position]] * coefficients[:, :, None]
    parts = np.matmul(snapshot.features[rows], past.transpose(0, 2, 1))
    best = parts.argmax(axis=2)
    part = np.take_along_axis(parts, best[:, :, None], axis=2)[:, :, 0]
    return np.take_along_axis(position, best, axis=1), part


def _category_shares(features: Floats, interactions: ProductInteractions) -> ShopperVectors:
    users = len(interactions.starts) - 1
    signed = np.where(interactions.dismissed, -1.0, interactions.weight)
    totals = np.bincount(interactions.user, np.abs(signed), minlength=users)
    coefficients = (signed / np.maximum(totals, 1e-9)[interactions.user]).astype(np.float32)
    vectors = np.zeros((users, features.shape[1]), dtype=np.float32)
    np.add.at(vectors, interactions.user, features[interactions.product] * coefficients[:, None])
    return ShopperVectors(vectors=vectors, coefficients=coefficients)


def _weightiest(interactions: ProductInteractions, coefficients: Floats) -> tuple[Ints, Floats]:
    """Return positions [B, E] of each shopper's weightiest pairs and their coefficients, else 0."""
    users = len(interactions.starts) - 1
    order = np.lexsort((-coefficients, interactions.user))
    place = np.arange(len(order)) - interactions.starts[interactions.user]
    widest = min(EXPLAINING, int(np.diff(interactions.starts).max(initial=0)))
    position = np.zeros((users, widest), dtype=np.int64)
    kept = np.zeros((users, widest), dtype=np.float32)
    near = place < widest
    cells = (interactions.user[near], place[near])
    position[cells] = order[near]
    kept[cells] = coefficients[order[near]]
    return position, kept
