"""How much of something is left after a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

Moment = datetime | Sequence[datetime]
"""The present of a batch: one time for all of its shoppers, or one for each."""


def each(now: Moment, count: int) -> Sequence[datetime]:
    """The time of each of `count` shoppers. Raises ValueError where there are fewer or more."""
    if isinstance(now, datetime):
        return [now] * count
    if len(now) != count:
        raise ValueError(f"{count} shoppers have {len(now)} times")
    return now


def decay(since: datetime, now: datetime, half_life: timedelta) -> float:
    """2^(-age / half-life), and 1 where `since` is in the future."""
    age: float = (now - since).total_seconds()
    share: float = 2.0 ** (-age / half_life.total_seconds()) if age > 0 else 1.0
    return share
