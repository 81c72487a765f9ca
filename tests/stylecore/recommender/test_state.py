"""The state of a shopper: what counts, what is forgotten, and that a replay repeats it."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from preference_oracles import product_weights, style_weights
from worlds import NOW, feedback

from schemas.codec import decode, encode
from schemas.events import Feedback, UserState
from stylecore.errors import SettingsError
from stylecore.recommender.rules import Rules
from stylecore.recommender.state import (
    DISMISSED_CONFIDENCE,
    apply,
    dismissed_products,
    empty,
    style_evidence,
)

RULES = Rules()
KINDS = ("impression", "click", "cart", "purchase", "dismiss")
DAYS = st.floats(-40, 3).map(lambda days: timedelta(days=days))


@st.composite
def streams(draw: st.DrawFn) -> list[tuple[Feedback, timedelta]]:
    """Events of one shopper with the time, after NOW, of their records; some are repeated."""
    events = draw(
        st.lists(
            st.builds(
                feedback,
                user_id=st.just("ada"),
                product_id=st.sampled_from(["mug", "cap", "bag", "lamp"]),
                style_id=st.sampled_from([None, "neon", "original"]),
                kind=st.sampled_from(KINDS),
                at=DAYS.map(lambda since: NOW + since),
                event_id=st.integers(0, 30).map(lambda number: f"event-{number}"),
                propensity=st.none() | st.floats(0.01, 1),
                recommendation_id=st.sampled_from([None, "list-1", "list-2"]),
                position=st.none() | st.integers(0, 70),
            ),
            max_size=30,
        )
    )
    gaps = st.floats(-600, 40_000).map(lambda seconds: timedelta(seconds=seconds))
    return [(event, draw(gaps)) for event in events]


def replayed(stream: list[tuple[Feedback, timedelta]], rules: Rules = RULES) -> UserState:
    state, now = empty("ada"), NOW
    for event, gap in stream:
        now += gap
        state = apply(state, event, now, rules)
    return state


def clicked(*events: Feedback, rules: Rules = RULES) -> UserState:
    """The state after events that arrive when they happen."""
    state = empty("ada")
    for event in events:
        state = apply(state, event, event.occurred_at, rules)
    return state


@given(streams())
def test_a_replay_gives_the_same_bytes(stream: list[tuple[Feedback, timedelta]]) -> None:
    assert encode(replayed(stream)) == encode(replayed(stream))


@given(streams(), st.integers(0, 30))
def test_a_state_restored_from_its_bytes_goes_on_the_same(
    stream: list[tuple[Feedback, timedelta]], cut: int
) -> None:
    state, now = empty("ada"), NOW
    for place, (event, gap) in enumerate(stream):
        if place == cut:
            state = decode(UserState, encode(state))
        now += gap
        state = apply(state, event, now, RULES)
    assert encode(state) == encode(replayed(stream))


@given(streams())
def test_every_state_is_a_valid_event(stream: list[tuple[Feedback, timedelta]]) -> None:
    state = replayed(stream)
    assert decode(UserState, encode(state)) == state


@pytest.mark.parametrize(("kind", "weight"), [("click", 1), ("cart", 3), ("purchase", 5)])
def test_kinds_count_as_designed(kind: str, weight: float) -> None:
    state = clicked(feedback("ada", "mug", kind=kind))
    assert product_weights(state, NOW, RULES) == (["mug"], [1.0 + weight], [1.0])


def test_alpha_scales_the_confidence() -> None:
    state = clicked(feedback("ada", "mug"))
    assert product_weights(state, NOW, RULES, alpha=40.0)[1] == [41.0]


def test_a_weight_halves_in_a_half_life_and_adds_up_over_styles() -> None:
    later = NOW + RULES.half_life
    state = clicked(feedback("ada", "mug", "neon"), feedback("ada", "mug", "pastel", at=later))
    assert product_weights(state, later, RULES)[1] == pytest.approx([1 + 0.5 + 1])


def test_an_impression_of_no_known_place_leaves_the_very_same_state() -> None:
    state = clicked(feedback("ada", "mug"))
    assert apply(state, feedback("ada", "cap", kind="impression"), NOW, RULES) is state


def test_a_repeated_id_counts_once_within_its_window() -> None:
    click = feedback("ada", "mug", event_id="again")
    state = clicked(click)
    assert apply(state, click, NOW + timedelta(hours=23, minutes=59), RULES) is state
    assert apply(state, click, NOW + timedelta(hours=24), RULES) is not state


def test_only_the_last_ids_are_remembered_and_impressions_take_no_place() -> None:
    rules = Rules(repeat_events=2)
    first, *others = (feedback("ada", "mug", event_id=name) for name in "abc")
    shown = [feedback("ada", "mug", kind="impression", event_id=str(n)) for n in range(5)]
    state = clicked(first, others[0], *shown, rules=rules)
    assert apply(state, first, NOW, rules) is state
    state = clicked(first, *others, rules=rules)
    assert [seen.event_id for seen in state.recent_events] == ["b", "c"]
    assert apply(state, first, NOW, rules) is not state


def test_a_late_event_counts_as_if_it_had_come_in_time() -> None:
    since = NOW - RULES.half_life
    late = apply(empty("ada"), feedback("ada", "mug", at=since), NOW, RULES)
    assert product_weights(late, NOW, RULES)[1] == pytest.approx([1.5])


def test_an_event_from_the_future_counts_as_of_now() -> None:
    ahead = feedback("ada", "mug", at=NOW + timedelta(days=400), kind="dismiss")
    state = apply(empty("ada"), ahead, NOW, RULES)
    assert dismissed_products(state, NOW, RULES) == {"mug"}
    assert not dismissed_products(state, NOW + RULES.cool_down, RULES)


@pytest.mark.parametrize("kind", ["impression", "click", "cart", "purchase", "dismiss"])
def test_a_clock_a_day_ahead_changes_nothing_and_one_a_day_behind_a_day_s_decay(kind: str) -> None:
    day = timedelta(days=1)
    known = clicked(feedback("ada", "cap", "neon", at=NOW - day))

    def after(occurred: datetime) -> UserState:
        event = feedback(
            "ada", "mug", "neon", kind, occurred, "event", 0.1, recommendation_id="l", position=0
        )
        return apply(known, event, NOW, RULES)

    assert encode(after(NOW + day)) == encode(after(NOW))
    late, left = after(NOW - day), 2.0 ** (-day / RULES.half_life)
    if kind == "impression":
        assert late.style_counts.styles[0].seen == pytest.approx(left, abs=1e-3)
    elif kind == "dismiss":
        assert late.interactions[-1].dismissed_at == NOW - day
    else:
        weight = after(NOW).interactions[-1].weight
        assert late.interactions[-1].weight == pytest.approx(weight * left)


def test_a_clock_that_goes_back_does_not_inflate_weights() -> None:
    state = clicked(feedback("ada", "mug"))
    state = apply(state, feedback("ada", "mug", kind="cart"), NOW - timedelta(days=300), RULES)
    assert product_weights(state, NOW, RULES)[1] == pytest.approx([5.0])


def test_a_dismissal_rules_until_its_cool_down_ends() -> None:
    state = clicked(
        feedback("ada", "mug", "neon"), feedback("ada", "mug", "pastel", kind="dismiss")
    )
    assert product_weights(state, NOW, RULES) == (["mug"], [DISMISSED_CONFIDENCE], [-1.0])
    over = NOW + RULES.cool_down
    assert product_weights(state, over, RULES)[2] == [1.0]


def test_a_dismissal_that_comes_late_does_not_undo_the_purchase_after_it() -> None:
    minute = timedelta(minutes=1)
    dismissal = feedback("ada", "mug", "neon", kind="dismiss", at=NOW)
    for kind in ("click", "cart", "purchase"):
        for style in ("neon", "pastel"):
            bought = feedback("ada", "mug", style, kind=kind, at=NOW + 5 * minute)
            state = apply(empty("ada"), bought, NOW + 6 * minute, RULES)
            state = apply(state, dismissal, NOW + 7 * minute, RULES)
            assert not dismissed_products(state, NOW + 8 * minute, RULES)


@st.composite
def deliveries(draw: st.DrawFn) -> list[Feedback]:
    """Dismissals and other actions of a day, each with an id of its own; delivered afterwards."""
    events = st.builds(
        feedback,
        user_id=st.just("ada"),
        product_id=st.sampled_from(["mug", "cap"]),
        style_id=st.sampled_from([None, "neon", "pastel"]),
        kind=st.sampled_from(["click", "cart", "purchase", "dismiss"]),
        at=st.integers(0, 200).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    )
    found = draw(st.lists(events, min_size=2, max_size=6))
    return [replace(event, event_id=f"event-{place}") for place, event in enumerate(found)]


@given(deliveries(), st.randoms(use_true_random=False))
def test_what_is_hidden_does_not_depend_on_the_order_of_delivery(
    events: list[Feedback], random: Random
) -> None:
    other = events.copy()
    random.shuffle(other)
    after = NOW + timedelta(minutes=10)

    def hidden(order: list[Feedback]) -> tuple[set[str], list[float]]:
        state = empty("ada")
        for place, event in enumerate(order):
            state = apply(state, event, after + timedelta(seconds=place), RULES)
        _, _, preferences = product_weights(state, after + timedelta(minutes=1), RULES)
        return dismissed_products(state, after + timedelta(minutes=1), RULES), sorted(preferences)

    assert hidden(events) == hidden(other)
    expected = {
        event.product_id
        for event in events
        if event.kind == "dismiss"
        and all(
            act.occurred_at <= event.occurred_at
            for act in events
            if act.product_id == event.product_id and act.kind != "dismiss"
        )
    }
    assert hidden(events)[0] == expected


def test_a_click_takes_a_dismissal_back_but_an_older_click_does_not() -> None:
    dismissal = feedback("ada", "mug", "neon", kind="dismiss")
    before = feedback("ada", "mug", "pastel", at=NOW - timedelta(hours=1))
    after = feedback("ada", "mug", "pastel", at=NOW + timedelta(hours=1))
    state = apply(clicked(dismissal), before, NOW, RULES)
    assert dismissed_products(state, NOW, RULES) == {"mug"}
    state = apply(state, after, after.occurred_at, RULES)
    assert not dismissed_products(state, after.occurred_at, RULES)


def test_history_is_bounded_and_the_weakest_go_first() -> None:
    rules = Rules(history=8)
    bought = feedback("ada", "treasure", kind="purchase", at=NOW - timedelta(days=10))
    hated = feedback("ada", "horror", kind="dismiss", at=NOW - timedelta(days=9))
    clicks = [
        feedback("ada", f"product-{n}", at=NOW + timedelta(minutes=n), event_id=f"e{n}")
        for n in range(100)
    ]
    state = clicked(bought, hated, *clicks, rules=rules)
    kept = {seen.product_id for seen in state.interactions}
    assert len(state.interactions) <= rules.history
    assert {"treasure", "horror", "product-99", "product-98"} <= kept
    assert "product-0" not in kept


@given(st.integers(1, 40))
def test_whatever_happened_last_is_always_kept(history: int) -> None:
    rules = Rules(history=history)
    bought = [feedback("ada", f"p{n}", kind="purchase", event_id=f"e{n}") for n in range(60)]
    state = clicked(*bought, feedback("ada", "last", event_id="last"), rules=rules)
    assert state.interactions[-1].product_id == "last"
    assert len(state.interactions) <= history


def test_ten_thousand_clicks_in_a_second_do_not_drown_the_rest() -> None:
    state = empty("ada")
    for number in range(10_000):
        click = feedback("ada", "mug", "neon", event_id=f"e{number}")
        state = apply(state, click, NOW, RULES)
    assert product_weights(state, NOW, RULES)[1] == [1.0 + RULES.weight_cap]
    assert len(state.recent_events) == RULES.repeat_events


def test_a_style_that_was_rarely_shown_gains_more_by_a_click() -> None:
    rare, usual, sure = (style_evidence(share, RULES) for share in (0.01, 0.1, 1.0))
    assert rare > usual > sure == 0
    assert style_evidence(None, RULES) == style_evidence(0.5, RULES)


def test_a_repeated_look_at_one_picture_is_not_new_evidence() -> None:
    once = clicked(feedback("ada", "mug", "neon", propensity=0.1))
    more = apply(once, feedback("ada", "mug", "neon", kind="cart", propensity=0.1), NOW, RULES)
    assert style_weights(more, NOW, RULES) == style_weights(once, NOW, RULES)
    other = apply(once, feedback("ada", "cap", "neon", propensity=0.1), NOW, RULES)
    assert style_weights(other, NOW, RULES)["neon"] > style_weights(once, NOW, RULES)["neon"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("half_life", timedelta(0)),
        ("history", 0),
        ("history", 1001),
        ("repeat_events", 257),
        ("style_odds", 1.0),
        ("usual_rate", 0.0),
    ],
)
def test_senseless_rules_are_refused_by_name(setting: str, value: object) -> None:
    with pytest.raises(SettingsError, match=setting):
        Rules(**{setting: value})
