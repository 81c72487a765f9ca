"""How much of something is left after a time."""

from __future__ import annotations

from datetime import datetime, timedelta


def decay(since: datetime, now: datetime, half_life: timedelta) -> float:
    """2^(-age / half-life), and 1 where `since` is in the future."""
    age: float = (now - since).total_seconds()
    share: float = 2.0 ** (-age / half_life.total_seconds()) if age > 0 else 1.0
    return share
