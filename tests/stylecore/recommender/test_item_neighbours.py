"""Neighbours are the most similar by the formula, and what they add is added exactly."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st
from preference_oracles import similarities
from worlds import NOW, feedback

from stylecore.recommender import item_neighbours
from stylecore.recommender.interactions import by_product, gather
from stylecore.recommender.item_neighbours import (
    Neighbours,
    additions_of,
    aligned,
    count_neighbours,
    no_neighbours,
)
from stylecore.recommender.rules import Rules
from stylecore.recommender.state import apply
from stylecore.recommender.top_k import NONE, Additions, products_of, top_k

RULES = Rules()
UNMASKED = np.zeros(0, dtype=np.int64)


def interactions(states, products, now=NOW):
    shop = worlds.catalogue(products, styles=())
    return by_product(gather(states, now, RULES, shop.row_of, shop.column_of), products)


@given(
    st.integers(0, 2**32),
    st.integers(0, 12),
    st.integers(1, 45),
    st.sampled_from([0, 40]),
    st.sampled_from([1, 50, 2**22]),
)
def test_the_most_similar_are_kept(seed, users, products, days, pairs) -> None:
    random = np.random.default_rng(seed)
    states = worlds.shoppers(users, products, random)
    for place in range(0, users, 3):
        name = f"product-{random.integers(products)}"
        unwanted = feedback(states[place].user_id, name, kind="dismiss")
        states[place] = apply(states[place], unwanted, NOW, RULES)
    now = NOW + timedelta(days=days)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(item_neighbours, "BLOCK_PAIRS", pairs)
        found = count_neighbours(interactions(states, products, now), products)
    ids = [f"product-{number}" for number in range(products)]
    expected = similarities(states, now, RULES, ids, item_neighbours.SHRINKAGE)
    for row, (others, weights) in enumerate(zip(found.rows, found.weights, strict=True)):
        known = others[others != NONE]
        assert len(set(known.tolist())) == len(known)
        best = np.sort(expected[row][expected[row] > 0])[::-1][: item_neighbours.MOST]
        np.testing.assert_allclose(weights[: len(known)], best, rtol=1e-4)
        np.testing.assert_allclose(expected[row, known], weights[: len(known)], rtol=1e-4)
        assert not weights[len(known) :].any()


@given(st.integers(0, 2**32), st.integers(1, 60), st.booleans())
def test_a_ranking_with_additions_is_that_of_the_sums(seed, products, tied) -> None:
    random = np.random.default_rng(seed)
    users, width, k = 5, 3, int(random.integers(1, 12))
    vectors = random.normal(size=(users, width)).astype(np.float32)
    features = random.normal(size=(products, width)).astype(np.float32)
    if tied:
        features[:] = features[0]
    own = np.sort(random.integers(users, size=40))
    rows = random.integers(products, size=40)
    weights = random.exponential(size=40).astype(np.float32)
    scores = vectors.astype(np.float64) @ features.T
    np.add.at(scores, (own, rows), weights)
    masked = random.integers(products, size=users)
    scores[np.arange(users), masked] = -np.inf
    found = top_k(
        vectors, products_of(features), k, np.arange(users), masked, Additions(own, rows, weights)
    )
    for user in range(users):
        kept = found.rows[user] != NONE
        best = np.sort(scores[user])[::-1][: min(k, products)]
        best = best[np.isfinite(best)]
        np.testing.assert_allclose(found.scores[user][kept], best, rtol=1e-4, atol=1e-5)
        exact = scores[user, found.rows[user][kept]]
        np.testing.assert_allclose(exact, found.scores[user][kept], rtol=1e-4, atol=1e-5)


def test_the_newest_products_neighbours_get_most() -> None:
    state = worlds.shopper("ada", np.arange(5), np.random.default_rng(0))
    rows = (np.arange(5) + 5)[:, None]
    table = Neighbours(np.vstack([rows, rows - 5]), np.full((10, 1), 0.5, dtype=np.float32))
    found = additions_of(table, interactions([state], 10), blend=2.0, decay=0.5)
    added = dict(zip(found.products.tolist(), found.weights.tolist(), strict=True))
    assert added == {9: 1.0, 8: 0.5, 7: 0.25}
    nothing = additions_of(no_neighbours(10), interactions([state], 10), 2.0, 0.5)
    assert not len(nothing.users)


def test_neighbours_in_other_rows_are_the_same_products() -> None:
    table = Neighbours(np.array([[1, 2], [2, NONE], [0, 1]]), np.array([[3.0, 2], [1, 0], [5, 4]]))
    found = aligned(table, np.array([4, NONE, 0]), 5)
    assert found.rows.tolist() == [[4, NONE], *[[NONE, NONE]] * 3, [NONE, 0]]
    assert found.weights.tolist() == [[5, 0], [0, 0], [0, 0], [0, 0], [0, 2]]
