"""Vectors of a batch of shoppers in the snapshot's features, and which products explain a score.

With factors the vectors are folded in (`foldin`); without, they are the share of each category in a
shopper's interactions. `removals` solves them again without one product of the history.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stylecore.arrays import Floats, Ints
from stylecore.recommender.factors import Factors
from stylecore.recommender.foldin import Histories, fold_in
from stylecore.recommender.interactions import UNRANKED, ProductInteractions, taken
from stylecore.recommender.item_neighbours import NEWEST_USED, additions_of, similarities_of
from stylecore.recommender.rules import Recency
from stylecore.recommender.snapshot import CatalogSnapshot
from stylecore.recommender.state import DISMISSED_CONFIDENCE
from stylecore.recommender.top_k import Additions

EXPLAINING = 5
"""Past products of a shopper, the newest, among which a reason is looked for."""


def shopper_vectors(snapshot: CatalogSnapshot, interactions: ProductInteractions) -> Floats:
    """Return the shoppers' vectors against the snapshot's features, [B, D]."""
    if snapshot.factors is None:
        return _category_shares(snapshot, interactions)
    return fold_in_shoppers(snapshot.features, interactions, snapshot.factors.recency)


def fold_in_shoppers(
    features: Floats, interactions: ProductInteractions, recency: Recency
) -> Floats:
    """Return the shoppers' vectors [B, F] against whitened features [P, F].

    Of each history the newest products count, by rank, and all dismissed ones.
    """
    used = interactions.dismissed | (interactions.rank < recency.newest)
    confidences, preferences = confidences_of(interactions, recency)
    histories = Histories(
        starts=np.concatenate([[0], used.cumsum()])[interactions.starts],
        products=interactions.product[used],
        confidences=confidences[used],
        preferences=preferences[used],
    )
    return fold_in(features, histories).vectors


def neighbour_additions(
    snapshot: CatalogSnapshot, interactions: ProductInteractions
) -> Additions | None:
    """Return what the neighbours of the shoppers' newest products get on top of their scores."""
    factors = snapshot.factors
    if factors is None or not factors.blend:
        return None
    return additions_of(snapshot.neighbours, interactions, factors.blend, factors.recency.decay)


def scores_of_new(
    factors: Factors, features: Floats, interactions: ProductInteractions, rows: Ints
) -> Floats:
    """Return the shoppers' scores of some products as serving has them, without popularity.

    features: [P, F], the factors' whitened; rows: [J], of those. Returns [B, J], -inf where the
    shopper has done anything with the product.
    """
    place_of = np.full(len(features), -1, dtype=np.int64)
    place_of[rows] = np.arange(len(rows))
    scores = fold_in_shoppers(features, interactions, factors.recency) @ features[rows].T
    on_top = additions_of(factors.neighbours, interactions, factors.blend, factors.recency.decay)
    places = place_of[on_top.products]
    asked = places >= 0
    np.add.at(scores, (on_top.users[asked], places[asked]), on_top.weights[asked])
    places = place_of[interactions.product]
    scores[interactions.user[places >= 0], places[places >= 0]] = -np.inf
    return scores


def confidences_of(interactions: ProductInteractions, recency: Recency) -> tuple[Floats, Floats]:
    """Return c and p, [M] each: c = 1 + scale * weight * decay^rank, or p = -1 if dismissed."""
    ranks = np.minimum(interactions.rank, recency.newest)
    left = recency.decay ** np.arange(recency.newest + 1)
    confidences = 1.0 + recency.scale * interactions.weight * left[ranks]
    confidences[interactions.dismissed] = DISMISSED_CONFIDENCE
    preferences = np.where(interactions.dismissed, -1.0, 1.0).astype(np.float32)
    return confidences.astype(np.float32), preferences


@dataclass(frozen=True, slots=True)
class Removals:
    """What each shopper's newest R products carry in the scores of k listed products."""

    pairs: Ints
    """[B, R], positions in the interactions; -1 where there are fewer; none is dismissed."""
    drops: Floats
    """[B, k, R], by how much the score falls where that product is removed from the history."""


def removals(
    snapshot: CatalogSnapshot, interactions: ProductInteractions, folded: Floats, rows: Ints
) -> Removals:
    """Return how the scores of the rows [B, k] fall without each of the newest products.

    The shopper's vector is solved again without it, older products moving up a rank: a product's
    part in the sum that a score is would not say that, for others take its place.
    """
    shoppers = len(rows)
    pairs = np.full((shoppers, EXPLAINING + 1), -1, dtype=np.int64)
    near = np.flatnonzero(interactions.rank <= EXPLAINING)
    pairs[interactions.user[near], interactions.rank[near]] = near
    user, rank = np.nonzero(pairs[:, :EXPLAINING] >= 0)
    without = shopper_vectors(snapshot, _without(interactions, pairs[user, rank]))
    changes = np.zeros((shoppers, EXPLAINING, folded.shape[1]), dtype=np.float32)
    changes[user, rank] = folded[user] - without
    drops = np.matmul(snapshot.features[rows], changes.transpose(0, 2, 1))
    factors = snapshot.factors
    if factors is not None and factors.blend:
        found = similarities_of(
            snapshot.neighbours, interactions, pairs[:, : NEWEST_USED + 1], rows
        )
        weights = factors.blend * factors.recency.decay ** np.arange(NEWEST_USED)
        for gone in range(NEWEST_USED):
            left = np.delete(found, gone, axis=2)
            drops[:, :, gone] += (found[:, :, :NEWEST_USED] - left) @ weights
    return Removals(pairs=pairs[:, :EXPLAINING], drops=drops)


def _without(interactions: ProductInteractions, gone: Ints) -> ProductInteractions:
    """Return the histories of the shoppers of the pairs `gone` [G], each without that pair."""
    owner = interactions.user[gone]
    lengths = interactions.starts[owner + 1] - interactions.starts[owner]
    user = np.repeat(np.arange(len(gone)), lengths)
    first = np.repeat(interactions.starts[owner] - (np.cumsum(lengths) - lengths), lengths)
    entries = first + np.arange(len(user))
    kept = entries != gone[user]
    entries, user = entries[kept], user[kept]
    starts = np.concatenate([[0], np.cumsum(lengths - 1)])
    found = taken(interactions, entries, user, starts)
    moves_up = (found.rank > interactions.rank[gone][user]) & (found.rank != UNRANKED)
    return replace(found, rank=found.rank - moves_up)


def _category_shares(snapshot: CatalogSnapshot, interactions: ProductInteractions) -> Floats:
    """Return each category's weight over 1 + that of all: less is known of who did little."""
    users, categories = len(interactions.starts) - 1, snapshot.features.shape[1]
    signed = np.where(interactions.dismissed, -1.0, interactions.weight)
    totals = np.bincount(interactions.user, np.abs(signed), minlength=users)
    shares = signed / (1.0 + totals)[interactions.user] * snapshot.present[interactions.product]
    cells = interactions.user * categories + snapshot.category_codes[interactions.product]
    vectors = np.bincount(cells, shares, minlength=users * categories)
    return vectors.reshape(users, categories).astype(np.float32)
