"""A campaign holds from its start to its end, never before or after, and weighs what it says."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import NOW, campaign_style

from schemas.catalog import Style
from stylecore.recommender.catalog import in_window, is_standing, odds_factor, schedule_at
from stylecore.times import TimeOutOfRange, check_times

HOUR = timedelta(hours=1)
START, END = NOW, NOW + HOUR
THEME = campaign_style("winter", START, END, weights={"neon": 1.0, "pastel": 1.0})
TIMES = st.timedeltas(-5 * HOUR, 5 * HOUR).map(lambda after: NOW + after)


@pytest.mark.parametrize(
    ("at", "runs"),
    [
        (START - timedelta(microseconds=1), False),
        (START, True),
        (END - timedelta(microseconds=1), True),
        (END, False),
    ],
)
def test_it_runs_from_its_start_until_just_before_its_end(at: datetime, runs: bool) -> None:
    assert in_window(THEME, at) is runs


@given(TIMES, st.timedeltas(timedelta(0), 9 * HOUR))
def test_a_lead_brings_the_start_forward_and_leaves_the_end(at: datetime, lead: timedelta) -> None:
    within = in_window(THEME, at, lead)
    assert within or not in_window(THEME, at)
    assert within == (at < END and at + lead >= START)


def test_a_style_without_a_campaign_stands_and_is_never_preferred() -> None:
    style = Style(style_id="neon", label="Neon", weights={"neon": 1.0})
    assert is_standing(style)
    assert not in_window(style, NOW)
    assert odds_factor(style, NOW, 4.0) == 1.0


def test_of_styles_with_a_campaign_only_the_generator_s_own_stand() -> None:
    assert is_standing(campaign_style("neon", START, END, weights={"neon": 1.0}))
    assert not is_standing(campaign_style("winter", START, END, weights={"neon": 1.0}))
    assert not is_standing(THEME)
    picture = Style(style_id="art", label="Art", reference_uri="store://a", campaign=THEME.campaign)
    assert not is_standing(picture)


@given(st.floats(1, 100), st.integers(0, 100), st.integers(0, 100))
def test_the_odds_run_from_the_weight_to_its_square_by_priority(
    weight: float, one: int, other: int
) -> None:
    low, high = (
        odds_factor(campaign_style("winter", START, END, priority), START, weight)
        for priority in sorted((one, other))
    )
    assert weight * (1 - 1e-12) <= low <= high <= weight**2 * (1 + 1e-12)


@pytest.mark.parametrize(("priority", "factor"), [(0, 4.0), (50, 8.0), (100, 16.0)])
def test_the_odds_are_those_that_the_settings_page_states(priority: int, factor: float) -> None:
    style = campaign_style("winter", START, END, priority)
    assert odds_factor(style, START, 4.0) == pytest.approx(factor)


@given(TIMES)
def test_outside_its_window_nothing_is_preferred(at: datetime) -> None:
    factor = odds_factor(THEME, at, 4.0)
    assert (factor > 1) == in_window(THEME, at)
    assert factor >= 1


YEARS = st.sampled_from(["0001-01-01T00:00:00", "1969-12-31T23:59:59", "9999-12-31T23:59:59"])
OFFSETS = st.sampled_from(["Z", "+23:59", "-23:59"])
EXTREMES = st.tuples(YEARS, OFFSETS).map(lambda parts: datetime.fromisoformat("".join(parts)))
LEADS = st.sampled_from([timedelta(0), HOUR, timedelta(days=365), timedelta.max])


@given(st.tuples(EXTREMES | TIMES, EXTREMES).filter(lambda ends: ends[0] < ends[1]), LEADS)
def test_the_ends_of_the_calendar_overflow_nothing(
    window: tuple[datetime, datetime], lead: timedelta
) -> None:
    style = campaign_style("winter", *window)
    assert in_window(style, NOW, lead) == (window[1] > NOW and window[0] - NOW <= lead)
    schedule = schedule_at([style], NOW, weight=4.0)
    assert schedule.holds(NOW)
    assert ("winter" in schedule.closed) != in_window(style, NOW)
    with pytest.raises(TimeOutOfRange, match=r"ends_at|starts_at"):
        check_times(style, NOW)


def test_a_campaign_may_lie_ten_years_away() -> None:
    years = timedelta(days=3650)
    check_times(campaign_style("winter", NOW - years, NOW + years), NOW)
