"""The sweep to a new edition: everybody once, a few at a time, nobody over an own list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from schemas.events import SeenEvent, UserState
from workers.settings import load_settings
from workers.sweep import YOUNG, Sweep
from workers.user_states import UserStates

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(days=1)


def state(user_id: str, at: datetime = EARLIER) -> UserState:
    return UserState(user_id=user_id, recent_events=(SeenEvent("event", at),))


@pytest.fixture
def states() -> UserStates:
    """Five shoppers in two partitions, committed."""
    found = UserStates(load_settings())
    found.own({0: {}, 3: {}})
    for number, user_id in ((0, "a"), (0, "b"), (0, "c"), (3, "d"), (3, "e")):
        found.put(number, state(user_id))
    found.commit()
    return found


def taken(sweep: Sweep, count: int) -> str:
    return "".join(found.user_id for _, found in sweep.take(count))


def test_the_first_edition_sweeps_nobody_and_another_one_everybody_a_few_at_a_time(states):
    sweep = Sweep(states)
    sweep.to_edition("one", NOW)
    assert taken(sweep, 9) == ""
    sweep.to_edition("two", NOW)
    sweep.to_edition("two", NOW)
    assert [taken(sweep, 2), taken(sweep, 2), taken(sweep, 2), taken(sweep, 2)] == [
        "ab",
        "cd",
        "e",
        "",
    ]


def test_what_was_aborted_comes_again_and_what_was_committed_does_not(states):
    sweep = Sweep(states)
    sweep.to_edition("one", NOW)
    sweep.to_edition("two", NOW)
    assert taken(sweep, 2) == "ab"
    sweep.committed()
    assert taken(sweep, 2) == "cd"
    sweep.aborted()
    assert taken(sweep, 9) == "cde"


def test_who_has_acted_since_is_left_out_and_who_is_in_hand_comes_later(states):
    sweep = Sweep(states)
    sweep.to_edition("one", NOW)
    sweep.to_edition("two", NOW)
    states.put(0, state("a", NOW + timedelta(seconds=1)))
    states.commit()
    states.put(0, state("b"))
    assert taken(sweep, 9) == "cde"
    assert taken(sweep, 9) == ""
    states.abort()
    assert taken(sweep, 9) == "b"


def test_shoppers_of_partitions_that_went_away_are_not_swept(states):
    sweep = Sweep(states)
    sweep.to_edition("one", NOW)
    sweep.to_edition("two", NOW)
    states.drop([0])
    assert taken(sweep, 9) == "de"


@pytest.mark.parametrize(("age", "swept"), [(YOUNG / 2, "de"), (YOUNG * 2, "")])
def test_after_a_restart_a_young_edition_is_brought_to_the_partitions_shoppers(states, age, swept):
    sweep = Sweep(states)
    sweep.go_on([3], NOW - age, NOW)
    sweep.to_edition("one", NOW)
    assert taken(sweep, 9) == swept
