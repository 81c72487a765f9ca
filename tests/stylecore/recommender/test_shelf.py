"""A calm shelf: few places change at once, none under the hand; and a various one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest
import worlds
from hypothesis import assume, given
from hypothesis import strategies as st
from worlds import NOW, feedback

from schemas.events import UserState
from stylecore.errors import SettingsError
from stylecore.recommender.catalog import Catalogue
from stylecore.recommender.popularity import Popularity
from stylecore.recommender.recommend import RecommendationBatch, rank, shelves_of
from stylecore.recommender.rules import Rules
from stylecore.recommender.shelf import (
    ASKED_LOG_ODDS,
    ASKED_PRODUCTS,
    ENTRY,
    FEW,
    MOST_ALIKE,
    NEWEST_ASKED,
    Before,
    earlier_alike,
)
from stylecore.recommender.snapshot import CatalogSnapshot, arrange
from stylecore.recommender.state import apply, empty
from stylecore.recommender.style_policy import ChoiceRules
from stylecore.recommender.top_k import NONE

RULES, CHOICE = Rules(), ChoiceRules()
LATER = NOW + timedelta(minutes=1)
Place = tuple[str, str]


@dataclass(frozen=True)
class Shop:
    """A shop of some categories and styles, and one shopper with a past, by a seed."""

    seed: int
    products: int
    categories: int
    styles: int
    with_factors: bool
    past: int

    def made(self) -> tuple[Catalogue, UserState, np.random.Generator]:
        random = np.random.default_rng(self.seed)
        shop = worlds.catalogue(self.products, worlds.STYLES[: self.styles], self.categories)
        state = empty("ada")
        for number in range(self.past):
            kind = str(random.choice(["click", "click", "cart", "dismiss"]))
            name = f"product-{random.integers(self.products)}"
            style = str(random.choice(shop.style_ids))
            at = NOW - timedelta(minutes=self.past - number)
            event = feedback("ada", name, style, kind, at, propensity=0.1)
            state = apply(state, event, at, RULES)
        return shop, state, random

    def snapshot(self, shop: Catalogue) -> CatalogSnapshot:
        if not self.with_factors:
            popularity = Popularity(shop, RULES, NOW)
            for number in range(self.products // 2):
                popularity.count(feedback(f"u{number}", f"product-{number}"), NOW)
            return arrange(shop, None, popularity.priors(NOW), CHOICE, NOW)
        factors = worlds.factors(self.products, 4, np.random.default_rng(self.seed))
        return arrange(shop, factors, factors.priors, CHOICE, NOW)


SHOPS = st.builds(
    Shop,
    seed=st.integers(0, 2**32),
    products=st.integers(1, 60),
    categories=st.integers(1, 8),
    styles=st.integers(0, 9),
    with_factors=st.booleans(),
    past=st.integers(0, 12),
)


def places(shelf: CatalogSnapshot, batch: RecommendationBatch) -> list[Place]:
    """The list of the first shopper."""
    return [
        (shelf.product_ids[row], shelf.style_ids[column])
        for row, column in zip(batch.rows[0].tolist(), batch.columns[0].tolist(), strict=True)
        if row != NONE
    ]


def ranked(shelf, state, before=None, now=LATER, rules=RULES, items=20) -> RecommendationBatch:
    given = None if before is None else [before]
    return rank([state], shelf, now, rules, CHOICE, items, given)


@given(
    SHOPS,
    st.integers(1, 30),
    st.integers(0, 40),
    st.sampled_from(["click", "cart", "purchase", "dismiss"]),
    st.booleans(),
    st.integers(0, 5),
    st.integers(0, 8),
)
def test_an_action_changes_few_places_and_none_under_the_hand(
    made: Shop, items: int, place: int, kind: str, says_where: bool, gone: int, changes: int
) -> None:
    shop, state, random = made.made()
    rules = replace(RULES, changes=changes)
    shelf = made.snapshot(shop)
    first = ranked(shelf, state, now=NOW, items=items)
    old = places(shelf, first)
    assume(old)
    place = min(place, len(old) - 1)
    (kept,) = shelves_of(shelf, first)
    event = feedback("ada", *old[place], kind, LATER, propensity=0.1)  # type: ignore[misc]
    state = apply(state, event, LATER, rules)
    for name in random.choice(shop.product_ids, size=min(gone, made.products - 1), replace=False):
        shop.remove_product(str(name))
    for name, style in old[:gone]:
        shop.remove_render(name, style)
    shelf = made.snapshot(shop)
    before = Before(kept, old[place][0], place if says_where else None)
    batch = ranked(shelf, state, before, rules=rules, items=items)
    new = places(shelf, batch)

    excluded = {
        seen.product_id for seen in state.interactions if seen.dismissed_at or seen.purchased_at
    }
    assert len({name for name, _ in new}) == len(new)
    assert not excluded & {name for name, _ in new}
    for name, style in new:
        assert shelf.present[shelf.row_of[name]]
        assert shelf.available[shelf.row_of[name], shelf.column_of[style]]
    open_products = {
        name for name in shop.product_ids if shelf.present[shelf.row_of[name]]
    } - excluded
    assert len(new) == min(batch.rows.shape[1], len(open_products))
    if len(new) < len(old):
        return  # there is less to show than places: what is left moves up
    stays = [
        name in open_products and bool(shelf.available[shelf.row_of[name], shelf.column_of[style]])
        for name, style in old
    ]
    changed = [one != other for one, other in zip(old, new, strict=False)]
    must = stays.count(False)
    optional = sum(moved for moved, may_stay in zip(changed, stays, strict=True) if may_stay)
    assert optional <= max(changes - must, 0)
    for beside in range(max(place - 1, 0), min(place + 2, len(old))):
        assert not (stays[beside] and changed[beside])
    for number, moved in enumerate(changed):
        if not moved:
            assert batch.propensities[0, number] == pytest.approx(first.propensities[0, number])
    assert ((batch.propensities > 0) | (batch.rows == NONE)).all()


@given(SHOPS, st.integers(1, 30), st.integers(0, 8))
def test_what_is_left_of_a_change_follows_and_then_all_is_settled(
    made: Shop, items: int, changes: int
) -> None:
    shop, state, _ = made.made()
    shelf, rules = made.snapshot(shop), replace(RULES, changes=changes)
    kept = shelves_of(shelf, ranked(shelf, empty("ada"), now=NOW, items=items))[0]
    whole = ranked(shelf, state, rules=rules, items=items)
    calm = ranked(shelf, state, Before(kept), rules=rules, items=items)
    # Products alone: with few styles, the bound of one depends on what else has stayed.
    assert (calm.rows == whole.rows).all() or calm.unsettled.all()
    assert not whole.unsettled.any() or places(shelf, whole) == places(
        shelf, ranked(shelf, state, Before(b""), items=items)
    )
    again = ranked(shelf, state, Before(shelves_of(shelf, whole)[0]), rules=rules, items=items)
    assert places(shelf, again) == places(shelf, whole)


@given(SHOPS, st.integers(1, 30))
def test_a_list_is_various_unless_the_shopper_asked(made: Shop, items: int) -> None:
    shop, state, _ = made.made()
    shelf = made.snapshot(shop)
    batch = ranked(shelf, state, items=items)
    shown = places(shelf, batch)
    bound = len(shown) if len(shown) < FEW else int(MOST_ALIKE * len(shown) + 1e-9)
    category_of = {name: shop.category_codes[shop.row_of[name]] for name in shop.product_ids}
    dismissed = {seen.product_id for seen in state.interactions if seen.dismissed_at}
    newest = []
    for seen in reversed(state.interactions):
        if seen.product_id not in newest and seen.product_id not in dismissed and seen.weight:
            newest.append(seen.product_id)
    newest = newest[:NEWEST_ASKED]
    liked = Counter(category_of[name] for name in newest)
    shown_names = {name for name, _ in shown}
    for category, count in Counter(category_of[name] for name, _ in shown).items():
        asked = liked[category] >= max(ASKED_PRODUCTS, MOST_ALIKE * len(newest))
        others = [
            name
            for name in shop.product_ids
            if category_of[name] != category and name not in shown_names | dismissed
        ]
        # With two categories, a short list cannot also keep room for what is drawn at random.
        drawn = int(batch.explored.sum()) if made.categories == 2 else 0
        assert asked or count <= bound + drawn or len(others) < items
    for style, count in Counter(style for _, style in shown).items():
        asked = batch.affinities[0, shelf.column_of[style]] >= ASKED_LOG_ODDS
        assert asked or count <= bound or made.styles == 0


def test_styles_within_the_bound_are_drawn_as_often_as_their_propensities_tell() -> None:
    """A style at its bound is no arm below it: the others' propensities are larger there."""
    shop = worlds.catalogue(40)
    shelf = made_with_priors(shop, {"neon": 50.0})
    people = [empty(f"u{number}") for number in range(4000)]
    lists = rank(people, shelf, NOW, RULES, CHOICE)
    assert (lists.columns == shelf.column_of["neon"]).sum(axis=1).max() == 12
    for style in ("original", "pastel"):
        drawn = lists.columns == shelf.column_of[style]
        weights = np.where(drawn, 1.0 / lists.propensities, 0.0)
        error = weights.std(axis=0) / np.sqrt(len(people))
        np.testing.assert_array_less(np.abs(weights.mean(axis=0) - 1.0), 4.5 * error + 1e-9)


