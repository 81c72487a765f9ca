"""Recommendations: only what exists and may be shown, moved by the first click, told why."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from preference_oracles import product_weights, style_weights
from worlds import NOW, feedback

from schemas.codec import decode, encode
from schemas.events import RecommendedItem, Style, UserState
from stylecore.recommender.als import FitSettings, fit
from stylecore.recommender.catalog import Catalogue
from stylecore.recommender.interactions import by_product, gather
from stylecore.recommender.item_neighbours import Neighbours
from stylecore.recommender.popularity import Popularity
from stylecore.recommender.recommend import (
    EVERYONE,
    list_for_everyone,
    rank,
    recommend,
    recommendation_id,
)
from stylecore.recommender.rules import Rules
from stylecore.recommender.snapshot import NO_FACTORS, CatalogSnapshot, arrange
from stylecore.recommender.state import apply, empty
from stylecore.recommender.style_policy import ChoiceRules, by_style

RULES, CHOICE = Rules(), ChoiceRules()


def snapshot(
    shop: Catalogue, factors=None, clicks: dict[str, int] | None = None
) -> CatalogSnapshot:
    popularity = Popularity(shop, RULES, NOW)
    for product_id, times in (clicks or {}).items():
        for number in range(times):
            popularity.count(feedback(f"u{number}", product_id), NOW)
    priors = popularity.priors(NOW) if factors is None else factors.priors
    return arrange(shop, factors, priors, CHOICE, NOW)


def lists_of(states: list[UserState], shelf: CatalogSnapshot, items: int = 20, now=NOW):
    return recommend(states, shelf, now, RULES, CHOICE, items)


def clicked(*events) -> UserState:
    state = empty(events[0].user_id)
    for event in events:
        state = apply(state, event, event.occurred_at, RULES)
    return state


@dataclass(frozen=True)
class World:
    """A shop with gaps (removed products, missing renders) and its shoppers, by a seed."""

    seed: int
    products: int
    shoppers: int
    with_factors: bool

    def made(self, blend: float = 0.0) -> tuple[list[UserState], CatalogSnapshot]:
        random = np.random.default_rng(self.seed)
        shop = worlds.catalogue(self.products)
        gone = random.choice(self.products, size=self.products // 4, replace=False)
        for number in gone.tolist():
            shop.remove_product(f"product-{number}")
        for row, column in random.integers((self.products, 10), size=(self.products, 2)).tolist():
            shop.remove_render(f"product-{row}", shop.style_ids[column])
        shop.put_render(worlds.render("orphan", "neon"))
        states = worlds.shoppers(self.shoppers, self.products, random)
        for place, state in enumerate(states):
            kind = str(random.choice(["click", "purchase", "dismiss"]))
            name = f"product-{random.integers(self.products)}"
            states[place] = apply(state, feedback(state.user_id, name, "neon", kind), NOW, RULES)
        factors = None
        if self.with_factors:
            table = random.integers(self.products, size=(self.products + 3, 3))
            weights = random.random(table.shape).astype(np.float32)
            factors = replace(
                worlds.factors(self.products + 3, 4, random),
                neighbours=Neighbours(table, weights),
                blend=blend,
            )
        return [*states, empty("nobody")], snapshot(shop, factors)


WORLDS = st.builds(
    World,
    seed=st.integers(0, 2**32),
    products=st.integers(1, 40),
    shoppers=st.integers(0, 6),
    with_factors=st.booleans(),
)


@given(WORLDS, st.integers(1, 30))
def test_only_what_exists_is_on_sale_and_not_excluded_is_shown_once(
    world: World, items: int
) -> None:
    states, shelf = world.made()
    for state, found in zip(states, lists_of(states, shelf, items), strict=True):
        rows = [shelf.row_of[item.product_id] for item in found]
        assert len(set(rows)) == len(rows) <= items
        assert shelf.present[rows].all()
        excluded = {
            seen.product_id for seen in state.interactions if seen.dismissed_at or seen.purchased_at
        }
        assert not excluded & {item.product_id for item in found}
        open_products = int(shelf.present.sum()) - sum(
            shelf.present[shelf.row_of[name]] for name in excluded
        )
        assert len(found) == min(items, open_products)
        for row, item in zip(rows, found, strict=True):
            assert item.image_uri == shelf.images[row][shelf.column_of[item.style_id]]


@given(WORLDS)
def test_every_item_is_valid_for_its_reader(world: World) -> None:
    states, shelf = world.made()
    for found in lists_of(states, shelf):
        for item in found:
            assert decode(RecommendedItem, encode(item)) == item
            assert item.propensity >= CHOICE.exploration / len(shelf.style_ids)


@given(WORLDS, st.data())
def test_each_shopper_of_a_batch_has_a_time_of_its_own(world: World, data: st.DataObject) -> None:
    states, shelf = world.made()
    days = st.lists(st.integers(-20, 400), min_size=len(states), max_size=len(states))
    times = [NOW + timedelta(days=day) for day in data.draw(days)]
    together = rank(states, shelf, times, RULES, CHOICE)
    for place, (state, now) in enumerate(zip(states, times, strict=True)):
        alone = rank([state], shelf, now, RULES, CHOICE)
        assert together.rows[place].tolist() == alone.rows[0].tolist()
        assert together.columns[place].tolist() == alone.columns[0].tolist()
        np.testing.assert_allclose(together.scores[place], alone.scores[0], atol=1e-5)
        np.testing.assert_allclose(together.affinities[place], alone.affinities[0], atol=1e-9)


@given(WORLDS)
def test_a_list_does_not_depend_on_who_else_is_in_the_batch(
    world: World,
) -> None:
    states, shelf = world.made()
    together = lists_of(states, shelf)
    for state, found in zip(states, together, strict=True):
        (alone,) = lists_of([state], shelf)
        assert [item.product_id for item in alone] == [item.product_id for item in found]
        assert [item.style_id for item in alone] == [item.style_id for item in found]
        np.testing.assert_allclose(
            [item.score for item in alone], [item.score for item in found], atol=1e-5
        )


@pytest.mark.parametrize("fitted", [True, False])
def test_memory_is_bounded_for_any_batch_and_its_pieces_are_in_order(
    fitted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    shop = worlds.catalogue(2_000, styles=(), categories=100)
    shelf = snapshot(shop, worlds.factors(300, 64, random) if fitted else None)
    made = [worlds.shopper("user", random.choice(2_000, 100), random) for _ in range(5)]
    states = [
        structs.replace(made[number % 5], user_id=f"user-{number}") for number in range(1_500)
    ]
    monkeypatch.setattr("stylecore.recommender.recommend.PIECE_BYTES", 2**23)
    tracemalloc.start()
    try:
        together = rank(states, shelf, NOW, RULES, CHOICE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50e6, "without pieces it takes 300 MB and more"
    for place in (0, 700, 1_499):
        alone = rank([states[place]], shelf, NOW, RULES, CHOICE)
        assert together.rows[place].tolist() == alone.rows[0].tolist()
        assert together.columns[place].tolist() == alone.columns[0].tolist()


def test_the_arrays_of_a_batch_say_what_the_state_says() -> None:
    shop, random = worlds.catalogue(30), np.random.default_rng(0)
    states = worlds.shoppers(20, 30, random)
    states[3] = apply(states[3], feedback("user-3", "product-1", "neon", "dismiss"), NOW, RULES)
    seen = gather(states, NOW, RULES, shop.row_of, shop.column_of)
    done, styles = by_product(seen, 30), by_style(states, NOW, RULES, shop.column_of)
    for user, state in enumerate(states):
        own = slice(*done.starts[user : user + 2])
        ids, confidences, preferences = product_weights(state, NOW, RULES)
        found = dict(zip(ids, zip(confidences, preferences, strict=True), strict=True))
        assert {shop.product_ids[row] for row in done.product[own]} == set(ids)
        for row, weight, dismissed in zip(
            done.product[own], done.weight[own], done.dismissed[own], strict=True
        ):
            confidence, preference = found[shop.product_ids[row]]
            assert preference == (-1 if dismissed else 1)
            assert dismissed or 1 + weight == pytest.approx(confidence)
        evidence = style_weights(state, NOW, RULES)
        for style, column in shop.column_of.items():
            assert styles[user, column] == pytest.approx(evidence.get(style, 0.0))


def test_without_factors_the_popular_come_first_and_some_places_are_drawn() -> None:
    shop = worlds.catalogue(60)
    shelf = snapshot(shop, clicks={"product-7": 9, "product-5": 5})
    (found,) = lists_of([empty("new")], shelf)
    assert [item.product_id for item in found[:2]] == ["product-7", "product-5"]
    assert found[0].reason.text == "popular now"
    assert shelf.version == NO_FACTORS
    drawn = {
        item.product_id
        for items in lists_of([empty(f"u{n}") for n in range(300)], shelf)
        for item in items[18:]
    }
    assert len(drawn) > 35


def test_the_first_click_brings_products_of_its_category_and_says_so() -> None:
    shelf = snapshot(worlds.catalogue(60), clicks={"product-1": 50})
    ada = clicked(feedback("ada", "product-8", "ukiyo-e", propensity=0.1))
    (found,) = lists_of([ada], shelf)
    assert all(int(item.product_id.split("-")[1]) % 6 == 2 for item in found[:9])
    assert found[0].reason.text == "because you looked at Product 8 in ukiyo-e"
    assert found[0].reason.because == ["product-8"]


def test_what_was_bought_is_named_and_not_offered() -> None:
    shelf = snapshot(worlds.catalogue(60))
    ada = clicked(feedback("ada", "product-8", "original", "purchase"))
    (found,) = lists_of([ada], shelf)
    assert found[0].reason.text == "because you bought Product 8"
    assert "product-8" not in {item.product_id for item in found}
    (later,) = lists_of([ada], shelf, now=NOW + RULES.cool_down)
    assert "product-8" in {item.product_id for item in later}


def test_a_click_makes_its_style_likelier_at_once() -> None:
    shelf = snapshot(worlds.catalogue(60))
    states = [clicked(feedback(f"u{n}", "product-8", "neon", propensity=0.1)) for n in range(200)]
    before = lists_of([empty(state.user_id) for state in states], shelf)
    after = lists_of(states, shelf)
    neon = [
        np.mean([i.style_id == "neon" for one in lists for i in one]) for lists in (before, after)
    ]
    assert neon[1] > 2 * neon[0]


def test_with_factors_the_order_is_that_of_the_scores() -> None:
    random = np.random.default_rng(0)
    factors = worlds.factors(60, 8, random)
    shelf = snapshot(worlds.catalogue(60), factors)
    for found in lists_of(worlds.shoppers(10, 60, random), shelf):
        scores = [item.score for item in found[:18]]
        assert scores == sorted(scores, reverse=True)


def test_the_list_for_everyone_is_the_list_of_one_whom_nobody_knows() -> None:
    shelf = snapshot(worlds.catalogue(30), clicks={"product-3": 2})
    found = list_for_everyone(shelf, NOW, RULES, CHOICE)
    assert found == lists_of([empty(EVERYONE)], shelf)[0]
    assert found[0].product_id == "product-3"


def test_an_empty_shop_gives_empty_lists() -> None:
    shelf = snapshot(Catalogue())
    assert lists_of([empty("ada")], shelf) == [[]]
    shop = Catalogue()
    shop.put_render(worlds.render("orphan", "neon"))
    assert lists_of([empty("ada")], snapshot(shop)) == [[]]


def test_a_recommendation_s_id_is_its_cause_s_and_the_version_s() -> None:
    ids = {recommendation_id("ada", 1, offset, version) for offset in (5, 6) for version in "ab"}
    assert len(ids) == 4
    assert recommendation_id("ada", 1, 5, "a") in ids


def test_a_fit_is_repeatable_starts_from_its_parent_and_joins_new_products() -> None:
    random = np.random.default_rng(0)
    shop = worlds.catalogue(40)
    states = worlds.shoppers(80, 40, random)
    settings = FitSettings(width=8)
    first = fit(states, shop, None, settings, RULES, NOW)
    again = fit(states, shop, None, settings, RULES, NOW)
    assert first is not None
    assert again is not None
    assert again.version == first.version
    shop.put_product(worlds.product(40))
    more = [apply(state, feedback(state.user_id, "product-40"), NOW, RULES) for state in states[:9]]
    second = fit([*more, *states[9:]], shop, first, settings, RULES, NOW + timedelta(minutes=1))
    assert second is not None
    assert second.parent == first.version
    assert "product-40" in second.product_ids


def test_a_fit_survives_few_shoppers_and_needs_two() -> None:
    shop = worlds.catalogue(48)
    states = worlds.shoppers(60, 48, np.random.default_rng(0))
    few = fit(states, shop, None, FitSettings(), RULES, NOW)
    assert few is not None
    assert few.product_factors.shape[1] <= 6
    assert fit(states[:1], shop, None, FitSettings(), RULES, NOW) is None
    assert fit([], shop, few, FitSettings(), RULES, NOW) is None


def test_a_reason_tells_the_share_of_the_score_that_its_product_carried() -> None:
    shelf = snapshot(worlds.catalogue(60))
    once = clicked(feedback("ada", "product-8", "ukiyo-e"))
    (alone,) = lists_of([once], shelf)
    assert (alone[0].reason.share, alone[0].reason.style_id) == (1.0, "ukiyo-e")
    both = clicked(
        feedback("ada", "product-8", "ukiyo-e"), feedback("ada", "product-14", "neon", "cart")
    )
    (found,) = lists_of([both], shelf)
    assert found[0].reason.because == ["product-14"]
    assert found[0].reason.text == "because you put in the cart Product 14 in neon"
    # Of one category, with the weights 3 and 1: 4 / 5 with the cart, 1 / 2 without it.
    assert found[0].reason.share == 0.4
    assert {item.reason.share for item in found if item.reason.kind != "history"} == {None}


@given(WORLDS, st.sampled_from([0.0, 0.3, 2.0]))
def test_without_the_reason_s_product_the_score_falls(world: World, blend: float) -> None:
    """By a tenth of the score; never a dismissed product, and none more than three times."""
    states, shelf = world.made(blend)
    choice = ChoiceRules(exploration=0.01)  # of twenty places none is drawn at random
    for state, found in zip(states, recommend(states, shelf, NOW, RULES, choice), strict=True):
        named = Counter(name for item in found for name in item.reason.because)
        assert max(named.values(), default=0) <= 3
        dismissed = {seen.product_id for seen in state.interactions if seen.dismissed_at}
        assert not named.keys() & dismissed
        assert not any(item.product_id in item.reason.because for item in found)
        for name in named:
            kept = tuple(seen for seen in state.interactions if seen.product_id != name)
            without = structs.replace(state, interactions=kept)
            (other,) = recommend([without], shelf, NOW, RULES, choice, len(shelf.product_ids))
            scores = {item.product_id: item.score for item in other}
            for item in found:
                if name in item.reason.because and item.product_id in scores:
                    assert scores[item.product_id] <= 0.9 * item.score + 1e-4
                    assert item.reason.kind == "history"


def test_of_near_equals_the_reason_is_of_the_same_category() -> None:
    shelf = snapshot(worlds.catalogue(60))
    ada = clicked(*(feedback("ada", f"product-{n}", at=NOW + n * worlds.MINUTE) for n in range(4)))
    (found,) = lists_of([ada], shelf, now=NOW + worlds.MINUTE * 5)
    for item in found:
        for name in item.reason.because:
            assert int(name.split("-")[1]) % 6 == int(item.product_id.split("-")[1]) % 6


def test_a_reason_names_styles_by_their_label() -> None:
    shop = worlds.catalogue(60)
    shop.put_style(Style(style_id="neon", label="Neon Nights", weights={"neon": 1.0}))
    ada = clicked(feedback("ada", "product-8", "neon", propensity=0.1))
    (found,) = lists_of([ada], snapshot(shop))
    assert found[0].reason.text == "because you looked at Product 8 in Neon Nights"


def test_a_fit_puts_together_what_the_same_people_like() -> None:
    shop = worlds.catalogue(24, categories=24)
    random = np.random.default_rng(0)
    states = [
        worlds.shopper(f"u{n}", random.choice(np.arange(n % 2, 24, 2), 5, replace=False), random)
        for n in range(60)
    ]
    factors = fit(states, shop, None, FitSettings(width=3), RULES, NOW)
    (found,) = lists_of([clicked(feedback("ada", "product-3"))], snapshot(shop, factors), 8)
    assert all(int(item.product_id.split("-")[1]) % 2 == 1 for item in found[:6])
    assert found[0].reason.kind == "history"
