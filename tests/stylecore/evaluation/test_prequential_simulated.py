"""The simulated stream has something to find: whoever knew the tastes would foresee far more."""

from __future__ import annotations

import numpy as np

from stylecore.evaluation.prequential_data import PRODUCTS, SHOPPERS, STYLES, stream
from stylecore.recommender.simulator import CATEGORY_FACTOR, shopper


def foreseen(browsed: float, lift: float, seed: int = 0) -> float:
    """Recall@10 of who knows how often products are seen, and weighs liked ones by `lift`."""
    rows = stream(seed, looks=8, browsed=browsed)
    category_of = {row.event.product_id: row.category for row in rows}
    random = np.random.default_rng(seed)
    categories = sorted(set(category_of.values()))
    people = [shopper(f"user-{n}", STYLES, categories, random) for n in range(SHOPPERS)]
    likes = {person.user_id: person.categories for person in people}
    names = [f"product-{number}" for number in range(PRODUCTS)]
    seen = 1.0 / np.sqrt(1.0 + np.arange(PRODUCTS))
    touched: dict[str, set[str]] = {}
    hits = []
    for event in (row.event for row in rows):
        known = touched.setdefault(event.user_id, set())
        if event.product_id not in known:
            liked = [category_of.get(name) in likes[event.user_id] for name in names]
            scores = seen * np.where(liked, lift, 1.0)
            scores[[names.index(name) for name in known]] = -1
            best = np.argsort(-scores)[:10].tolist()
            hits.append(event.product_id in {names[place] for place in best})
        known.add(event.product_id)
    return float(np.mean(hits))


def test_shelves_make_tastes_worth_knowing() -> None:
    assert foreseen(browsed=0.5, lift=100.0) > 3 * foreseen(browsed=0.5, lift=1.0)


def test_without_them_how_often_a_product_is_seen_is_nearly_all_there_is_to_know() -> None:
    popularity, best = (foreseen(browsed=0.0, lift=lift) for lift in (1.0, CATEGORY_FACTOR))
    assert popularity > 3 * 10 / PRODUCTS
    assert best < 1.25 * popularity
