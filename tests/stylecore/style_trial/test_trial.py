"""The trial of learners: exact propensities, fair streams, regret that is what it says."""

from __future__ import annotations

import numpy as np
import pytest

from stylecore.arrays import Doubles
from stylecore.style_trial.comparison import WAYS, half_width, run
from stylecore.style_trial.learner import FLOOR, Impressions
from stylecore.style_trial.scenario import (
    CATEGORIES,
    SHOPPERS,
    STYLES,
    Scenario,
    Tastes,
    scenario,
)
from stylecore.style_trial.trial import trial, visit

NAMES = [way.name for way in WAYS]


class Even:
    """Knows nothing and learns nothing."""

    def probabilities(self) -> Doubles:
        return np.full((SHOPPERS, CATEGORIES, STYLES), 1 / STYLES)

    def learn(self, seen: Impressions) -> None:
        self.seen = seen


class Told:
    """Was told every favourite."""

    def __init__(self, shop: Scenario) -> None:
        self.shares = np.eye(STYLES)[shop.favourite][:, None].repeat(CATEGORIES, axis=1)

    def probabilities(self) -> Doubles:
        return self.shares

    def learn(self, seen: Impressions) -> None:
        self.seen = seen


def test_who_is_told_the_favourites_loses_nothing_and_who_draws_evenly_the_mean() -> None:
    shop = scenario(0)
    told, even = (trial(learner, shop, 0, lists=5) for learner in (Told(shop), Even()))
    assert told.clicks == pytest.approx(told.oracle)
    assert even.clicks < even.fixed < even.oracle
    assert told.oracle == even.oracle
    assert told.fixed == even.fixed
    np.testing.assert_allclose(even.curve[~np.isnan(even.curve)], 1 / STYLES)


def test_every_learner_meets_the_same_lists() -> None:
    first, again = visit(scenario(1), 1, 7), visit(scenario(1), 1, 7)
    for name in ("products", "seen", "draws", "moods"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert (first.products[:, 1:] != first.products[:, :1]).all()
    assert first.seen[:, 0].all()
    assert first.seen.mean() < 0.9


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_probabilities_are_exact_and_none_is_under_the_floor(way) -> None:
    learner = way.make(*way.grid[0])
    shop = scenario(2)
    trial(learner, shop, 2, lists=3)
    shares = learner.probabilities()
    assert shares.shape == (SHOPPERS, CATEGORIES, STYLES)
    np.testing.assert_allclose(shares.sum(axis=2), 1)
    assert shares.min() >= FLOOR / STYLES * (1 - 1e-9)


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_every_learner_learns(way) -> None:
    (found,) = run(way, way.grid[0], [3], Tastes(), lists=12)
    (even,) = [trial(Even(), scenario(3), 3, lists=12)]
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


def test_a_half_width_is_students() -> None:
    assert half_width(np.array([1.0, 2, 3, 4])) == pytest.approx(
        3.182 * np.sqrt(5 / 3 / 4), rel=1e-3
    )
    assert half_width(np.array([1.0])) == float("inf")
