"""Ranking: the k best that may be shown, the same ones for the same scores, never a masked one."""

from __future__ import annotations

import tracemalloc
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stylecore.recommender import top_k as module
from stylecore.recommender.top_k import BLOCK_USERS, NONE, Additions, Ranking, products_of

Case = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
NOBODY = np.zeros(0, dtype=np.int64)


def top_k(
    users: np.ndarray,
    products: np.ndarray,
    k: int,
    masked_users: np.ndarray,
    masked_products: np.ndarray,
    absent: np.ndarray | None = None,
    additions: Additions | None = None,
) -> Ranking:
    """Prepare the products for this one ranking."""
    prepared = products_of(products, absent)
    return module.top_k(users, prepared, k, masked_users, masked_products, additions)


@st.composite
def cases(draw: st.DrawFn, *, floats: bool = False) -> Case:
    """Users, products, masked pairs and absent products; small integers make many ties."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    users, products = draw(st.integers(0, 40)), draw(st.integers(1, 400))
    width, spread = draw(st.integers(1, 70)), draw(st.sampled_from([1, 3, 1000]))
    masked = draw(st.integers(0, 300)) if users else 0

    def vectors(rows: int) -> np.ndarray:
        if floats:
            scales = np.exp(random.normal(size=(rows, 1)) * draw(st.sampled_from([0, 1, 5])))
            return (random.normal(size=(rows, width)) * scales).astype(np.float32)
        few = np.where(np.arange(width) < 4, spread, 0)
        return random.integers(-few, few + 1, size=(rows, width)).astype(np.float32)

    return (
        vectors(users),
        vectors(products),
        random.integers(users or 1, size=masked),
        random.integers(products, size=masked),
        random.random(products) < draw(st.sampled_from([0.0, 0.1, 1.0])),
    )


def one_by_one(case: Case, k: int) -> list[list[tuple[float, int]]]:
    """The readable way: sort all that may be shown."""
    users, products, masked_users, masked_products, absent = case
    lists = []
    for number, vector in enumerate(users):
        hidden = set(masked_products[masked_users == number].tolist())
        shown = [
            (-float(vector.astype(np.float64) @ product), row)
            for row, product in enumerate(products)
            if row not in hidden and not absent[row]
        ]
        lists.append([(-score, row) for score, row in sorted(shown)[:k]])
    return lists


def as_lists(ranking: Ranking) -> list[list[tuple[float, int]]]:
    return [
        [(score, row) for score, row in zip(scores, rows, strict=True) if row != NONE]
        for scores, rows in zip(ranking.scores.tolist(), ranking.rows.tolist(), strict=True)
    ]


def answers(case: Case, k: int) -> list[Ranking]:
    """By one block of products, and by many small ones."""
    users, products, *masks = case
    small = {"BLOCK_USERS": 7, "BLOCK_CELLS": 7 * 33}
    with mock.patch.multiple(module, **small):
        parts = top_k(users, products, k, *masks)
    return [top_k(users, products, k, *masks), parts]


@given(cases(), st.integers(0, 30))
def test_it_is_a_full_sort_with_ties_to_the_lower_row(case: Case, k: int) -> None:
    for ranking in answers(case, k):
        assert as_lists(ranking) == one_by_one(case, k)


@given(cases(floats=True), st.integers(1, 30))
def test_no_better_product_is_missed_by_more_than_the_rounding(case: Case, k: int) -> None:
    users, products = case[:2]
    whole, parts = answers(case, k)
    assert (whole.rows == parts.rows).all()
    assert (whole.scores == parts.scores).all()
    lengths = np.linalg.norm(users, axis=1) * np.linalg.norm(products, axis=1).max()
    for found, wanted, length in zip(as_lists(whole), one_by_one(case, k), lengths, strict=True):
        scores, best = [score for score, _ in found], [score for score, _ in wanted]
        np.testing.assert_allclose(scores, best, rtol=0, atol=1e-5 * length)


@given(cases(), st.integers(1, 30))
def test_places_without_a_product_stand_at_the_end(case: Case, k: int) -> None:
    for ranking in answers(case, k):
        assert ranking.rows.shape == (len(case[0]), min(k, len(case[1])))
        assert np.isneginf(ranking.scores[ranking.rows == NONE]).all()
        assert not (np.diff((ranking.rows == NONE).astype(int), axis=1) < 0).any()


@given(cases(floats=True), st.integers(1, 30))
def test_a_shopper_gets_the_same_list_and_scores_alone_as_in_a_batch(case: Case, k: int) -> None:
    users, products, masked_users, masked_products, absent = case
    together = top_k(users, products, k, masked_users, masked_products, absent)
    for number, vector in enumerate(users[:5]):
        own = masked_products[masked_users == number]
        alone = top_k(vector[None], products, k, 0 * own, own, absent)
        assert alone.rows[0].tolist() == together.rows[number].tolist()
        assert alone.scores[0].tolist() == together.scores[number].tolist()


def test_more_shoppers_than_a_block_get_their_own_lists() -> None:
    random = np.random.default_rng(0)
    users = random.integers(-9, 10, size=(2 * BLOCK_USERS + 3, 3)).astype(np.float32)
    products = random.integers(-9, 10, size=(1001, 3)).astype(np.float32)
    masked_users = random.integers(len(users), size=10_000)
    masked_products = random.integers(len(products), size=10_000)
    case = (users, products, masked_users, masked_products, random.random(1001) < 0.01)
    for ranking in answers(case, 20):
        assert as_lists(ranking) == one_by_one(case, 20)


def test_equal_vectors_have_equal_scores_wherever_they_stand() -> None:
    random = np.random.default_rng(1)
    users = random.normal(size=(40, 64)).astype(np.float32)
    products = np.tile(random.normal(size=(50, 64)), (100, 1)).astype(np.float32)
    for ranking in answers((users, products, NOBODY, NOBODY, np.zeros(5000, dtype=bool)), 200):
        blocks = ranking.rows.reshape(40, 2, 100)
        assert (blocks == blocks[:, :, :1] % 50 + np.arange(100) * 50).all()


@given(st.integers(0, 2**32), st.sampled_from([1, 3, 30]), st.integers(1, 12), st.booleans())
def test_of_equal_products_masked_and_raised_ones_are_told_apart(
    seed: int, vectors: int, k: int, many: bool
) -> None:
    random = np.random.default_rng(seed)
    users, products = 9, 300
    few = random.integers(-3, 4, size=(vectors, 4)).astype(np.float32)
    shown = few[random.integers(vectors, size=products)]
    taste = random.integers(-3, 4, size=(users, 4)).astype(np.float32)
    masked = random.integers(users, size=60), random.integers(40 if many else products, size=60)
    raised = np.sort(random.integers(users, size=50))
    additions = Additions(
        raised, random.integers(products, size=50), random.integers(0, 3, size=50).astype("f4")
    )
    absent = random.random(products) < 0.2
    found = top_k(taste, shown, k, *masked, absent, additions)
    scores = (taste @ shown.T).astype(np.float64)
    np.add.at(scores, (raised, additions.products), additions.weights)
    scores[:, absent] = -np.inf
    scores[masked] = -np.inf
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    wanted = np.take_along_axis(scores, best, axis=1)
    assert found.scores.tolist() == wanted.tolist()
    assert found.rows.tolist() == np.where(np.isneginf(wanted), NONE, best).tolist()


def test_products_are_prepared_in_the_order_of_those_equal_before_them() -> None:
    vectors = np.array([[1, 2], [3, 4], [1, 2], [0, 0], [1, 2], [3, 4]], dtype=np.float32)
    products = products_of(vectors, np.array([False, False, False, True, False, False]))
    assert products.rows.tolist() == [0, 1, 2, 5, 4]
    assert products.equal_before.tolist() == [0, 0, 1, 1, 2]
    assert products.place_of.tolist() == [0, 1, 2, 5, 4, 3]
    assert products.of(np.array([5, 0])).tolist() == [[3, 4], [1, 2]]


@pytest.mark.parametrize("products", [0, 1])
def test_a_shop_without_products_on_sale_has_empty_places(products: int) -> None:
    ranking = top_k(
        np.ones((2, 3)), np.ones((products, 3)), 5, NOBODY, NOBODY, np.ones(products, dtype=bool)
    )
    assert (ranking.rows == NONE).all()
    assert ranking.rows.shape == (2, products)


@st.composite
def imports(draw: st.DrawFn) -> Case:
    """A catalogue just imported: many products at few vectors, or scores that are all the same."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    users, products, vectors = 800, 6000, draw(st.sampled_from([1, 6, 40]))
    few = random.integers(-3, 4, size=(vectors, 8))
    shown = few[random.integers(vectors, size=products)].astype(np.float32)
    if draw(st.booleans()):
        shown[:, 0] = random.integers(0, 1000, size=products)  # no two are the same then
    taste = random.integers(-3, 4, size=(users, 8)).astype(np.float32)
    taste[:, 0] = 0
    heavy = draw(st.sampled_from([1, 200]))  # one user may have bought many
    masked_users = np.concatenate([np.arange(users), np.zeros(heavy, dtype=np.int64)])
    masked_products = random.integers(60, size=len(masked_users)) * draw(st.sampled_from([1, 100]))
    return taste, shown, masked_users, masked_products, random.random(products) < 0.1