def made_with_priors(shop: Catalogue, weights: dict[str, float]) -> CatalogSnapshot:
    factors = worlds.factors(40, 4, np.random.default_rng(0))
    table = np.ones_like(factors.priors.category_style)
    for style, weight in weights.items():
        table[:, factors.priors.style_ids.index(style)] = 1000 * weight
    priors = replace(factors.priors, category_style=table)
    return arrange(shop, factors, priors, CHOICE, NOW)


def test_a_style_that_was_asked_for_may_fill_a_list() -> None:
    shop = worlds.catalogue(40)
    shelf = made_with_priors(shop, {"neon": 50.0})
    ada = empty("ada")
    for number in range(4):
        event = feedback("ada", f"product-{number}", "neon", propensity=0.1)
        ada = apply(ada, event, NOW, RULES)
    lists = rank([ada], shelf, NOW, RULES, CHOICE)
    assert (lists.columns == shelf.column_of["neon"]).sum() > 12


def test_a_campaign_that_is_over_leaves_the_products_where_they_are() -> None:
    shop = worlds.catalogue(40)
    shelf = made_with_priors(shop, {})
    first = rank([empty("ada")], shelf, NOW, RULES, CHOICE)
    old = places(shelf, first)
    lost = old[4][1]
    for name, style in old:
        if style == lost:
            shop.remove_render(name, style)
    shelf = made_with_priors(shop, {})
    before = Before(shelves_of(shelf, first)[0])
    new = places(shelf, ranked(shelf, empty("ada"), before, now=NOW))
    assert [name for name, _ in new] == [name for name, _ in old]
    assert [one for one in new if one[1] != lost] == new


