"""Where new products start, and how far the first feedback moves them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from preference_oracles import fold_in_one

from stylecore.recommender.cold_start import NEIGHBOURS, photo_embeddings, starts
from stylecore.recommender.foldin import Histories, fold_in_items
from stylecore.storage.render_cache import Embedding

FACTORS = np.array([[1, 0], [3, 0], [0, 5]], dtype=np.float32)
KNOWN, NEW = np.array([0, 1, 2]), np.array([3, 4, 5, 6])
CATEGORIES = np.array([0, 0, 1, 0, 9, 0, 9])  # no fitted product is of category 9
SEEN = {"cup": [1.0, 0.0], "mug": [1.0, 0.0], "hat": [0.0, 1.0]}


def seen(source: str) -> Embedding | None:
    return Embedding(model="one", vector=SEEN[source]) if source in SEEN else None


def test_the_start_is_the_category_the_looks_or_half_of_each() -> None:
    photos = photo_embeddings(["cup", None, "hat", None, "mug", "hat", None], seen)
    category, alike, both, nothing = starts(FACTORS, KNOWN, NEW, CATEGORIES, photos)
    np.testing.assert_allclose(category, [2, 0])
    np.testing.assert_allclose(alike, FACTORS[0], atol=1e-4)
    np.testing.assert_allclose(both, [1, 2.5], atol=1e-4)
    np.testing.assert_allclose(nothing, 0)


def test_what_two_networks_saw_is_not_compared() -> None:
    models = iter(["old", "old", "new"])
    photos = photo_embeddings(
        ["a", "b", "c"], lambda _: Embedding(model=next(models), vector=[1.0, 0.0])
    )
    assert sorted(photo.rows.tolist() for photo in photos) == [[0, 1], [2]]
    found = starts(FACTORS[:2], KNOWN[:2], np.array([2]), np.array([0, 0, 7]), photos)
    np.testing.assert_allclose(found, 0)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), peers=st.integers(1, 3 * NEIGHBOURS))
def test_a_start_lies_within_the_range_of_its_like(seed: int, peers: int) -> None:
    random = np.random.default_rng(seed)
    factors = random.normal(size=(peers, 3)).astype(np.float32)
    vectors = random.normal(size=(peers + 1, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [str(row) for row in range(peers + 1)]
    photos = photo_embeddings(
        names, lambda s: Embedding(model="n", vector=vectors[int(s)].tolist())
    )
    codes = np.zeros(peers + 1, dtype=np.int64)
    found = starts(factors, np.arange(peers), np.array([peers]), codes, photos)[0]
    assert (found >= factors.min(axis=0) - 1e-4).all()
    assert (found <= factors.max(axis=0) + 1e-4).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_from_nothing_the_fold_in_of_an_item_is_als_s_own_step(seed: int) -> None:
    random = np.random.default_rng(seed)
    shoppers = random.normal(size=(20, 4)).astype(np.float32)
    acted = random.choice(20, 5, replace=False)
    confidences = (1 + random.exponential(size=5)).astype(np.float32)
    preferences = random.choice([-1.0, 1.0], 5).astype(np.float32)
    histories = Histories(np.array([0, 5, 5]), acted, confidences, preferences)
    start = random.normal(size=(2, 4)).astype(np.float32)
    start[0] = 0
    moved, untouched = fold_in_items(start, shoppers, histories, 0.1)
    np.testing.assert_array_equal(untouched, start[1])
    step = fold_in_one(shoppers, 0.1, acted, confidences, preferences)
    np.testing.assert_allclose(moved, step, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_fold_in_of_an_item_is_the_minimum_that_it_claims(seed: int) -> None:
    random = np.random.default_rng(seed)
    shoppers = random.normal(size=(20, 4)).astype(np.float32)
    start = random.normal(size=(1, 4)).astype(np.float32)
    confidences = (1 + random.exponential(size=5)).astype(np.float32)
    histories = Histories(np.array([0, 5]), np.arange(5), confidences, np.ones(5, np.float32))
    moved = fold_in_items(start, shoppers, histories, 0.1)[0].astype(np.float64)
    step, (acted, others) = moved - start[0], np.split(shoppers.astype(np.float64), [5])
    errors = confidences * (acted @ moved - 1)
    gradient = acted.T @ errors + others.T @ (others @ step) + 0.1 * step
    np.testing.assert_allclose(gradient, 0, atol=1e-3)


def test_the_more_clicks_the_nearer_to_those_who_clicked() -> None:
    shoppers = np.repeat(np.eye(2, dtype=np.float32), 50, axis=0)
    start = np.array([[0.0, 0.5]], dtype=np.float32)
    likings = []
    for clicks in (1, 5, 20):
        ones = np.ones(clicks, dtype=np.float32)
        histories = Histories(np.array([0, clicks]), np.arange(clicks), 2 * ones, ones)
        moved = fold_in_items(start, shoppers, histories, 0.05)[0]
        assert moved[0] == pytest.approx(2 * clicks / (50 + clicks + 0.05), abs=1e-4)
        assert moved[1] == pytest.approx(0.5)
        likings.append(moved[0])
    assert likings == sorted(likings)
