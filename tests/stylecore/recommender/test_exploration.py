"""Some places of a list are drawn, half of them among the new while there are any."""

from __future__ import annotations

import numpy as np
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st
from worlds import NOW

from stylecore.recommender.exploration import explore
from stylecore.recommender.recommend import items_of, rank
from stylecore.recommender.rules import Rules
from stylecore.recommender.snapshot import arrange
from stylecore.recommender.state import empty
from stylecore.recommender.style_policy import ChoiceRules, propensities, shopper_keys
from stylecore.recommender.top_k import NONE

NOBODY = np.zeros(0, dtype=np.int64)
PRODUCTS, ITEMS = 200, 20


def drawn(places: int, new_products: np.ndarray, shoppers: int = 400, items: int = ITEMS):
    """Lists of the first products with their last places redrawn, and which places those are."""
    rows = np.tile(np.arange(items), (shoppers, 1))
    keys = shopper_keys([f"u{n}" for n in range(shoppers)], NOW, "v")
    present = np.ones(PRODUCTS, dtype=np.bool_)
    return explore(rows, places, keys, present, new_products, NOBODY)


@pytest.mark.parametrize(("places", "new"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_half_of_the_drawn_places_rounded_up_are_new_products(places: int, new: int) -> None:
    new_products = np.arange(150, 160)
    rows, explored = drawn(places, new_products)
    assert (explored.sum(axis=1) == places).all()
    found = np.isin(rows[:, -places:], new_products)
    assert (found.sum(axis=1) >= new).all()
    assert found.mean() == pytest.approx(new / places, abs=0.06)


def test_every_new_product_has_the_same_chance_and_so_has_every_other() -> None:
    new_products = np.arange(150, 160)
    rows, _ = drawn(2, new_products, shoppers=20_000)
    counts = np.bincount(rows[:, -2:].ravel(), minlength=PRODUCTS)
    assert counts[new_products].min() > 0.85 * counts[new_products].max()
    others = np.delete(counts, new_products)[ITEMS:]
    np.testing.assert_allclose(others, others.mean(), atol=5 * np.sqrt(others.mean()))
    assert others.mean() == pytest.approx(20_000 / (PRODUCTS - ITEMS), rel=0.05)


def test_without_new_products_the_draw_is_that_from_all() -> None:
    rows, explored = drawn(2, NOBODY, shoppers=2000)
    assert explored.sum() == 2 * 2000
    assert len(np.unique(rows[:, -2:])) > 170


def test_new_products_that_are_in_the_list_already_leave_their_place_to_others() -> None:
    rows, explored = drawn(2, np.arange(3))
    assert explored[:, -2:].all()
    assert (rows[:, -2:] >= ITEMS).all()


@given(
    st.integers(0, 2**32),
    st.integers(1, 30),
    st.integers(1, 10),
    st.integers(0, 10),
    st.floats(0, 1),
)
def test_no_list_has_a_product_twice_or_one_that_is_masked(
    seed: int, products: int, items: int, places: int, share: float
) -> None:
    random = np.random.default_rng(seed)
    present = random.random(products) < 0.7
    new_products = np.flatnonzero(present & (random.random(products) < share))
    sold = np.flatnonzero(present)
    rows = np.full((5, items), NONE)
    for shopper in rows:
        best = random.permutation(sold)[:items]
        shopper[: len(best)] = best
    keys = shopper_keys([f"u{n}" for n in range(5)], NOW, str(seed))
    user, product = np.nonzero((random.random((5, products)) < 0.2) & present)
    free = ~(rows[user] == product[:, None]).any(axis=1)
    excluded = user[free] * products + product[free]
    found, explored = explore(rows, places, keys, present, new_products, excluded)
    assert ((found == NONE) == (rows == NONE)).all()
    for number, shown in enumerate(found):
        filled = shown[shown != NONE]
        assert len(set(filled.tolist())) == len(filled)
        assert present[filled].all()
        assert not np.isin(number * products + filled, excluded).any()
    assert explored.sum(axis=1).max() <= min(places, items)
    assert (found[~explored] == rows[~explored]).all()


def test_a_new_product_has_its_category_s_shares_of_styles_and_half_of_the_drawn_places() -> None:
    shop, factors = worlds.catalogue(36), worlds.factors(36, 4, np.random.default_rng(0))
    shop.put_product(worlds.product(37))
    for style in worlds.STYLES:
        shop.put_render(worlds.render("product-37", style))
    rules, states = ChoiceRules(), [empty(f"u{n}") for n in range(200)]
    shelf = arrange(shop, factors, factors.priors, rules, NOW)
    row = shelf.row_of["product-37"]
    assert shelf.new_products.tolist() == [row]
    lists = rank(states, shelf, NOW, Rules(), rules)
    is_new = lists.rows == row
    assert is_new.sum(axis=1).tolist() == [1] * len(states)
    peer = shelf.row_of["product-1"]
    shares = propensities(
        lists.affinities[:1],
        shelf.style_priors[shelf.category_codes[[[peer]]]],
        shelf.available[[[peer]]],
        rules,
    )
    np.testing.assert_allclose(lists.propensities[is_new], shares[0, 0, lists.columns[is_new]])
    told = [item for found in items_of(shelf, lists) for item in found]
    assert {item.reason.kind for item in told if item.product_id == "product-37"} == {"new"}
