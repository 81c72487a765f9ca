"""A refresh of lists reaches every shopper once, a few at a time, but no one with a new list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from schemas.events import SeenEvent, UserState
from workers.preferences.refresh import YOUNG, ListRefresh
from workers.preferences.state import SHELF, UserStates
from workers.settings import load_settings

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


def taken(refresh: ListRefresh, count: int) -> str:
    return "".join(found.user_id for _, found in refresh.take(count))


def test_the_first_edition_refreshes_no_list_and_another_one_all_a_few_at_a_time(states):
    refresh = ListRefresh(states)
    refresh.start_for_edition("one", NOW)
    assert taken(refresh, 9) == ""
    refresh.start_for_edition("two", NOW)
    refresh.start_for_edition("two", NOW)
    assert [taken(refresh, 2), taken(refresh, 2), taken(refresh, 2), taken(refresh, 2)] == [
        "ab",
        "cd",
        "e",
        "",
    ]


def test_what_was_aborted_comes_again_and_what_was_committed_does_not(states):
    refresh = ListRefresh(states)
    refresh.start_for_edition("one", NOW)
    refresh.start_for_edition("two", NOW)
    assert taken(refresh, 2) == "ab"
    refresh.committed()
    assert taken(refresh, 2) == "cd"
    refresh.aborted()
    assert taken(refresh, 9) == "cde"


def test_who_has_acted_since_is_left_out_and_who_is_in_hand_comes_later(states):
    refresh = ListRefresh(states)
    refresh.start_for_edition("one", NOW)
    refresh.start_for_edition("two", NOW)
    states.put(0, state("a", NOW + timedelta(seconds=1)))
    states.commit()
    states.put(0, state("b"))
    assert taken(refresh, 9) == "cde"
    assert taken(refresh, 9) == ""
    states.abort()
    assert taken(refresh, 9) == "b"


def test_shoppers_of_revoked_partitions_are_not_refreshed(states):
    refresh = ListRefresh(states)
    refresh.start_for_edition("one", NOW)
    refresh.start_for_edition("two", NOW)
    states.drop([0])
    assert taken(refresh, 9) == "de"


@pytest.mark.parametrize(("age", "refreshed"), [(YOUNG / 2, "de"), (YOUNG * 2, "")])
def test_after_a_restart_lists_are_refreshed_to_a_young_edition(states, age, refreshed):
    refresh = ListRefresh(states)
    refresh.resume([3], NOW - age, NOW)
    refresh.start_for_edition("one", NOW)
    assert taken(refresh, 9) == refreshed


PAUSE = timedelta(seconds=5)


def pictures(*products: str):
    """What a catalogue says of its pictures, once; and the times since when it was asked."""
    left, asked = set(products), []

    def take(since: datetime) -> set[str]:
        asked.append(since)
        found = left.copy()
        left.clear()
        return found

    return take, left, asked


def test_new_pictures_refresh_all_lists_once_a_pause_however_many_come(states):
    refresh = ListRefresh(states)
    refresh.start_for_edition("one", NOW)
    take, left, asked = pictures("mug")
    refresh.start_for_pictures(take, NOW, PAUSE)
    assert asked == [NOW - YOUNG], "after a start, pictures that not everybody may have yet"
    assert refresh.redrawn == {"mug"}
    assert taken(refresh, 2) == "ab"
    left |= {"cap", "bag"}
    refresh.committed()
    refresh.start_for_pictures(take, NOW + 2 * PAUSE, PAUSE)  # the last refresh is not done
    assert taken(refresh, 9) == "cde"
    refresh.skip([(0, state("c"))])
    refresh.committed()
    refresh.start_for_pictures(take, NOW + PAUSE / 2, PAUSE)
    assert (taken(refresh, 9), len(asked)) == ("", 1)
    refresh.start_for_pictures(take, NOW + PAUSE, PAUSE)
    assert (refresh.redrawn, taken(refresh, 9)) == ({"cap", "bag"}, "abcde")
    refresh.committed()
    refresh.start_for_pictures(take, NOW + 2 * PAUSE, PAUSE)
    assert taken(refresh, 9) == ""


def test_a_new_edition_takes_over_from_pictures_and_an_aborted_refresh_leaves_out_skipped_lists(
    states,
):
    refresh = ListRefresh(states)
    refresh.start_for_edition("one", NOW)
    refresh.start_for_pictures(pictures("mug")[0], NOW, PAUSE)
    assert taken(refresh, 3) == "abc"
    refresh.skip([(0, state("b"))])
    refresh.aborted()
    assert taken(refresh, 9) == "acde"
    refresh.committed()
    refresh.start_for_pictures(pictures("mug")[0], NOW + PAUSE, PAUSE)
    refresh.start_for_edition("two", NOW + PAUSE)
    assert refresh.redrawn is None
    assert taken(refresh, 9) == "abcde"


def test_pictures_before_the_first_partition_wait_for_it():
    states = UserStates(load_settings())
    refresh = ListRefresh(states)
    take, _, asked = pictures("mug")
    refresh.start_for_pictures(take, NOW, PAUSE)
    assert asked == []
    states.own({3: {"d": state("d")}})
    refresh.start_for_pictures(take, NOW, PAUSE)
    assert taken(refresh, 9) == "d"


def ended(refresh: ListRefresh, count: int, since: datetime) -> str:
    return "".join(found.user_id for _, found in refresh.take_ended(count, since))


def test_visits_end_in_the_order_of_last_actions_a_few_at_a_time(states):
    refresh = ListRefresh(states)
    refresh.note_visits([(0, "a"), (0, "b"), (3, "d")], NOW)
    refresh.note_visits([(0, "a"), (3, "e")], NOW + PAUSE)
    assert ended(refresh, 9, NOW - PAUSE) == ""
    assert [ended(refresh, 1, NOW), ended(refresh, 9, NOW)] == ["b", "d"]
    refresh.committed()
    assert ended(refresh, 9, NOW + PAUSE) == "ae"
    refresh.aborted()
    assert ended(refresh, 9, NOW + PAUSE) == "ae"
    refresh.committed()
    assert ended(refresh, 9, NOW + PAUSE) == ""


def test_a_visit_of_a_shopper_who_is_gone_or_acts_now_has_not_ended(states):
    refresh = ListRefresh(states)
    refresh.note_visits([(0, "a"), (0, "b"), (3, "d")], NOW)
    states.drop([3])
    states.put(0, state("b"))
    assert ended(refresh, 9, NOW) == "a"


def test_after_a_restart_the_visits_of_the_last_hour_end(states):
    states.put(0, state("b", NOW - YOUNG / 2))
    states.put(3, state("e", NOW - YOUNG / 3))
    states.commit()
    refresh = ListRefresh(states)
    refresh.resume([0, 3], EARLIER, NOW)
    assert ended(refresh, 9, NOW) == "be"


def test_the_list_of_a_shopper_is_kept_with_the_state_and_dropped_with_it(states):
    states.put_shelf(0, "a", b"list")
    assert states.shelf_headers(0, "a") == [(SHELF, b"list")]
    states.abort()
    assert states.shelf(0, "a") == b""
    states.put_shelf(0, "a", b"list")
    states.commit()
    assert states.shelf(0, "a") == b"list"
    states.put_shelf(0, "a", b"")
    assert states.shelf_headers(0, "a") == []
    states.commit()
    assert states.shelf(0, "a") == b""
    states.put_shelf(0, "b", b"list")
    states.commit()
    states.drop([0])
    assert states.shelf(0, "b") == b""
