"""What a shopper saw and left: counted once a place, aged, bounded, and held against its style."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from preference_oracles import style_weights
from worlds import NOW, feedback

from schemas.codec import decode, encode
from schemas.events import Feedback, StyleCount, UserState
from stylecore.recommender.rules import CHOICE, Rules
from stylecore.recommender.state import apply, empty, style_evidence
from stylecore.recommender.style_counts import MOST_STYLES, PLACES
from stylecore.recommender.style_policy import USUAL_ACTIONS, by_style, log_odds

RULES = Rules()
FIRST = feedback("ada", "mug", "neon", propensity=0.1)


def seen(style: str, position: int, at: datetime = NOW, of: str = "list") -> Feedback:
    return feedback(
        "ada",
        f"product-{position}",
        style,
        "impression",
        at,
        recommendation_id=of,
        position=position,
    )


def acted(style: str, position: int, kind: str = "click", of: str = "list") -> Feedback:
    return feedback(
        "ada",
        f"product-{position}",
        style,
        kind,
        propensity=0.1,
        recommendation_id=of,
        position=position,
    )


def after(*events: Feedback) -> UserState:
    """The state of somebody who has clicked FIRST, and then this."""
    state = apply(empty("ada"), FIRST, NOW, RULES)
    for event in events:
        state = apply(state, event, event.occurred_at, RULES)
    return state


def counts(state: UserState) -> dict[str, tuple[float, float]]:
    assert state.style_counts is not None
    return {one.style_id: (one.seen, one.acted) for one in state.style_counts.styles}


def test_what_is_seen_and_left_speaks_against_its_style() -> None:
    left = style_weights(after(seen("pastel", 0)), NOW, RULES)
    clicked = style_weights(after(seen("pastel", 0), acted("pastel", 0)), NOW, RULES)
    assert left["pastel"] < 0 < clicked["pastel"]


def test_a_place_of_a_list_counts_once_whatever_order_it_is_told_in() -> None:
    once = after(seen("neon", 3), seen("pastel", 1))
    assert after(seen("neon", 3), seen("pastel", 1), seen("neon", 3)) == once
    assert counts(once) == {"neon": (1, 0), "pastel": (1, 0)}
    assert counts(after(seen("neon", 3), seen("neon", 3, of="next"))) == {"neon": (2, 0)}


def test_a_click_its_cart_and_its_purchase_are_one_action() -> None:
    bought = after(*(event for event in (seen("neon", 0), acted("neon", 0))))
    for kind in ("click", "cart", "purchase"):
        bought = apply(bought, acted("neon", 0, kind), NOW, RULES)
    assert counts(bought) == {"neon": (1, 1)}


def test_of_a_passer_by_nothing_is_kept() -> None:
    state = empty("ada")
    assert apply(state, seen("neon", 0), NOW, RULES) is state


@pytest.mark.parametrize("lacking", ["style_id", "recommendation_id", "position"])
def test_an_impression_that_does_not_say_where_is_left_out(lacking: str) -> None:
    state, event = after(), seen("neon", 0)
    assert apply(state, msgspec.structs.replace(event, **{lacking: None}), NOW, RULES) is state
    assert apply(state, seen("neon", PLACES), NOW, RULES) is state
    assert apply(state, seen("neon", PLACES - 1), NOW, RULES) is not state


def test_without_impressions_the_propensity_tells_and_once_a_product() -> None:
    gained = style_evidence(0.1, RULES)
    assert style_weights(after(), NOW, RULES)["neon"] == pytest.approx(gained, abs=1e-3)
    again = feedback("ada", "mug", "neon", "cart", propensity=0.1)
    assert style_weights(after(again), NOW, RULES) == style_weights(after(), NOW, RULES)
    other = after(acted("neon", 1))
    assert style_weights(other, NOW, RULES)["neon"] == pytest.approx(2 * gained, abs=2e-3)


def test_a_dismissal_leaves_its_impression_standing() -> None:
    dismissed = after(seen("pastel", 0), acted("pastel", 0, "dismiss"))
    assert counts(dismissed) == counts(after(seen("pastel", 0)))


def test_counts_halve_in_a_half_life_and_a_late_impression_counts_less() -> None:
    then = NOW + RULES.half_life
    aged = apply(after(seen("neon", 0)), seen("pastel", 1, then), then, RULES)
    assert counts(aged)["neon"][0] == pytest.approx(0.5, abs=1e-3)
    late = apply(after(), seen("pastel", 1, NOW - RULES.half_life), NOW, RULES)
    assert counts(late)["pastel"][0] == pytest.approx(0.5)


def test_what_has_aged_away_is_dropped() -> None:
    then = NOW + 20 * RULES.half_life
    assert set(counts(apply(after(seen("neon", 0)), seen("pastel", 1, then), then, RULES))) == {
        "pastel"
    }


def test_styles_are_bounded_and_the_one_that_says_least_goes() -> None:
    looks = [seen(f"style-{n}", n % 50, of=f"list-{n // 50}") for n in range(2 * MOST_STYLES)]
    kept = counts(after(*looks))
    assert len(kept) == MOST_STYLES
    assert kept["neon"] == (0, 0)  # a click weighs more than an impression
    assert f"style-{2 * MOST_STYLES - 1}" in kept


def test_a_state_from_before_the_counts_keeps_its_taste() -> None:
    old = msgspec.structs.replace(after(acted("neon", 1)), style_counts=None)
    assert b"style_counts" not in encode(old)
    before = style_weights(decode(UserState, encode(old)), NOW, RULES)
    assert before["neon"] == pytest.approx(2 * style_evidence(0.1, RULES))
    moved = apply(old, seen("neon", 0), NOW, RULES)
    assert style_weights(moved, NOW, RULES)["neon"] == pytest.approx(before["neon"], abs=0.5)
    assert style_weights(moved, NOW, RULES)["neon"] < before["neon"]


def test_an_older_reader_can_do_without_the_counts() -> None:
    class OldState(msgspec.Struct):
        user_id: str
        interactions: list
        recent_events: list

    assert msgspec.json.decode(encode(after(seen("neon", 0))), type=OldState).user_id == "ada"


def test_the_posterior_is_bayes_rule_with_the_rate_integrated_out() -> None:
    rules = Rules(style_odds=5.0, usual_rate=0.06)
    shown, clicks = np.array([[12.0, 7.0, 3.0]]), np.array([[4.0, 1.0, 0.0]])
    rates = np.linspace(1e-4, 1.5, 20_000)
    prior = rates ** (USUAL_ACTIONS - 1) * np.exp(-USUAL_ACTIONS / rules.usual_rate * rates)

    def likelihood(favourite: int) -> float:
        odds = np.where(np.arange(3) == favourite, rules.style_odds, 1.0)
        means = rates[:, None] * odds * shown
        return float((np.prod(means**clicks * np.exp(-means), axis=1) * prior).sum())

    wanted = np.array([likelihood(favourite) for favourite in range(3)])
    found = np.exp(log_odds(shown, clicks, np.zeros_like(shown), rules)[0])
    np.testing.assert_allclose(found / found.sum(), wanted / wanted.sum(), rtol=1e-3)


def test_a_style_that_the_shop_no_longer_has_still_tells_of_the_shopper_s_rate() -> None:
    state = after(seen("neon", 0), *(seen("gone", place) for place in range(1, 9)))
    table = by_style([state, empty("bob")], NOW, RULES, {"original": 0, "neon": 1})
    assert table.shape == (2, 2)
    assert table[0, 1] == pytest.approx(style_weights(state, NOW, RULES)["neon"])
    assert not table[1].any()


@given(st.lists(st.tuples(st.integers(0, 70), st.sampled_from("abc"), st.integers(-3, 3))))
def test_no_stream_of_impressions_breaks_the_state(stream: list[tuple[int, str, int]]) -> None:
    state, now = after(), NOW
    for position, style, days in stream:
        now += timedelta(days=days)
        state = apply(state, seen(style, position, now), now, RULES)
    assert decode(UserState, encode(state)) == state
    assert all(isinstance(one, StyleCount) for one in state.style_counts.styles)


@given(
    st.lists(st.sampled_from(["neon", "pastel", "ink-line"]), max_size=12),
    st.integers(0, 11),
    st.floats(0.001, 1),
)
def test_a_chosen_style_counts_at_least_as_much_as_a_click_on_the_shelf(
    shown: list[str], clicked: int, propensity: float
) -> None:
    """Whatever was seen before, and however unlikely the click's style was."""
    columns = {"neon": 0, "pastel": 1, "ink-line": 2}
    state = apply(empty("ada"), feedback("ada", "first", "pastel"), NOW, RULES)
    for place, style in enumerate(shown):
        state = apply(state, seen(style, place), NOW, RULES)
    click = msgspec.structs.replace(acted("neon", clicked), propensity=propensity)
    choice = msgspec.structs.replace(click, policy=CHOICE, propensity=1 / 3)
    liking = [
        by_style([apply(state, event, NOW, RULES)], NOW, RULES, columns)[0, 0]
        for event in (click, choice)
    ]
    assert liking[1] >= liking[0] - 1e-2  # counts are stored with three digits
