"""The catalogue: records in any order, nothing that does not exist, cheap to follow."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import UserState
from stylecore.recommender.catalog import Catalogue
from stylecore.recommender.popularity import Popularity
from stylecore.recommender.rules import Rules
from stylecore.recommender.snapshot import arrange
from stylecore.recommender.state import apply, empty
from stylecore.recommender.style_policy import ChoiceRules, propensities

PRODUCTS, STYLES = range(80), ("original", "neon", "pastel", *(f"style-{n}" for n in range(9)))


def changes() -> st.SearchStrategy[list[tuple[str, int, str]]]:
    kinds = st.sampled_from(["product", "no product", "render", "no render"])
    return st.lists(st.tuples(kinds, st.sampled_from(PRODUCTS), st.sampled_from(STYLES[1:])))


def applied(
    records: list[tuple[str, int, str]],
) -> tuple[Catalogue, set[str], set[tuple[str, str]]]:
    """The catalogue after the records, and what must be in it: products and renders."""
    shop, sold, rendered = Catalogue(), set(), set()
    for kind, number, style in records:
        name = f"product-{number}"
        if kind == "product":
            shop.put_product(worlds.product(number))
            sold.add(name)
        elif kind == "no product":
            shop.remove_product(name)
            sold.discard(name)
        elif kind == "render":
            shop.put_render(worlds.render(name, style))
            rendered.add((name, style))
        else:
            shop.remove_render(name, style)
            rendered.discard((name, style))
    return shop, sold, rendered


def has_render(shop: Catalogue, product_id: str, style_id: str) -> bool:
    row, column = shop.row_of.get(product_id), shop.column_of.get(style_id)
    return row is not None and column is not None and bool(shop.available[row, column])


@given(changes())
def test_it_holds_what_the_records_say_in_any_order(records: list[tuple[str, int, str]]) -> None:
    shop, sold, rendered = applied(records)
    for number in PRODUCTS:
        name = f"product-{number}"
        assert shop.has_product(name) == (name in sold)
        for style in STYLES[1:]:
            assert has_render(shop, name, style) == ((name, style) in rendered)


@given(changes())
def test_what_is_available_has_an_address(records: list[tuple[str, int, str]]) -> None:
    shop, *_ = applied(records)
    for row, column in np.argwhere(shop.available).tolist():
        assert shop.images[row][column]


def test_the_photo_of_a_product_is_always_an_arm() -> None:
    shop = worlds.catalogue(3, styles=())
    assert shop.style_ids == ["original"]
    assert shop.available[shop.present].all()


@given(changes(), changes())
def test_a_snapshot_does_not_change_with_the_catalogue(
    before: list[tuple[str, int, str]], after: list[tuple[str, int, str]]
) -> None:
    shop, *_ = applied(before)
    priors = Popularity(shop, Rules(), worlds.NOW).priors(worlds.NOW)
    snapshot = arrange(shop, None, priors, ChoiceRules(), worlds.NOW)
    images, available = [dict(one) for one in snapshot.images], snapshot.available.copy()
    for kind, number, style in after:
        name = f"product-{number}"
        if kind == "render":
            shop.put_render(worlds.render(name, style))
        else:
            shop.remove_render(name, style)
    assert snapshot.images == images
    np.testing.assert_array_equal(snapshot.available, available)


def test_a_product_that_factors_do_not_know_stands_at_its_category_s_mean() -> None:
    shop = worlds.catalogue(13)
    factors = worlds.factors(12, 4, np.random.default_rng(0))
    features = arrange(shop, factors, factors.priors, ChoiceRules(), worlds.NOW).features
    peers = [row for row in range(12) if row % 6 == 12 % 6]
    np.testing.assert_allclose(features[12], features[peers].mean(axis=0), atol=1e-5)


def test_arranging_again_takes_over_what_is_aligned_until_products_change() -> None:
    shop = worlds.catalogue(12)
    factors = worlds.factors(12, 4, np.random.default_rng(0))
    first = arrange(shop, factors, factors.priors, ChoiceRules(), worlds.NOW)
    shop.put_render(worlds.render("product-1", "another"))
    second = arrange(shop, factors, factors.priors, ChoiceRules(), worlds.NOW, first)
    assert second.features is first.features
    assert second.ranked is first.ranked, "a picture changes no vector"
    shop.remove_render("product-1", "another")
    third = arrange(shop, factors, factors.priors, ChoiceRules(), worlds.NOW, second)
    assert third.ranked is first.ranked
    shop.put_product(worlds.product(12))
    assert (
        len(arrange(shop, factors, factors.priors, ChoiceRules(), worlds.NOW, second).features)
        == 13
    )


def test_popularity_counts_actions_decays_and_reads_states_alike() -> None:
    shop, rules = worlds.catalogue(4), Rules()
    counted = Popularity(shop, rules, worlds.NOW)
    restored = Popularity(shop, rules, worlds.NOW)
    state = worlds.shopper("ada", np.array([0, 1]), np.random.default_rng(0))
    restored.count_states([state], worlds.NOW)
    for seen in state.interactions:
        click = worlds.feedback(
            "ada", seen.product_id, seen.style_id, at=seen.updated_at, propensity=0.1
        )
        counted.count(click, worlds.NOW)
    counted.count(worlds.feedback("ada", "product-2", kind="impression"), worlds.NOW)
    counted.count(worlds.feedback("ada", "product-3", kind="dismiss"), worlds.NOW)
    ours, theirs = counted.priors(worlds.NOW), restored.priors(worlds.NOW)
    np.testing.assert_allclose(ours.product_weights, theirs.product_weights, rtol=1e-5)
    np.testing.assert_allclose(ours.category_style, theirs.category_style, rtol=1e-5)
    assert (ours.product_weights > 0).tolist() == [True, True, False, False]
    later = counted.priors(worlds.NOW + 200 * rules.half_life).product_weights
    assert (later < 1e-30).all()


@given(st.data())
def test_popularity_of_changes_is_that_of_the_states_they_lead_to(data: st.DataObject) -> None:
    shop, rules = worlds.catalogue(4), Rules(history=5)
    counted = Popularity(shop, rules, worlds.NOW)
    states: dict[str, UserState] = {}
    now = worlds.NOW
    for number in range(data.draw(st.integers(0, 30))):
        now += timedelta(days=data.draw(st.sampled_from([0, 1, 40])))
        event = worlds.feedback(
            data.draw(st.sampled_from(["ada", "bob"])),
            f"product-{data.draw(st.integers(0, 4))}",
            data.draw(st.sampled_from([None, *worlds.STYLES[:3]])),
            data.draw(st.sampled_from(["click", "cart", "purchase", "dismiss"])),
            now,
            event_id=f"event-{number}",
            propensity=0.1,
        )
        before = states.get(event.user_id)
        after = apply(before or empty(event.user_id), event, now, rules)
        counted.count_changes([(before, after)], now)
        states[event.user_id] = after
    restored = Popularity(shop, rules, now)
    restored.count_states(list(states.values()), now)
    ours, theirs = counted.priors(now), restored.priors(now)
    np.testing.assert_allclose(ours.product_weights, theirs.product_weights, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours.category_style, theirs.category_style, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shown", [(), ("pastel",), worlds.STYLES[2:]])
@pytest.mark.parametrize("honest", [0, 30])
def test_one_id_that_clicks_thousands_of_times_moves_no_propensity(
    shown: tuple[str, ...], honest: int
) -> None:
    shop, rules, random = worlds.catalogue(400, ("neon", *shown)), Rules(), np.random.default_rng(0)
    for style in worlds.STYLES:
        shop.put_render(worlds.render("elsewhere", style))
    counted = Popularity(shop, rules, worlds.NOW)
    counted.count_states(worlds.shoppers(honest, 400, random), worlds.NOW)

    def chances() -> np.ndarray:
        rules = ChoiceRules()
        shelf = arrange(shop, None, counted.priors(worlds.NOW), rules, worlds.NOW)
        priors = shelf.style_priors[shelf.category_codes[:400]][:, None]
        nobody = np.zeros((400, len(shelf.style_ids)))
        return propensities(nobody, priors, shelf.available[:400][:, None], rules)

    before = chances()
    state: UserState | None = None
    for number in range(3000):
        product = f"product-{number % 300}"
        click = worlds.feedback("bot", product, "neon", event_id=f"e{number}", propensity=0.01)
        old, state = state, apply(state or empty("bot"), click, worlds.NOW, rules)
        counted.count_changes([(old, state)], worlds.NOW)
    assert np.abs(chances() - before).max() <= 0.02
    weights = counted.priors(worlds.NOW).product_weights
    assert weights.max() <= weights[300:].max() + rules.kind_weights["purchase"] + 1


def test_a_shopper_counts_once_for_a_product_in_several_styles() -> None:
    shop, rules = worlds.catalogue(2), Rules()
    counted = Popularity(shop, rules, worlds.NOW)
    state = empty("ada")
    for style in worlds.STYLES:
        state = apply(state, worlds.feedback("ada", "product-0", style), worlds.NOW, rules)
    counted.count_states([state], worlds.NOW)
    assert counted.priors(worlds.NOW).product_weights[0] == rules.kind_weights["purchase"]
