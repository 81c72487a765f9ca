"""Times that no clock can have meant are refused at the border, with the field and what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from worlds import NOW, feedback

from stylecore.times import TimeOutOfRange, check_times

CLICK = feedback("ada", "mug")
DAY = timedelta(days=1)


@pytest.mark.parametrize("at", [datetime(2000, 1, 1, tzinfo=UTC), NOW, NOW + DAY])
def test_from_2000_to_a_day_ahead_is_taken(at: datetime) -> None:
    check_times(replace(CLICK, occurred_at=at), NOW)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0001-01-01T00:00:00Z", "before 2000"),
        ("0001-01-01T00:00:00+23:59", "before 2000"),
        ("1970-01-01T00:00:00Z", "before 2000"),
        ("1999-12-31T23:59:59Z", "before 2000"),
        ("9999-12-31T23:59:59-23:59", "a day ahead"),
    ],
)
def test_what_no_clock_can_have_meant_is_refused(text: str, why: str) -> None:
    with pytest.raises(TimeOutOfRange, match=f"occurred_at .*{why}"):
        check_times(replace(CLICK, occurred_at=datetime.fromisoformat(text)), NOW)
