"""The recommender against shoppers whose tastes it does not know."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
import worlds
from worlds import NOW, STYLES

from schemas.events import RecommendationReason, RecommendedItem, UserState
from stylecore.recommender.als import FitSettings, fit
from stylecore.recommender.catalog import Catalogue
from stylecore.recommender.popularity import Popularity
from stylecore.recommender.recommend import recommend
from stylecore.recommender.rules import Rules
from stylecore.recommender.simulator import (
    Shopper,
    act,
    click_chance,
    hit_curve,
    hit_rates,
    shopper,
)
from stylecore.recommender.snapshot import arrange
from stylecore.recommender.state import apply, empty
from stylecore.recommender.style_policy import ChoiceRules

LISTS = 25


class Run:
    """Sixty shoppers, 48 products, ten styles, a factor fit half-way; everything from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.shop: Catalogue = worlds.catalogue(48)
        self.rules, self.choice = Rules(), ChoiceRules()
        names = self.shop.product_ids
        self.category_of = {name: f"category-{row % 6}" for row, name in enumerate(names)}
        arms, categories = ("original", *STYLES), sorted(set(self.category_of.values()))
        self.people = [shopper(f"u{n}", arms, categories, self.random) for n in range(60)]
        self.states: list[UserState] = [empty(person.user_id) for person in self.people]
        self.popularity = Popularity(self.shop, self.rules, NOW)
        self.hits: list[list[bool]] = [[] for _ in self.people]
        self.in_category: list[float] = []
        factors = None
        for visit in range(LISTS):
            now = NOW + timedelta(minutes=10 * visit)
            if visit == LISTS // 2:
                factors = fit(self.states, self.shop, None, FitSettings(), self.rules, now)
            priors = self.popularity.priors(now) if factors is None else factors.priors
            snapshot = arrange(self.shop, factors, priors, self.choice, now)
            lists = recommend(self.states, snapshot, now, self.rules, self.choice)
            self._visit(lists, now)

    def _visit(self, lists: list[list[RecommendedItem]], now) -> None:
        matches = []
        for place, (person, items) in enumerate(zip(self.people, lists, strict=True)):
            self.hits[place].append(items[0].style_id == person.style_id)
            matches += [
                self.category_of[item.product_id] in person.categories for item in items[:6]
            ]
            for action in act(person, items, self.category_of, self.random):
                event = worlds.feedback(
                    person.user_id,
                    action.item.product_id,
                    action.item.style_id,
                    action.kind,
                    now,
                    propensity=action.item.propensity,
                )
                self.states[place] = apply(self.states[place], event, now, self.rules)
                self.popularity.count(event, now)
        self.in_category.append(float(np.mean(matches)))


@pytest.fixture(scope="module")
def run() -> Run:
    return Run(seed=1)


def test_it_finds_the_favourite_styles(run: Run) -> None:
    start, end = hit_rates(run.hits)
    assert start < 0.4
    assert end > 0.5
    assert np.mean([hits[0] for hits in run.hits]) < 0.25  # chance is .1


def test_it_finds_the_liked_categories(run: Run) -> None:
    assert run.in_category[0] < 0.45  # chance is .33
    assert np.mean(run.in_category[-5:]) > 0.5


def items(*styles: str) -> list[RecommendedItem]:
    return [
        RecommendedItem(
            product_id=f"product-{n}",
            style_id=style,
            image_uri="store://x",
            score=0.0,
            propensity=0.5,
            reason=RecommendationReason(kind="popular", text="popular now"),
        )
        for n, style in enumerate(styles)
    ]


def test_a_shopper_reads_from_the_top_and_looks_before_acting() -> None:
    person = Shopper("ada", "neon", frozenset({"mugs"}))
    shown = items(*["neon"] * 20)
    category_of = {item.product_id: "mugs" for item in shown}
    for seed in range(30):
        actions = act(person, shown, category_of, np.random.default_rng(seed))
        seen = [action.position for action in actions if action.kind == "impression"]
        assert seen == list(range(len(seen)))
        assert {action.position for action in actions} == set(seen)
        assert actions == act(person, shown, category_of, np.random.default_rng(seed))


def test_the_style_matters_most_the_category_too() -> None:
    chances = [click_chance(*match) for match in ((0, 0), (0, 1), (1, 0), (1, 1))]
    assert chances == sorted(chances)
    assert chances[2] > 2 * chances[1] > 2 * chances[0]


def test_hit_rates_are_of_the_first_and_last_fifths() -> None:
    assert hit_rates([[True] * 2 + [False] * 8, [False] * 9 + [True]]) == (0.5, 0.25)
    assert hit_rates([]) == (0.0, 0.0)


def test_the_curve_follows_every_shopper_s_lists_in_order() -> None:
    learnt = [False] * 5 + [True] * 5
    assert hit_curve([learnt, learnt]) == [0.0] * 5 + [1.0] * 5
    assert hit_curve([[False, True], [True, True]], parts=2) == [0.5, 1.0]
    assert hit_curve([[True]], parts=2) == hit_curve([]) == []
