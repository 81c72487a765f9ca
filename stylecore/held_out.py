"""The latest of what shoppers did, set aside: what a fit is to foresee before it may learn it.

Taken from the states themselves, so that nothing else has to be read: an interaction touched since
is held out whole. A product that was touched before and again since therefore looks as if it were
touched for the first time; what the shopper thought of it before is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from msgspec.structs import replace

from schemas.events import UserState

HELD_OUT = timedelta(hours=1)
MOST_HELD_OUT = 0.2
"""Share of all interactions: a young shop's last hour may be all that there is."""


@dataclass(frozen=True)
class HeldOut:
    """S shoppers did something since; `before` is everyone as of then."""

    since: datetime
    before: list[UserState]
    shoppers: list[UserState]
    """[S], as they were before."""
    wanted: list[frozenset[str]]
    """[S], the products that each came to since, without dismissed ones and those known before."""


def start_of_held_out(
    states: Sequence[UserState], learned_until: datetime | None, now: datetime
) -> datetime:
    """An hour ago; later where that would hold out too much, or what the parent learned from.

    So neither the parent nor the refit has seen what they are compared on.
    """
    times = [item.updated_at.timestamp() for state in states for item in state.interactions]
    latest = np.quantile(times, 1.0 - MOST_HELD_OUT) if times else 0.0
    bounds = [now - HELD_OUT, datetime.fromtimestamp(float(latest), UTC)]
    return min(now, max([*bounds, learned_until] if learned_until else bounds))


def hold_out(states: Sequence[UserState], since: datetime) -> HeldOut:
    """The states as they were at `since`, and what came after."""
    before, shoppers, wanted = [], [], []
    for state in states:
        if all(item.updated_at <= since for item in state.interactions):
            before.append(state)
            continue
        kept = tuple(item for item in state.interactions if item.updated_at <= since)
        earlier = replace(state, interactions=kept)
        before.append(earlier)
        if products := _came_to(state, since) - {item.product_id for item in kept}:
            shoppers.append(earlier)
            wanted.append(products)
    return HeldOut(since=since, before=before, shoppers=shoppers, wanted=wanted)


def _came_to(state: UserState, since: datetime) -> frozenset[str]:
    return frozenset(
        item.product_id
        for item in state.interactions
        if item.updated_at > since and item.dismissed_at is None
    )
