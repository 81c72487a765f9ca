"""What several looks say that one cannot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.lag.status import (
    TURN_SECONDS,
    End,
    History,
    Offsets,
    PartitionLag,
    Status,
    group_lag,
    interpolated_time,
    lag_of,
)
from workers.lag.worker import metrics_of

LOOKS = 4


def look(committed, end, *, members=1, oldest=None, partition=0, start=0, group="g"):
    """A group with one partition."""
    part = PartitionLag(
        topic="t",
        partition=partition,
        committed=committed,
        start=start,
        end=end,
        lag=lag_of(committed, Offsets(start, end)),
        oldest=oldest,
    )
    return group_lag(group, "STABLE" if members else "EMPTY", members, [part])


def judged(looks, seconds=10.0):
    """The last of several looks, one every ten seconds."""
    history = History(LOOKS)
    for number, seen in enumerate(looks):
        (group,) = history.judge([seen], seconds * number)
    return group


def test_a_group_that_keeps_up_is_well_from_the_first_look_on():
    group = judged([look(5, 5)])
    assert (group.status, group.time_lag, group.drain_seconds) == (Status.OK, 0.0, 0.0)


def test_a_busy_group_is_not_judged_before_the_window_is_full():
    assert judged([look(0, 9)] * (LOOKS - 1)).status is None
    assert judged([look(0, 9)] * LOOKS).status is Status.STALL


def of_two(first, second, end=100_000):
    """A group with two partitions of one topic."""
    parts = [look(first, end).partitions[0], look(second, end, partition=1).partitions[0]]
    return group_lag("g", "STABLE", 1, parts)


def test_a_partition_that_waits_for_its_turn_does_not_stall_a_group_that_moves():
    """A batch of one partition takes longer than the window while the other waits."""
    group = judged([of_two(1000 * number, 0) for number in range(2 * LOOKS)])
    assert [part.status for part in group.partitions] == [Status.OK, Status.STALL]
    assert group.status is Status.OK
    assert group.drain_seconds is not None
    assert 0 < group.drain_seconds < 10_000


def test_a_partition_that_stands_still_for_minutes_stalls_its_group_though_others_move():
    looks = int(TURN_SECONDS / 10) + LOOKS
    assert judged([of_two(100 * number, 0) for number in range(looks)]).status is Status.STALL


def test_a_group_that_stands_still_in_all_partitions_stalls_when_the_window_is_full():
    assert judged([of_two(7, 0)] * LOOKS).status is Status.STALL


def test_a_group_without_members_and_with_lag_has_stopped():
    running = [look(n, n + 9) for n in range(LOOKS)]
    dead = look(LOOKS - 1, LOOKS + 20, members=0)
    assert judged([*running, dead]).status is Status.WARN  # Burrow waits for as long as it looked
    assert judged([*running, *[dead] * LOOKS]).status is Status.STOP


def test_a_group_that_never_ran_has_stopped_as_soon_as_a_second_look_finds_it_so():
    assert judged([look(None, 9, members=0)] * 2).status is Status.STOP


def test_a_group_that_went_back_says_so_until_it_is_where_it_was():
    looks = [look(n, 100) for n in (50, 60, 10, 20)]
    assert judged(looks).status is Status.REWIND
    assert judged([*looks, look(70, 100)]).status is Status.OK


def test_the_age_of_the_oldest_record_is_exact_where_its_time_is_known():
    assert judged([look(0, 9), look(0, 9, oldest=3.0)]).time_lag == 7.0


def test_a_clock_ahead_of_ours_makes_no_negative_age():
    assert judged([look(0, 9, oldest=50.0)]).time_lag == 0.0


def test_without_the_record_its_time_lies_between_the_looks_that_saw_it_come():
    assert judged([look(0, 0), look(0, 10), look(5, 20)]).time_lag == pytest.approx(15.0)
    assert judged([look(0, 9)]).time_lag is None


@given(
    st.lists(st.tuples(st.floats(1, 100), st.integers(0, 50)), min_size=2, max_size=20), st.data()
)
def test_an_interpolated_time_lies_between_its_neighbours(steps, data):
    ends, time, offset = [], 0.0, 0
    for seconds, more in steps:
        time, offset = time + seconds, offset + more
        ends.append(End(time, offset))
    wanted = data.draw(st.integers(ends[0].offset, max(ends[0].offset, ends[-1].offset - 1)))
    found = interpolated_time(wanted, ends)
    if ends[-1].offset == ends[0].offset:
        assert found is None
    else:
        assert found is not None
        before = max(end.time for end in ends if end.offset <= wanted)
        after = min(end.time for end in ends if end.offset > wanted)
        assert before <= found <= after


def test_the_time_to_be_caught_up_follows_from_how_the_lag_shrank():
    shrinking = judged([look(0, 100), look(20, 100), look(40, 100)])
    assert shrinking.drain_seconds == pytest.approx(30.0)
    assert shrinking.read_rate == pytest.approx(2.0)
    assert shrinking.write_rate == 0.0
    assert judged([look(0, 100), look(20, 200)]).drain_seconds is None


def test_a_partition_that_is_gone_and_comes_back_has_no_history():
    history = History(LOOKS)
    for now in range(LOOKS):
        history.judge([look(0, 9)], float(now))
    history.judge([], 10.0)
    (group,) = history.judge([look(0, 9)], 20.0)
    assert group.status is None


SEEN = st.tuples(st.none() | st.integers(0, 60), st.integers(0, 50), st.integers(0, 2))


@given(st.lists(SEEN, min_size=1, max_size=10))
def test_no_figure_is_ever_negative_or_not_a_number(looks):
    group = judged([look(at, end, members=members) for at, end, members in looks])
    families = list(metrics_of([group], "c"))
    values = [sample.value for family in families for sample in family.samples]
    assert values
    assert all(value >= 0 and value != float("inf") for value in values)
