"""Cold start: rows for the products on sale that too few shoppers have interacted with.

`starts` gives such a product half the mean of its category and half the mean of the fitted products
whose photos have the most similar embeddings, weighted by the cosine; one of them alone where the
other is missing. Half and half was better than either alone in shops where appearance correlates
with preference, and worse than the category alone where it does not
(`tests/benchmarks/bench_newcomers.py`); only a shop's log can tell which of the two it is.

`complete` then folds in what feedback there is (`foldin`, item side), with the start as the prior.
That also replaces fitted rows with fewer than LEAST_SHOPPERS shoppers, to which ALS overfits.
Popularity and style priors are counted from the same feedback.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from schemas.events import UserState
from stylecore.arrays import Bools, Floats, Ints
from stylecore.recommender.als import gather_products
from stylecore.recommender.catalog import Catalogue
from stylecore.recommender.factors import Factors
from stylecore.recommender.foldin import Histories, fold_in_items, whitening
from stylecore.recommender.interactions import ProductInteractions, only
from stylecore.recommender.item_neighbours import count_neighbours
from stylecore.recommender.popularity import Popularity
from stylecore.recommender.rules import Rules, lifetime
from stylecore.recommender.shopper_vectors import confidences_of, fold_in_shoppers
from stylecore.storage.render_cache import Embedding

NEIGHBOURS = 10
NEIGHBOURS_SHARE = 0.5

EmbeddingOf = Callable[[str], Embedding | None]
"""sha256 of a photo to what the feature network saw in it, if it saw it."""


@dataclass(frozen=True, slots=True)
class PhotoEmbeddings:
    """Photos that one feature network saw: rows of products [N], and unit vectors [N, E]."""

    rows: Ints
    vectors: Floats


def photo_embeddings(
    sources: Sequence[str | None], embedding_of: EmbeddingOf
) -> list[PhotoEmbeddings]:
    """Return the embeddings of the photos by product row, one entry for each network."""
    found: dict[tuple[str, int], dict[int, Floats]] = {}
    for row, source in enumerate(sources):
        embedding = None if source is None else embedding_of(source)
        if embedding is not None:
            network = embedding.model, len(embedding.vector)
            found.setdefault(network, {})[row] = embedding.as_array()
    return [
        PhotoEmbeddings(np.array(list(vectors), dtype=np.int64), np.stack(list(vectors.values())))
        for vectors in found.values()
    ]


def starts(
    factors: Floats,
    known: Ints,
    new_products: Ints,
    category_codes: Ints,
    photos: Sequence[PhotoEmbeddings],
    share: float = NEIGHBOURS_SHARE,
) -> Floats:
    """Return starting factors of the new products, [N, F]; 0 where there is nothing to start from.

    `factors` [K, F] belong to the products with the rows `known` [K]; `share` is the neighbours'.
    """
    own = category_codes[known]
    means = {int(code): factors[own == code].mean(axis=0) for code in np.unique(own)}
    place_of = {row: place for place, row in enumerate(known.tolist())}
    near = {
        row: mean
        for photo in photos
        for row, mean in _near_means(factors, place_of, new_products, photo)
    }
    found = np.zeros((len(new_products), factors.shape[1]), dtype=np.float32)
    for place, row in enumerate(new_products.tolist()):
        mean, alike = means.get(int(category_codes[row])), near.get(row)
        if mean is not None and alike is not None:
            found[place] = (1.0 - share) * mean + share * alike
        elif mean is not None or alike is not None:
            found[place] = alike if mean is None else mean
    return found


def _near_means(
    factors: Floats, place_of: Mapping[int, int], new_products: Ints, photo: PhotoEmbeddings
) -> list[tuple[int, Floats]]:
    """Average, for each new product whose photo was seen, the K fitted products most like it."""
    places = np.array([place_of.get(row, -1) for row in photo.rows.tolist()], dtype=np.int64)
    peers, new = places >= 0, np.isin(photo.rows, new_products)
    if not peers.any() or not new.any():
        return []
    cosines = photo.vectors[new] @ photo.vectors[peers].T
    count = min(NEIGHBOURS, cosines.shape[1])
    nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    weights = np.maximum(np.take_along_axis(cosines, nearest, axis=1), 1e-6)
    weights /= weights.sum(axis=1, keepdims=True)
    means = np.einsum("nk,nkf->nf", weights, factors[places[peers][nearest]])
    return list(zip(photo.rows[new].tolist(), means, strict=True))


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
    """Return the factors of all products on sale, fitted ones first; without a version."""
    interactions = gather_products(states, catalogue, rules, now)
    rows = np.array([catalogue.row_of[product] for product in fitted.product_ids], dtype=np.int64)
    kept = _well_known(rows, interactions, len(catalogue.product_ids))
    known, factors = rows[kept], fitted.product_factors[kept]
    new_products = np.setdiff1d(np.flatnonzero(catalogue.present), known)
    photos = photo_embeddings(catalogue.source_sha256, embedding_of) if len(new_products) else []
    start = starts(factors, known, new_products, catalogue.category_codes, photos)
    shoppers = _shoppers(factors, fitted, only(interactions, known))
    clicked = _by_item(only(interactions, new_products), len(new_products), fitted.alpha)
    placed = fold_in_items(start, shoppers, clicked, fitted.regularization)
    popularity = Popularity(catalogue, rules, now)
    popularity.count_states(states, now)
    everything = np.concatenate([known, new_products])
    return Factors(
        version="",
        parent=fitted.parent,
        product_ids=tuple(catalogue.product_ids[row] for row in everything.tolist()),
        product_factors=np.vstack([factors, placed], dtype=np.float32),
        priors=popularity.priors(now),
        regularization=fitted.regularization,
        alpha=fitted.alpha,
        recency=fitted.recency,
        fitted=len(known),
        neighbours=count_neighbours(only(interactions, everything), len(everything)),
        blend=fitted.blend,
        learned_until=learned_until,
    )


def _well_known(rows: Ints, interactions: ProductInteractions, products: int) -> Bools:
    """Return which of the rows enough shoppers did something with; all where none has that many."""
    kept: Bools = np.bincount(interactions.product, minlength=products)[rows] >= LEAST_SHOPPERS
    return kept if kept.any() else np.ones(len(rows), dtype=np.bool_)


def _shoppers(factors: Floats, fitted: Factors, own: ProductInteractions) -> Floats:
    """Return the shoppers' vectors, [U, F], from what they did with the fitted products."""
    white = whitening(factors, fitted.regularization)
    solved = fold_in_shoppers(white.whiten(factors), own, lifetime(fitted.alpha))
    return white.unwhiten(solved)


def _by_item(own: ProductInteractions, items: int, alpha: float) -> Histories:
    """Return the interactions by product: for each, the shoppers and their confidences."""
    order = np.argsort(own.product, kind="stable")
    confidences, preferences = confidences_of(own, lifetime(alpha))
    return Histories(
        starts=np.searchsorted(own.product[order], np.arange(items + 1)),
        products=own.user[order],
        confidences=confidences[order],
        preferences=preferences[order],
    )
