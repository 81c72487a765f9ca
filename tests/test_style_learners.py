"""Learners of styles: exact propensities, the same shoppers for all, regret as it is defined."""

from __future__ import annotations

import numpy as np
import pytest
from style_learners import (
    CATEGORIES,
    FLOOR,
    LEARNERS,
    SHOPPERS,
    STYLES,
    Impressions,
    Scenario,
    Tastes,
    scenario,
    trial,
    visit,
)

from stylecore.arrays import Doubles


@pytest.fixture(params=LEARNERS)
def learner(request):
    kind, grid = LEARNERS[request.param]
    return kind(*grid[0])


class Even:
    """Shows every style with the same probability."""

    def probabilities(self) -> Doubles:
        return np.full((SHOPPERS, CATEGORIES, STYLES), 1 / STYLES)

    def learn(self, seen: Impressions) -> None:
        self.seen = seen


class Oracle:
    """Shows every shopper's favourite."""

    def __init__(self, shop: Scenario) -> None:
        self.shares = np.eye(STYLES)[shop.favourite][:, None].repeat(CATEGORIES, axis=1)

    def probabilities(self) -> Doubles:
        return self.shares

    def learn(self, seen: Impressions) -> None:
        self.seen = seen


def test_the_oracle_loses_nothing_and_even_chances_have_the_mean() -> None:
    shop = scenario(0)
    oracle, even = (trial(learner, shop, 0, lists=5) for learner in (Oracle(shop), Even()))
    assert oracle.clicks == pytest.approx(oracle.oracle)
    assert even.clicks < even.fixed < even.oracle
    assert oracle.oracle == even.oracle
    assert oracle.fixed == even.fixed
    np.testing.assert_allclose(even.curve[~np.isnan(even.curve)], 1 / STYLES)


def test_every_learner_meets_the_same_lists() -> None:
    first, again = visit(scenario(1), 1, 7), visit(scenario(1), 1, 7)
    for name in ("products", "seen", "draws", "moods"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert (first.products[:, 1:] != first.products[:, :1]).all()
    assert first.seen[:, 0].all()
    assert first.seen.mean() < 0.9


def test_probabilities_are_exact_and_none_is_under_the_floor(learner) -> None:
    shop = scenario(2)
    trial(learner, shop, 2, lists=3)
    shares = learner.probabilities()
    assert shares.shape == (SHOPPERS, CATEGORIES, STYLES)
    np.testing.assert_allclose(shares.sum(axis=2), 1)
    assert shares.min() >= FLOOR / STYLES * (1 - 1e-9)


def test_every_learner_learns(learner) -> None:
    found, even = (trial(some, scenario(3), 3, lists=12) for some in (learner, Even()))
    assert found.clicks > even.clicks
    assert found.curve[-2] > found.curve[0]


def test_leaning_tastes_follow_a_liked_category() -> None:
    even, leaning = scenario(4), scenario(4, Tastes(leaning=1.0))
    np.testing.assert_array_equal(even.likes, leaning.likes)
    first = leaning.likes.argmax(axis=1)
    for category in range(CATEGORIES):
        assert len(set(leaning.favourite[first == category])) <= 1


def test_where_clicks_are_rare_they_are_as_much_likelier_in_the_favourite() -> None:
    usual, rare = scenario(4), scenario(4, Tastes(interest=0.004))
    products = np.zeros((SHOPPERS, 1), dtype=np.int64)
    np.testing.assert_allclose(rare.chances(products) * 10, usual.chances(products))
