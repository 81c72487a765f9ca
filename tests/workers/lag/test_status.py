"""Burrow's rules, by Burrow's own table of cases (core/internal/evaluator/caching_test.go)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.lag.status import Commit, Status, status_of, worst

BUSY = [(1000, 0), (2000, 50), (3000, 100), (4000, 150), (5000, 200)]
"""(offset, lag), one commit every 100 s from second 100 on."""
BEHIND = [(1000, 50), (2000, 100), (3000, 150), (4000, 200), (5000, 250)]
STUCK_NOW = [(1000, 0), (1000, 50), (1000, 100), (1000, 150), (1000, 200)]
STUCK = [(1000, 100), (1000, 150), (1000, 200), (1000, 250), (1000, 300)]
STUCK_EVENLY = [(1000, 100)] * 5
WENT_BACK = [(1000, 100), (2000, 150), (3000, 200), (2000, 1250), (4000, 300)]
WENT_BACK_FOR_GOOD = [*WENT_BACK[:4], (2500, 300)]
SOME_LAGS_UNKNOWN = [pair for known in BUSY for pair in (known, (known[0] + 500, None))]


@pytest.mark.parametrize(
    ("seen", "ends", "lag", "now", "allowed", "status"),
    [
        pytest.param(BUSY, [5200], 200, 600, 0, "OK", id="0 zero lag in the window"),
        pytest.param(BUSY, [5200], 200, 900, 0, "OK", id="1 silent just as long as the window"),
        pytest.param(BUSY, [5200], 200, 1000, 0, "STOP", id="2 silent for longer"),
        pytest.param(BEHIND, [5250], 250, 1000, 0, "STOP", id="3 the same with lag always"),
        pytest.param(STUCK_NOW, [1200], 200, 600, 0, "OK", id="4 stuck, but was without lag"),
        pytest.param(STUCK, [1300], 300, 600, 0, "STALL", id="5 stuck while lag grows"),
        pytest.param(STUCK_EVENLY, [1100], 100, 600, 0, "STALL", id="6 stuck with the same lag"),
        pytest.param(WENT_BACK, [4300], 300, 600, 0, "OK", id="7 back, and over it again"),
        pytest.param(BEHIND, [5250], 0, 1000, 0, "OK", id="8 silent, but nothing to do"),
        pytest.param(BUSY[:1] * 2, [1931], 931, 1000, 0, "STOP", id="9 silent with new records"),
        pytest.param(
            BUSY[:1] * 2, [1001, 1000, 1000], 1, 1000, 0, "OK", id="10 had nothing to do until now"
        ),
        pytest.param(SOME_LAGS_UNKNOWN, [5700], 200, 600, 0, "OK", id="11 some lags unknown"),
        pytest.param([(1000, 2), (2000, 1)], [2001], 1, 550, 1, "OK", id="12 an allowed lag"),
        pytest.param(STUCK, [1300], 300, 600, 99, "STALL", id="13 as 5, some lag allowed"),
        pytest.param(WENT_BACK, [4300], 300, 600, 99, "OK", id="14 as 7, some lag allowed"),
        pytest.param(WENT_BACK_FOR_GOOD, [4300], 300, 600, 0, "REWIND", id="15 back for good"),
        pytest.param(BEHIND, [5250], 250, 600, 0, "WARN", id="it moves, and lag never falls"),
        pytest.param(BEHIND[::-1][:1], [9999], 9, 100, 0, "STALL", id="a single commit is no move"),
        pytest.param([], [9999], 9, 100, 0, "OK", id="nothing is known"),
    ],
)
def test_a_partition_has_the_status_that_burrow_gives_it(seen, ends, lag, now, allowed, status):
    commits = [Commit(100.0 * n, offset, at) for n, (offset, at) in enumerate(seen, start=1)]
    assert status_of(commits, ends, lag, now, allowed) == status


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=8),
    st.lists(st.integers(0, 100), max_size=8),
    st.integers(0, 2000),
)
def test_what_has_no_lag_is_well(seen, ends, now):
    commits = [Commit(100.0 * n, offset, lag) for n, (offset, lag) in enumerate(seen, start=1)]
    assert status_of(commits, ends, 0, now) is Status.OK


def test_the_worst_of_several_counts_and_the_unknown_is_not_taken_for_well():
    assert worst([Status.OK, Status.STALL, Status.WARN]) is Status.STALL
    assert worst([Status.OK, None]) is None
    assert worst([Status.STOP, None]) is Status.STOP
    assert worst([]) is Status.OK
