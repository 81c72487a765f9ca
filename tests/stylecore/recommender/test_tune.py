"""Hyperparameters follow the shop: three whose best settings differ, and too little data."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import worlds
from worlds import NOW

from schemas.events import UserState
from stylecore.recommender.als import FitSettings, fit
from stylecore.recommender.rules import Rules
from stylecore.recommender.tune import Tuned, hyperparameters, in_use, tune

RULES = Rules()
SETTINGS = FitSettings(iterations=5)
TASTES, OF_TASTE = 20, 20
PRODUCTS = TASTES * OF_TASTE


def shop(seed: int, shoppers: int, taste_of, actions: int = 40) -> list[UserState]:
    """Shoppers whose n-th action is on a product of the taste that `taste_of` says."""
    random = np.random.default_rng(seed)
    states = []
    for number in range(shoppers):
        tastes, taken = random.permutation(TASTES), []
        for place in range(actions):
            left = np.setdiff1d(
                taste_of(place, tastes, random) + TASTES * np.arange(OF_TASTE), taken
            )
            if len(left):
                taken.append(int(random.choice(left)))
        states.append(worlds.shopper(f"u{number}", np.array(taken), random))
    return states


def drifting(place: int, tastes: np.ndarray, _random: np.random.Generator) -> int:
    """Five of one taste, then of the next one, never back."""
    return int(tastes[place // 5 % TASTES])


def steady(_place: int, tastes: np.ndarray, random: np.random.Generator) -> int:
    """One taste in a third of the actions from first to last, any in the others."""
    return int(tastes[0] if random.random() < 1 / 3 else random.integers(TASTES))


def noisy(_place: int, tastes: np.ndarray, random: np.random.Generator) -> int:
    """One of three tastes in a third of a few actions, any in the others."""
    return int(tastes[0] % 3 if random.random() < 1 / 3 else random.integers(TASTES))


@cache
def tuned(kind: str, shoppers: int = 150) -> Tuned:
    taste_of = {"drifting": drifting, "steady": steady, "noisy": noisy}[kind]
    few_actions, more_shoppers = (12, 3) if kind == "noisy" else (40, 1)
    states = shop(1, more_shoppers * shoppers, taste_of, few_actions)
    catalogue = worlds.catalogue(PRODUCTS, styles=())
    return tune(states, catalogue, SETTINGS, RULES, NOW, seconds=1e9, clock=lambda: 0.0)


@pytest.mark.parametrize("kind", ["drifting", "steady", "noisy"])
def test_the_choice_foresees_more_than_the_priors(kind: str) -> None:
    found = tuned(kind)
    assert found.questions > 800
    assert found.recall > 1.2 * found.recall_before


def test_each_shop_gets_what_suits_it() -> None:
    drifting, steady, noisy = (tuned(kind).settings for kind in ("drifting", "steady", "noisy"))
    assert drifting.recency.newest < SETTINGS.recency.newest < steady.recency.newest
    assert drifting.recency.decay < SETTINGS.recency.decay < steady.recency.decay
    assert noisy.regularization > SETTINGS.regularization == steady.regularization
    assert steady.blend < noisy.blend


def test_with_little_data_the_priors_hold() -> None:
    catalogue = worlds.catalogue(PRODUCTS, styles=())
    for states in ([], shop(1, 1, drifting), shop(1, 6, drifting)):
        found = tune(states, catalogue, SETTINGS, RULES, NOW, 1e9, lambda: 0.0)
        assert found.settings == SETTINGS
        assert found.questions < 100
        assert found.recall == 0


def test_the_budget_ends_the_search() -> None:
    """Each look at the clock takes a second: five candidates, and no fit."""
    seconds = iter(range(1000))
    catalogue = worlds.catalogue(PRODUCTS, styles=())
    states = shop(1, 150, drifting)
    found = tune(states, catalogue, SETTINGS, RULES, NOW, 7, lambda: float(next(seconds)))
    assert found.settings.regularization == SETTINGS.regularization
    assert found.settings.alpha == SETTINGS.alpha
    assert next(seconds) < 12


def test_what_was_chosen_is_where_the_next_search_starts() -> None:
    chosen = tuned("drifting")
    catalogue = worlds.catalogue(PRODUCTS, styles=())
    factors = fit(shop(1, 30, drifting), catalogue, None, chosen.settings, RULES, NOW)
    assert factors is not None
    assert in_use(SETTINGS, factors) == SETTINGS
    assert in_use(SETTINGS, None) == SETTINGS
    announced = replace(factors, figures=chosen.as_figures())
    assert hyperparameters(in_use(SETTINGS, announced)) == hyperparameters(chosen.settings)
