"""A refit foresees the last hour, is compared with its parent, and gives every product a place."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import pytest
import worlds
from msgspec import structs
from preference_oracles import fold_in_one
from worlds import NOW, feedback

from schemas.events import UserState
from stylecore.recommender import factors as artifact
from stylecore.recommender.als import FitSettings
from stylecore.recommender.catalog import Catalogue
from stylecore.recommender.factors import Factors
from stylecore.recommender.refit import Refit, compare, hold_out, overlap, refit, start_of_held_out
from stylecore.recommender.rules import Rules
from stylecore.recommender.state import apply
from stylecore.storage.render_cache import Embedding

RULES = Rules()
SETTINGS = FitSettings(width=6, iterations=8, blend=0.0)
"""Without neighbours, which would make up for factors that are worse."""
TASTES, PRODUCTS, SHOPPERS = 4, 48, 120
AN_HOUR_AGO = NOW - timedelta(hours=1)


def unseen(_source: str) -> None:
    return None


def of_taste(taste: int) -> np.ndarray:
    return np.arange(taste, PRODUCTS, TASTES)


@cache
def earlier() -> tuple[UserState, ...]:
    """Shoppers of four tastes, hours ago: each took five of the twelve products of one taste."""
    random = np.random.default_rng(0)
    return tuple(
        worlds.shopper(f"u{n}", random.choice(of_taste(n % TASTES), 5, replace=False), random)
        for n in range(SHOPPERS)
    )


@cache
def now() -> tuple[UserState, ...]:
    """In the last hour each took one more of the same taste."""
    random, at = np.random.default_rng(1), NOW - timedelta(minutes=30)
    states = []
    for number, state in enumerate(earlier()):
        known = {item.product_id for item in state.interactions}
        left = [f"product-{n}" for n in of_taste(number % TASTES) if f"product-{n}" not in known]
        states.append(apply(state, feedback(state.user_id, random.choice(left), at=at), at, RULES))
    return tuple(states)


@cache
def parent() -> Factors:
    """Fitted when each shopper had only four of them."""
    past = hold_out(earlier(), NOW - timedelta(hours=4, minutes=57)).before
    first = refit_of(past, shop(), None, at=NOW - timedelta(hours=2))
    assert first is not None
    return first.factors


def shop() -> Catalogue:
    return worlds.catalogue(PRODUCTS, categories=1)


def refit_of(states, catalogue, older, embedding_of=unseen, settings=SETTINGS, at=NOW):
    return refit(states, catalogue, older, embedding_of, settings, RULES, at)


def test_the_first_fit_learns_everything_and_is_compared_with_nothing() -> None:
    assert parent().learned_until == NOW - timedelta(hours=2)
    assert 40 < parent().fitted <= len(parent().product_ids) == PRODUCTS
    first = refit_of(now(), shop(), None)
    assert (first.comparison, first.overlap, first.is_worse) == (None, None, False)
    assert refit_of(now()[:1], shop(), None) is None


def test_a_refit_as_good_as_its_parent_says_so_in_figures() -> None:
    found: Refit = refit_of(now(), shop(), parent())
    assert not found.is_worse
    assert found.factors.parent == parent().version
    assert found.factors.learned_until == AN_HOUR_AGO
    metrics = found.as_metrics()
    assert metrics["held_out_shoppers"] > 0.9 * SHOPPERS
    assert metrics["held_out_recall_at_10"] > 0.9
    assert 0.5 < metrics["overlap_at_10"] <= 1


def test_a_refit_that_foresees_less_than_its_parent_is_worse() -> None:
    narrow = replace(SETTINGS, width=1, iterations=3)
    found: Refit = refit_of(now(), shop(), parent(), settings=narrow)
    comparison = found.comparison
    assert comparison is not None
    assert found.is_worse
    assert comparison.refit_recall < comparison.parent_recall - 2 * comparison.error
    assert found.overlap < 0.9


def test_a_version_is_not_worse_than_itself_and_worse_is_not_mutual() -> None:
    held_out = hold_out(now(), AN_HOUR_AGO)
    narrow = refit_of(now(), shop(), None, settings=replace(SETTINGS, width=1)).factors
    same = compare(parent(), parent(), held_out, RULES)
    assert same is not None
    assert (same.error, same.is_worse) == (0.0, False)
    assert compare(parent(), narrow, held_out, RULES).is_worse
    assert not compare(narrow, parent(), held_out, RULES).is_worse


def test_too_few_shoppers_prove_nothing() -> None:
    assert compare(parent(), parent(), hold_out(now()[:9], AN_HOUR_AGO), RULES) is None


def test_versions_that_are_the_same_give_the_same_lists() -> None:
    assert overlap(now(), shop(), parent(), parent(), RULES, NOW) == 1
    assert overlap([], shop(), parent(), parent(), RULES, NOW) == 1
    mixed = np.random.default_rng(0).permutation(parent().product_factors)
    other = replace(parent(), product_factors=mixed)
    assert overlap(now(), shop(), parent(), other, RULES, NOW) < 0.6


def test_neither_parent_nor_refit_has_seen_what_they_are_compared_on() -> None:
    minutes = [NOW - timedelta(minutes=m) for m in (30, 10)]
    assert start_of_held_out(now(), None, NOW) == AN_HOUR_AGO
    assert start_of_held_out(now(), minutes[0], NOW) == minutes[0]
    assert start_of_held_out((), None, NOW) == AN_HOUR_AGO
    young = start_of_held_out(earlier(), None, NOW - timedelta(hours=4, minutes=55))
    held = hold_out(earlier(), young)
    total = sum(len(state.interactions) for state in earlier())
    assert 0 < total - sum(len(state.interactions) for state in held.before) <= 0.2 * total


def test_what_is_held_out_is_what_came_since() -> None:
    held_out = hold_out(now(), AN_HOUR_AGO)
    assert [s.interactions for s in held_out.before] == [s.interactions for s in earlier()]
    assert all(len(products) == 1 for products in held_out.wanted)
    at = NOW - timedelta(minutes=1)
    gone = feedback("u0", "product-1", kind="dismiss", at=at)
    disliked = hold_out([apply(earlier()[0], gone, at, RULES)], AN_HOUR_AGO)
    assert (disliked.wanted, disliked.before[0].interactions) == ([], earlier()[0].interactions)


def test_a_product_that_nobody_touched_stands_among_those_that_look_like_it() -> None:
    catalogue, looks = shop(), {}
    for number in range(PRODUCTS + 1):
        source = f"{number:064x}"
        catalogue.put_product(worlds.product(number, 1))
        catalogue.put_render(with_source(number, source))
        looks[source] = Embedding(model="n", vector=np.eye(TASTES)[number % TASTES].tolist())
    plain = refit_of(now(), catalogue, parent()).factors
    placed = refit_of(now(), catalogue, parent(), looks.get).factors
    assert placed.product_ids[placed.fitted :] == (f"product-{PRODUCTS}",)
    mean = plain.fitted_factors.mean(axis=0)
    np.testing.assert_allclose(plain.product_factors[-1], mean, atol=1e-5)
    likes = [rank_of_last(placed, state) for state in now()[0::TASTES]]
    others = [rank_of_last(placed, state) for state in now()[1::TASTES]]
    assert np.mean(likes) < np.mean(others) - 3


def test_a_few_clicks_move_a_new_product_to_those_who_clicked() -> None:
    catalogue = shop()
    catalogue.put_product(worlds.product(PRODUCTS, 1))
    at = NOW - timedelta(minutes=5)
    clicked = [
        apply(state, feedback(state.user_id, f"product-{PRODUCTS}", at=at), at, RULES)
        for state in now()[1 : 2 * TASTES : TASTES]
    ]
    before = refit_of(now(), catalogue, parent()).factors
    others = [*now()[2 * TASTES :], *now()[0 : 2 * TASTES : TASTES]]
    after = refit_of([*clicked, *others], catalogue, parent()).factors
    assert after.fitted == PRODUCTS
    same_taste = now()[1 + 4 * TASTES :: TASTES]
    ranks = [[rank_of_last(f, state) for state in same_taste] for f in (before, after)]
    assert np.mean(ranks[1]) < np.mean(ranks[0])


def with_source(number: int, source: str):
    return structs.replace(worlds.render(f"product-{number}", "neon"), source_sha256=source)


def rank_of_last(factors: Factors, state: UserState) -> int:
    """The place of the artifact's last product among all, for a shopper."""
    place_of = {name: place for place, name in enumerate(factors.product_ids)}
    own = np.array([place_of[item.product_id] for item in state.interactions])
    own = own[own < factors.fitted]
    ones = np.ones(len(own), dtype=np.float32)
    vector = fold_in_one(factors.fitted_factors, factors.regularization, own, 2 * ones, ones)
    scores = factors.product_factors @ vector
    return int((scores > scores[-1]).sum())


def test_a_refit_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    older, encodings = parent(), []
    encode = artifact.encode
    monkeypatch.setattr(artifact, "encode", lambda made: encodings.append(made) or encode(made))
    found: Refit = refit_of(now(), shop(), older)
    assert len(encodings) == 1
    assert found.artifact.content == encode(found.factors)
    assert found.factors.version == artifact.version_of(found.artifact.digest)


def test_a_refit_needs_as_many_shoppers_and_products_as_are_stated() -> None:
    touched = len({item.product_id for state in earlier() for item in state.interactions})
    for shoppers, products, enough in (
        (SHOPPERS, touched, True),
        (SHOPPERS + 1, touched, False),
        (SHOPPERS, touched + 1, False),
    ):
        settings = replace(SETTINGS, least_shoppers=shoppers, least_products=products)
        assert (refit_of(earlier(), shop(), None, settings=settings) is not None) == enough
