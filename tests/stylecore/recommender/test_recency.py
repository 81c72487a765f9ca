"""The newest products count most, by the order of actions and not of their delivery."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st
from preference_oracles import fold_in_one, newest_first, recent_weights
from worlds import NOW, feedback

from schemas.codec import decode, encode
from schemas.events import UserState
from stylecore.recommender.foldin import whitening
from stylecore.recommender.interactions import UNRANKED, by_product, gather
from stylecore.recommender.rules import Recency, Rules, lifetime
from stylecore.recommender.shopper_vectors import fold_in_shoppers
from stylecore.recommender.state import apply, empty

RULES = Rules()
PRODUCTS, WIDTH, REGULARIZATION = 12, 4, 0.05
SHOP = worlds.catalogue(PRODUCTS)
for gone in (3, 4):
    SHOP.remove_product(f"product-{gone}")
KINDS = ["click", "click", "cart", "purchase", "dismiss"]


@st.composite
def steps(draw: st.DrawFn, products: int = PRODUCTS):
    """Actions of one shopper in the order of delivery: at equal times, late, or months apart."""
    found, now = [], NOW
    for number in range(draw(st.integers(0, 30))):
        now += timedelta(seconds=draw(st.sampled_from([0, 0, 1, 3600, 86_400 * 20])))
        late = timedelta(seconds=draw(st.sampled_from([0, 0, -5, 1, 3600, 86_400])))
        event = feedback(
            "ada",
            f"product-{draw(st.integers(0, products - 1))}",
            draw(st.sampled_from([None, "neon", "pastel"])),
            draw(st.sampled_from(KINDS)),
            now - late,
            event_id=f"event-{number}",
        )
        found.append((event, now))
    return found


RECENCIES = st.builds(
    Recency,
    scale=st.sampled_from([0.5, 5.0, 20.0]),
    decay=st.sampled_from([0.5, 0.8, 1.0]),
    newest=st.sampled_from([1, 3, 20, 1000]),
)


def after(chosen) -> UserState:
    state = empty("ada")
    for event, now in chosen:
        state = apply(state, event, now, RULES)
    return state


def interactions(states: list[UserState], now):
    return by_product(gather(states, now, RULES, SHOP.row_of, SHOP.column_of), PRODUCTS)


@given(steps(), st.sampled_from([0, 1, 15, 400]))
def test_the_ranks_are_the_order_of_actions(chosen, days: int) -> None:
    state = after(chosen)
    now = (chosen[-1][1] if chosen else NOW) + timedelta(days=days)
    done = interactions([empty("before"), state, state], now)
    expected = newest_first(chosen, state, now, RULES)
    for user in (1, 2):
        own = slice(*done.starts[user : user + 2])
        order = {
            SHOP.product_ids[row]: rank
            for row, rank in zip(done.product[own], done.rank[own].tolist(), strict=True)
        }
        ranked = [name for name, rank in order.items() if rank != UNRANKED]
        assert sorted(ranked, key=order.__getitem__) == expected
        assert sorted(order[name] for name in ranked) == list(range(len(expected)))


@given(steps(), RECENCIES, st.integers(0, 2**32))
def test_the_fold_in_solves_the_equation_of_the_newest_products(chosen, recency, seed) -> None:
    state = after(chosen)
    now = (chosen[-1][1] if chosen else NOW) + timedelta(days=3)
    factors = np.random.default_rng(seed).normal(size=(PRODUCTS, WIDTH)).astype(np.float32)
    factors[5] = 0  # a product that the factors lack and that has no peers
    white = whitening(factors, REGULARIZATION)
    folded = fold_in_shoppers(white.whiten(factors), interactions([state], now), recency)
    weights = recent_weights(chosen, state, now, RULES, recency)
    confidences, preferences = np.array(list(weights.values())).reshape(-1, 2).T
    exact = fold_in_one(
        factors,
        REGULARIZATION,
        np.array([SHOP.row_of[name] for name in weights], dtype=np.int64),
        confidences,
        preferences,
    )
    (vector,) = white.unwhiten(folded)
    np.testing.assert_allclose(vector, exact, rtol=1e-3, atol=1e-4)


@given(steps())
def test_what_is_delivered_in_another_order_ranks_the_same(chosen) -> None:
    """Of different times: of equal ones, the order of delivery is all there is."""
    arrival = NOW + timedelta(days=1)
    spread = [
        (feedback("ada", event.product_id, event.style_id, event.kind, NOW + n * worlds.MINUTE), n)
        for n, (event, _) in enumerate(chosen)
    ]
    one, other = (
        interactions([after([(event, arrival) for event, _ in order])], arrival)
        for order in (spread, spread[::-1])
    )
    np.testing.assert_array_equal(one.product, other.product)
    np.testing.assert_array_equal(one.rank, other.rank)


def test_a_state_written_before_there_was_an_order_keeps_its_own() -> None:
    """Old records have no times of actions; what is appended since comes after them."""
    line = (
        b'{"user_id":"ada","interactions":['
        b'{"product_id":"product-1","weight":1.0,"updated_at":"2026-11-01T00:00:00Z"},'
        b'{"product_id":"product-2","weight":3.0,"updated_at":"2026-11-02T00:00:00Z"}]}'
    )
    old = decode(UserState, line)
    assert encode(old) == line
    state = apply(old, feedback("ada", "product-0", at=NOW), NOW, RULES)
    done = interactions([state], NOW)
    assert [SHOP.product_ids[row] for row in done.product[np.argsort(done.rank)]] == [
        "product-0",
        "product-2",
        "product-1",
    ]


def test_ten_thousand_actions_in_a_second_keep_their_order() -> None:
    state = empty("ada")
    for number in range(10_000):
        event = feedback("ada", f"product-{number % PRODUCTS}", at=NOW, event_id=f"e{number}")
        state = apply(state, event, NOW, RULES)
    done = interactions([state], NOW)
    newest = [SHOP.product_ids[row] for row in done.product[np.argsort(done.rank)]]
    last = [f"product-{number % PRODUCTS}" for number in range(9999, 9999 - PRODUCTS, -1)]
    assert newest == last


@pytest.mark.parametrize("recency", [Recency(), lifetime(1.0)])
def test_one_shopper_and_one_product(recency: Recency) -> None:
    state = after([(feedback("ada", "product-1"), NOW)])
    features = np.ones((PRODUCTS, 1), dtype=np.float32)
    folded = fold_in_shoppers(features, interactions([state], NOW), recency)
    np.testing.assert_allclose(folded, [[1.0]], rtol=1e-6)
    assert not fold_in_shoppers(features, interactions([], NOW), recency).size


def test_a_late_dismissal_of_what_was_clicked_since_changes_no_order() -> None:
    minute = timedelta(minutes=1)
    clicks = [
        (feedback("ada", f"product-{n}", at=NOW + n * minute), NOW + n * minute) for n in range(3)
    ]
    late = feedback("ada", "product-0", kind="dismiss", at=NOW - minute)
    before, with_late = after(clicks), after([*clicks, (late, NOW + 3 * minute)])
    one, other = (interactions([state], NOW + 3 * minute) for state in (before, with_late))
    np.testing.assert_array_equal(one.rank, other.rank)
    assert not other.dismissed.any()
