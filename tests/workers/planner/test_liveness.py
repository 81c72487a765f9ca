"""A planner that has lag and does not move for 30 s is not live; one that waits or works is."""

from workers.planner.liveness import Progress


def verdicts(looks: list[tuple[float, int | None, object]]) -> list[bool]:
    """The verdict after each look: time in seconds, lag (None: broker away), marks."""
    now = [0.0]
    progress = Progress(lambda: now[0])
    found = []
    for now[0], lag, marks in looks:
        if lag is None:
            progress.note_outage()
        else:
            progress.update(lag, marks)
        found.append(progress.is_live)
    return found


def test_lag_without_movement_is_borne_for_30_seconds():
    looks = [(5, 3, "a"), (34, 3, "a"), (35, 3, "a"), (100, 4, "a")]
    assert verdicts(looks) == [True, True, False, False]


def test_movement_makes_it_live_again():
    assert verdicts([(5, 3, "a"), (40, 3, "a"), (45, 3, "b"), (74, 3, "b")]) == [
        True,
        False,
        True,
        True,
    ]


def test_without_lag_it_may_rest_for_ever():
    assert verdicts([(5, 0, "a"), (1000, 0, "a"), (1020, 1, "a")]) == [True, True, True]


def test_the_time_without_a_broker_does_not_count():
    assert verdicts([(5, 3, "a"), (30, None, None), (50, 3, "a"), (61, 3, "a")]) == [
        True,
        True,
        True,
        False,
    ]


def test_who_sees_no_broker_says_so_until_it_answers_again():
    progress = Progress()
    assert progress.sees_broker
    progress.note_outage()
    assert not progress.sees_broker
    progress.update(0, "a")
    assert progress.sees_broker
