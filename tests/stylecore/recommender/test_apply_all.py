"""Many events at once give the state that one after the other give, byte for byte."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import NOW, feedback

from schemas.codec import encode
from schemas.events import UserState
from stylecore.recommender.rules import Rules
from stylecore.recommender.state import apply, apply_all, empty
from stylecore.recommender.style_counts import MOST_STYLES, PLACES

RULES = Rules()
STYLES = [None, "neon", "pastel", "ink-line", *(f"style-{n}" for n in range(MOST_STYLES))]


def known(style_counts: bool = True) -> UserState:
    """Somebody who has clicked, with counts or as states were written before there were any."""
    state = apply(empty("ada"), feedback("ada", "mug", "neon", propensity=0.1), NOW, RULES)
    if style_counts:
        return state
    return UserState(user_id="ada", interactions=state.interactions)


@st.composite
def steps(draw: st.DrawFn):
    """Mostly impressions, of a few lists, some of them late, doubled or a month after the rest."""
    kinds = st.sampled_from(["impression"] * 6 + ["click", "dismiss"])
    found, now = [], NOW
    for number in range(draw(st.integers(0, 25))):
        now += timedelta(seconds=draw(st.sampled_from([0, 1, 50_000, 2_600_000])))
        event = feedback(
            "ada",
            f"product-{draw(st.integers(0, 3))}",
            draw(st.sampled_from(STYLES[:4])),
            draw(kinds),
            now - timedelta(seconds=draw(st.sampled_from([0, 0, 3600]))),
            event_id=f"event-{draw(st.sampled_from([number, 0]))}",
            recommendation_id=draw(st.sampled_from([None, "one", "two"])),
            position=draw(st.sampled_from([None, 0, 1, 2, 3, PLACES])),
            propensity=0.2,
        )
        found.append((event, now))
    return found


@given(st.sampled_from([empty("ada"), known(), known(style_counts=False)]), steps())
def test_all_at_once_are_one_after_the_other(state, chosen):
    expected, last_action = state, None
    for place, (event, now) in enumerate(chosen):
        after = apply(expected, event, now, RULES)
        if after is not expected and event.kind != "impression":
            last_action = place
        expected = after
    found = apply_all(state, chosen, RULES)
    assert encode(found.state) == encode(expected)
    assert found.acted == last_action
    assert (found.changed is None) == (found.state is state) == (expected is state)


def test_a_run_of_impressions_keeps_the_bound_of_styles():
    chosen = [
        (
            feedback("ada", "mug", style, "impression", recommendation_id=f"list-{n}", position=0),
            NOW,
        )
        for n, style in enumerate(STYLES)
    ]
    expected = known()
    for event, now in chosen:
        expected = apply(expected, event, now, RULES)
    found = apply_all(known(), chosen, RULES)
    assert encode(found.state) == encode(expected)
    assert len(found.state.style_counts.styles) == MOST_STYLES


@pytest.mark.parametrize("apart", [timedelta(0), timedelta(days=1)])
def test_thousands_of_styles_and_of_days_in_one_batch(apart):
    """A page may name styles that no shop has, and a backlog may hold years."""
    chosen = [
        (
            feedback(
                "ada",
                "mug",
                f"unheard-{n}",
                "impression",
                NOW + n * apart,
                recommendation_id=f"list-{n}",
                position=n % PLACES,
            ),
            NOW + n * apart,
        )
        for n in range(3000)
    ]
    expected = known()
    for event, now in chosen:
        expected = apply(expected, event, now, RULES)
    found = apply_all(known(), chosen, RULES)
    assert encode(found.state) == encode(expected)
    assert len(found.state.style_counts.styles) <= MOST_STYLES