@settings(max_examples=10)
@given(imports(), st.sampled_from([1, 20]))
def test_ties_cost_no_memory_and_go_to_the_lower_row(case: Case, k: int) -> None:
    users, products, masked_users, masked_products, absent = case
    tracemalloc.start()
    try:
        ranking = top_k(users, products, k, masked_users, masked_products, absent)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100e6, "all pairs take 800 * 6000 * 28 bytes and more"
    some = np.array([0, 1, 799])
    own = np.isin(masked_users, some)
    picked = np.searchsorted(some, masked_users[own])
    part = (users[some], products, picked, masked_products[own], absent)
    assert as_lists(ranking)[0::799] == one_by_one(part, k)[0::2]


def test_memory_is_bounded_for_many_products_with_one_score() -> None:
    users = np.ones((128, 2), dtype=np.float32)
    products = np.ones((200_000, 2), dtype=np.float32)
    tracemalloc.start()
    try:
        ranking = top_k(users, products, 20, NOBODY, NOBODY)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100e6, "all scores take 128 * 200,000 * 4 bytes"
    assert (ranking.rows == np.arange(20)).all()


def test_a_shopper_without_a_taste_gets_the_first_products() -> None:
    users = np.zeros((3, 8), dtype=np.float32)
    products = np.random.default_rng(2).normal(size=(600, 8)).astype(np.float32)
    hidden = np.arange(0, 30, 2)
    ranking = top_k(users, products, 4, np.full(15, 1), hidden)
    assert ranking.rows.tolist() == [[0, 1, 2, 3], [1, 3, 5, 7], [0, 1, 2, 3]]
    assert (ranking.scores == 0).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused_with_its_row(bad: float) -> None:
    good, vectors = np.ones((9, 2), dtype=np.float32), np.ones((9, 2), dtype=np.float32)
    vectors[7, 1] = bad
    with pytest.raises(ValueError, match="user 7 holds"):
        top_k(vectors, good, 3, NOBODY, NOBODY)
    with pytest.raises(ValueError, match="product 7 holds"):
        top_k(good, vectors, 3, NOBODY, NOBODY)


@pytest.mark.parametrize(("user", "product"), [(3, 0), (-1, 0), (0, 5), (0, -1)])
def test_masks_outside_of_the_tables_are_refused(user: int, product: int) -> None:
    users, products = np.ones((3, 2), dtype=np.float32), np.ones((5, 2), dtype=np.float32)
    with pytest.raises(ValueError, match="a mask names"):
        top_k(users, products, 3, np.array([user]), np.array([product]))
    with pytest.raises(ValueError, match="as many users as products"):
        top_k(users, products, 3, np.array([0, 1]), np.array([2]))


def test_vectors_of_another_width_are_refused() -> None:
    users, products = np.ones((3, 2), dtype=np.float32), np.ones((5, 4), dtype=np.float32)
    with pytest.raises(ValueError, match="2 factors, the products 4"):
        top_k(users, products, 3, NOBODY, NOBODY)
