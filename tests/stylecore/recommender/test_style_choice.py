"""The choice of a style: every probability known, every picture with a chance, draws that stay."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import NOW

from stylecore.errors import SettingsError
from stylecore.recommender.style_policy import (
    RENEWED,
    ChoiceRules,
    draw,
    propensities,
    shopper_keys,
    style_priors,
    uniform_noise,
)

RULES = ChoiceRules()


@st.composite
def choices(draw_from: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Affinities [B, K], priors [B, k, K] and pictures [B, k, K], the photo always there."""
    random = np.random.default_rng(draw_from(st.integers(0, 2**32)))
    shoppers, items, styles = (draw_from(st.integers(1, most)) for most in (4, 6, 12))
    affinities = random.exponential(draw_from(st.sampled_from([0.0, 1, 50])), (shoppers, styles))
    priors = random.dirichlet(np.ones(styles), (shoppers, items))
    available = random.random((shoppers, items, styles)) < 0.6
    available[:, :, 0] = True
    return affinities, priors, available


@given(choices(), st.floats(0.01, 1))
def test_probabilities_sum_to_one_over_the_pictures_that_exist(
    choice: tuple[np.ndarray, np.ndarray, np.ndarray], exploration: float
) -> None:
    *_, available = choice
    shares = propensities(*choice, ChoiceRules(exploration=exploration))
    np.testing.assert_allclose(shares.sum(axis=2), 1)
    assert (shares[~available] == 0).all()


@given(choices(), st.floats(0.01, 1))
def test_no_picture_is_under_the_floor(
    choice: tuple[np.ndarray, np.ndarray, np.ndarray], exploration: float
) -> None:
    *_, available = choice
    shares = propensities(*choice, ChoiceRules(exploration=exploration))
    floor = np.broadcast_to(exploration / available.sum(axis=2, keepdims=True), shares.shape)
    assert (shares[available] >= floor[available] * (1 - 1e-12)).all()


@given(choices())
def test_only_pictures_that_exist_are_drawn_with_the_propensity_that_is_told(
    choice: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    *_, available = choice
    shares = propensities(*choice, RULES)
    drawn = draw(shares, np.random.default_rng(0).random(shares.shape))
    columns = drawn.columns[:, :, None]
    assert np.take_along_axis(available, columns, axis=2).all()
    told = np.take_along_axis(shares, columns, axis=2)[:, :, 0]
    np.testing.assert_array_equal(drawn.propensities, told)


def test_styles_are_drawn_as_often_as_is_told() -> None:
    shares = np.array([0.7, 0.2, 0.06, 0.04, 0.0])
    shoppers = shopper_keys([f"user-{n}" for n in range(20_000)], NOW, "v")
    keys = shopper_keys(["mug"], NOW, ""), shopper_keys(list("abcde"), NOW, "")
    noise = uniform_noise(shoppers, np.zeros_like(shoppers), keys[0][None, :], keys[1])
    drawn = draw(np.broadcast_to(shares, noise.shape), noise).columns
    counted = np.bincount(drawn[:, 0], minlength=5) / len(shoppers)
    np.testing.assert_allclose(counted, shares, atol=4 * np.sqrt(0.25 / len(shoppers)))


def test_more_affinity_is_more_probability_up_to_a_bound() -> None:
    priors, available = np.full((1, 1, 4), 0.25), np.ones((1, 1, 4), dtype=bool)
    affinities = [np.array([[level, 0, 0, 0]]) for level in (0.0, 1.0, 3.0, 12.0, 600.0)]
    shares = [propensities(one, priors, available, RULES)[0, 0, 0] for one in affinities]
    assert shares[0] == pytest.approx(0.25)
    assert shares[0] < shares[1] < shares[2] < shares[3] == shares[4]


def test_a_draw_stays_the_day_and_one_product_in_four_changes_at_an_action() -> None:
    random = np.random.default_rng(0)
    shoppers = shopper_keys([f"user-{n}" for n in range(500)], NOW, "v")
    products = random.integers(2**63, size=(500, 20)).astype(np.uint64)
    styles = random.integers(2**63, size=10).astype(np.uint64)
    actions = random.integers(20, size=500).astype(np.uint64)
    before = uniform_noise(shoppers, actions, products, styles)
    after = uniform_noise(shoppers, actions + np.uint64(1), products, styles)
    np.testing.assert_array_equal(uniform_noise(shoppers, actions, products, styles), before)
    changed = (before != after).any(axis=2).mean()
    assert changed == pytest.approx(1 / int(RENEWED), abs=0.03)


def test_another_day_or_version_draws_anew() -> None:
    keys = {
        int(shopper_keys(["ada"], at, version)[0])
        for at in (NOW, NOW + timedelta(days=1))
        for version in ("a", "b")
    }
    assert len(keys) == 4
    assert shopper_keys(["ada"], NOW, "a") == shopper_keys(["ada"], NOW + timedelta(hours=1), "a")


def test_priors_fall_back_from_the_category_to_the_shop_to_equal_shares() -> None:
    weights = np.array([[1000, 0, 0], [0, 0, 0]], dtype=np.float32)
    busy, quiet, shop = style_priors(weights, RULES)
    assert busy[0] > quiet[0] == pytest.approx(shop[0])
    assert shop[0] > 1 / 3
    np.testing.assert_allclose(style_priors(np.zeros((1, 4), np.float32), RULES), 0.25)


@pytest.mark.parametrize("exploration", [0.0, -0.1, 1.1, float("nan")])
def test_a_policy_without_a_floor_is_refused(exploration: float) -> None:
    with pytest.raises(SettingsError, match="exploration"):
        ChoiceRules(exploration=exploration)
