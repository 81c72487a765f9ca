"""The range that the times of input events must lie in, checked where events come in.

A time outside of it comes from a clock that was never set (year 1, 1970), from a unit taken for
another, or from a typing error. Arithmetic on such times overflows, and nothing sensible follows
from them. Times in a state or a list are ours and are not checked.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from schemas.catalog import Campaign, Style
from schemas.codec import InvalidEvent
from schemas.images import StylizeJob
from schemas.preferences import Feedback

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)
"""How far a clock may be ahead."""
CAMPAIGN_REACH = timedelta(days=3653)
"""Ten years: how far from now a campaign may start or end."""


class TimeOutOfRange(InvalidEvent):
    """A time of the event cannot be what was meant; the message names the field and the range."""


def check_times(event: msgspec.Struct, now: datetime) -> None:
    """Check the times of an input event. Raises TimeOutOfRange."""
    if isinstance(event, Feedback):
        check_happened("occurred_at", event.occurred_at, now)
    elif isinstance(event, StylizeJob):
        check_happened("requested_at", event.requested_at, now)
    elif isinstance(event, Style) and event.campaign is not None:
        _check_campaign(event.campaign, now)


def check_happened(name: str, at: datetime, now: datetime) -> None:
    """Check the time of something that has happened. Raises TimeOutOfRange."""
    if at < EARLIEST:
        raise TimeOutOfRange(
            f"{name} {_text(at)} is before 2000: set it to when it happened, RFC 3339 in UTC"
        )
    if at - now > AHEAD:
        raise TimeOutOfRange(
            f"{name} {_text(at)} is more than a day ahead of {_text(now)}: "
            "correct the publisher's clock"
        )


def _check_campaign(campaign: Campaign, now: datetime) -> None:
    for name in ("starts_at", "ends_at"):
        at: datetime = getattr(campaign, name)
        if abs(at - now) > CAMPAIGN_REACH:
            raise TimeOutOfRange(
                f"campaign: {name} {_text(at)} is more than ten years from now; "
                "for a style that is always on offer leave the campaign out"
            )


def _text(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