@given(st.binary(max_size=30 * ENTRY.itemsize))
def test_bytes_that_hold_no_list_do_no_harm(junk: bytes) -> None:
    shop = worlds.catalogue(30)
    shelf = made_with_priors(shop, {})
    for before in (Before(junk), Before(b"", "no such product", 10_000)):
        found = ranked(shelf, empty("ada"), before, now=NOW)
        assert places(shelf, found) == places(shelf, ranked(shelf, empty("ada"), now=NOW))


def test_a_product_that_stands_twice_is_shown_once() -> None:
    shelf = made_with_priors(worlds.catalogue(30), {})
    kept = shelves_of(shelf, ranked(shelf, empty("ada"), now=NOW))[0]
    twice = kept[: ENTRY.itemsize] * 20
    found = places(shelf, ranked(shelf, empty("ada"), Before(twice), now=NOW))
    assert len({name for name, _ in found}) == 20


@pytest.mark.parametrize("changes", [-1, float("nan")])
def test_a_limit_below_nothing_is_refused(changes: float) -> None:
    with pytest.raises(SettingsError, match="changes"):
        Rules(changes=changes)  # type: ignore[arg-type]


@given(st.integers(0, 4), st.integers(0, 8), st.integers(0, 2**32))
def test_those_further_left_that_are_alike_are_counted(lists: int, places: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(NONE, 3, size=(lists, places))
    wanted = [[row[:place].count(code) for place, code in enumerate(row)] for row in codes.tolist()]
    assert earlier_alike(codes).tolist() == wanted
