"""Within its window a theme has its stated odds; before and after, lists are as without it."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st
from worlds import NOW, campaign_style

from schemas.events import RecommendedItem, Style, UserState
from stylecore.recommender.catalog import EVER, NEVER, Catalogue, schedule_at, with_campaign_odds
from stylecore.recommender.recommend import rank, recommend
from stylecore.recommender.rules import Rules
from stylecore.recommender.snapshot import CatalogSnapshot, arrange
from stylecore.recommender.state import apply, empty
from stylecore.recommender.style_policy import ChoiceRules, propensities
from workers.preferences.outputs import Demand

RULES, CHOICE = Rules(), ChoiceRules()
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
START, END = NOW, NOW + HOUR
BEFORE, AFTER = START - MINUTE, END
FACTORS = worlds.factors(36, 4, np.random.default_rng(0))
SHOPPERS = [empty(f"u{n}") for n in range(200)]


def shop_with(*styles: Style) -> Catalogue:
    """A shop of 36 products that has every picture of every style, these among them."""
    names = dict.fromkeys((*worlds.STYLES, *(style.style_id for style in styles)))
    shop = worlds.catalogue(36, tuple(names))
    for style in styles:
        shop.put_style(style)
    return shop


def shelf_at(shop: Catalogue, now: datetime, rules: ChoiceRules = CHOICE) -> CatalogSnapshot:
    return arrange(shop, FACTORS, FACTORS.priors, rules, now)


def lists_at(
    shop: Catalogue, now: datetime, states: list[UserState] = SHOPPERS
) -> list[list[RecommendedItem]]:
    return recommend(states, shelf_at(shop, now), NOW, RULES, CHOICE)


def share(lists: list[list[RecommendedItem]], style_id: str) -> float:
    return float(np.mean([item.style_id == style_id for found in lists for item in found]))


WINTER = campaign_style("winter", START, END)


def test_a_theme_is_in_no_list_before_its_window_nor_after() -> None:
    shop = shop_with(WINTER)
    before, within, after = (lists_at(shop, at) for at in (BEFORE, START, AFTER))
    assert share(before, "winter") == 0 < share(within, "winter")
    assert after == before


def test_a_theme_that_is_not_shown_yet_changes_no_list() -> None:
    shop = worlds.catalogue(36)
    without = lists_at(shop, BEFORE)
    shop.put_style(WINTER)
    assert lists_at(shop, BEFORE) == without


def test_the_generator_s_own_style_is_preferred_within_and_shown_always() -> None:
    shop = shop_with(campaign_style("neon", START, END, weights={"neon": 1.0}))
    before, within, after = (lists_at(shop, at) for at in (BEFORE, START, AFTER))
    assert share(within, "neon") > 1.5 * share(before, "neon") > 0
    assert after == before


@given(st.integers(0, 2**32), st.floats(1, 50), st.integers(0, 100), st.floats(0.01, 1))
def test_the_odds_are_the_stated_ones_and_no_picture_is_under_the_floor(
    seed: int, weight: float, priority: int, exploration: float
) -> None:
    random = np.random.default_rng(seed)
    rules = ChoiceRules(exploration=exploration, campaign_weight=weight)
    shop = shop_with(campaign_style("neon", START, END, priority, {"neon": 1.0}))
    plain, theme = shelf_at(shop, BEFORE, rules), shelf_at(shop, START, rules)
    column, codes = theme.column_of["neon"], random.integers(6, size=(1, 5))
    available = random.random((1, 5, len(theme.style_ids))) < 0.7
    available[:, :, [0, column]] = True
    affinities = random.normal(scale=2, size=(1, len(theme.style_ids)))
    softmax = ChoiceRules(exploration=1e-300, campaign_weight=weight)
    odds = []
    for shelf in (plain, theme):
        shares = propensities(affinities, shelf.style_priors[codes], available, softmax)
        odds.append(shares[..., column] / (1 - shares[..., column]))
    np.testing.assert_allclose(odds[1] / odds[0], weight ** (1 + priority / 100), rtol=1e-6)
    mixed = propensities(affinities, theme.style_priors[codes], available, rules)
    np.testing.assert_allclose(mixed.sum(axis=2), 1)
    floor = np.broadcast_to(exploration / available.sum(axis=2, keepdims=True), mixed.shape)
    assert (mixed[available] >= floor[available] * (1 - 1e-12)).all()


def test_a_theme_that_nobody_has_seen_starts_from_the_average_styles_share() -> None:
    shop = shop_with(campaign_style("winter", START, END))
    schedule = schedule_at(shop.styles.values(), START, 4.0)
    column = shop.column_of["winter"]
    shares = np.full((1, len(shop.column_of)), 0.001)
    shares[0, 0] = 1 - shares[0, 1:].sum()
    themed = with_campaign_odds(shares, shop, schedule)
    assert themed[0, column] == pytest.approx(4.0 / len(shop.column_of))
    assert np.delete(themed, column, axis=1) == pytest.approx(np.delete(shares, column, axis=1))
    well_liked = np.full((1, len(shop.column_of)), 0.1)
    well_liked[0, column] = 0.5
    assert with_campaign_odds(well_liked, shop, schedule)[0, column] == pytest.approx(2.0)


def test_the_theme_is_drawn_as_often_as_its_propensity_tells() -> None:
    shop = shop_with(WINTER)
    shelf = shelf_at(shop, START)
    everybody = [empty(f"someone-{n}") for n in range(3000)]
    lists = rank(everybody, shelf, NOW, RULES, CHOICE)
    column = shelf.column_of["winter"]
    priors = shelf.style_priors[shelf.category_codes[lists.rows]]
    told = propensities(lists.affinities, priors, shelf.available[lists.rows], CHOICE)
    drawn = lists.columns == column
    assert drawn.mean() == pytest.approx(told[..., column].mean(), abs=0.01)
    np.testing.assert_allclose(lists.propensities[drawn], told[..., column][drawn])


def test_a_style_is_shown_in_its_categories_only() -> None:
    shop = shop_with(
        campaign_style("winter", START, END, categories=("category-1", "category-4", "none such"))
    )
    shown = {
        int(item.product_id.split("-")[1]) % 6
        for found in lists_at(shop, START)
        for item in found
        if item.style_id == "winter"
    }
    assert shown == {1, 4}


def test_a_withdrawn_theme_is_not_shown_while_its_pictures_are_still_there() -> None:
    shop = shop_with(WINTER, Style(style_id="mine", label="Mine", weights={"neon": 1.0}))
    for style_id in ("winter", "mine", "unheard"):
        shop.remove_style(style_id)
    assert share(lists_at(shop, AFTER), "winter") == 0
    assert shop.styles.keys() == {"winter"}


@pytest.mark.parametrize(
    ("now", "has_winter", "wanted"),
    [(BEFORE, False, False), (START, False, True), (START, True, False), (AFTER, False, False)],
)
def test_a_theme_is_wanted_while_it_may_be_shown_and_is_not_drawn(
    now: datetime, has_winter: bool, wanted: bool
) -> None:
    shop = shop_with(WINTER)
    click = worlds.feedback("ada", "product-1", "winter", propensity=0.1)
    ada = apply(empty("ada"), click, NOW, RULES)
    if not has_winter:
        for number in range(36):
            shop.remove_render(f"product-{number}", "winter")
    shelf, demand = shelf_at(shop, now), Demand(NOW)
    demand.want_lacking(["ada"], shelf, rank([ada], shelf, NOW, RULES, CHOICE))
    assert bool(demand.flush(NOW)) is wanted


def test_a_schedule_lasts_from_one_edge_to_the_next() -> None:
    later = campaign_style("spring", END - MINUTE, END + HOUR, weights={"spring": 1.0})
    styles = [WINTER, later]
    schedules = [
        schedule_at(styles, at, 4.0) for at in (BEFORE, START, END - MINUTE, END, END + HOUR)
    ]
    edges = [EVER, START, END - MINUTE, END, END + HOUR, NEVER]
    assert [(one.since, one.until) for one in schedules] == list(pairwise(edges))
    running = [[name for name, _ in one.running] for one in schedules]
    assert running == [[], ["winter"], ["spring", "winter"], ["spring"], []]
    assert [bool(one.closed) for one in schedules] == [True, False, False, True, True]
    assert [one.shown_until for one in schedules] == [NEVER, END, END, NEVER, NEVER]
    assert schedule_at([], NOW, 4.0).holds(NOW)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50), st.booleans()), max_size=5),
    st.integers(-5, 110),
    st.integers(-5, 110),
)
def test_while_a_schedule_holds_it_is_the_schedule(
    windows: list[tuple[int, int, bool]], one: int, other: int
) -> None:
    styles = [
        campaign_style(
            name,
            NOW + start * MINUTE,
            NOW + (start + length) * MINUTE,
            weights={name if is_own else "neon": 1.0},
        )
        for name, (start, length, is_own) in zip("abcde", windows, strict=False)
    ]
    at, later = NOW + one * MINUTE, NOW + other * MINUTE
    schedule = schedule_at(styles, at, 4.0)
    assert schedule.holds(at)
    assert schedule.holds(later) == (schedule_at(styles, later, 4.0) == schedule) or not styles


def test_lists_are_of_another_edition_when_a_campaign_begins_ends_or_is_changed() -> None:
    shop = shop_with(WINTER)
    editions = [shelf_at(shop, at).edition for at in (BEFORE, START, AFTER)]
    assert editions[0] == editions[2] == FACTORS.version != editions[1]
    shop.put_style(campaign_style("winter", START, END, priority=50))
    assert shelf_at(shop, START).edition not in editions
