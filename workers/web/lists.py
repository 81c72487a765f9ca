"""The shoppers' lists: kept as the topic has them, about 4 kB each, and decoded when looked at.

What a newer writer adds is taken: the contract names the kinds of a reason, and a list with one
that this release does not know is shown all the same.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from msgspec import Struct

from schemas.codec import InvalidEvent, decode
from schemas.topics import RECOMMENDATIONS
from stylecore.recommender.recommend import EVERYONE
from workers.telemetry import OncePerMinute, log

LISTS_KEPT = 250_000
"""A gigabyte of them."""


class ShownReason(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an item is in the list; `text` is for whoever does not know the kind."""

    kind: str
    text: str
    because: list[str] = []


class ShownItem(Struct, frozen=True, kw_only=True):
    """A product in the style in which to show it."""

    product_id: str
    style_id: str
    image_uri: str
    score: float
    propensity: float
    reason: ShownReason


class ShownList(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A shopper's list, or that for everyone (`*`)."""

    user_id: str
    recommendation_id: str
    items: list[ShownItem]
    policy: str
    factors_version: str
    generated_at: datetime
    valid_until: datetime
    caused_by: str | None = None


class _Listed(NamedTuple):
    value: bytes
    offset: int


class Lists:
    """The newest lists, and that for everyone. Used by the event loop's thread alone.

    Over `most` the list goes that was written longest ago: its shopper sees that for everyone.
    """

    def __init__(self, most: int = LISTS_KEPT) -> None:
        self._most = most
        self._listed: OrderedDict[str, _Listed] = OrderedDict()
        self._may_tell = OncePerMinute()

    def put(self, user_id: str, value: bytes | None, offset: int) -> None:
        """Take a record of the topic; the newest is the last."""
        self._listed.pop(user_id, None)
        if value is not None:
            self._listed[user_id] = _Listed(value, offset)
        if self.shoppers > self._most:
            oldest = next(shopper for shopper in self._listed if shopper != EVERYONE)
            del self._listed[oldest]
            if self._may_tell("lists"):
                log.warning("lists_dropped", most=self._most, oldest=oldest)

    def of(self, user_id: str, now: datetime) -> ShownList | None:
        """The shopper's list while it is valid, else that for everyone, or None without either.

        That for everyone is shown even when it has expired: there is nothing better.
        """
        own = self._decoded(user_id)
        return own if own is not None and now < own.valid_until else self._decoded(EVERYONE)

    def offset_of(self, found: ShownList | None) -> int:
        """Of the list's record; of two lists of one shopper the newer has the greater. -1 of none.

        Times would not do: they are those of what caused the lists, by several clocks.
        """
        listed = None if found is None else self._listed.get(found.user_id)
        return -1 if listed is None else listed.offset

    def latest_shoppers(self, count: int) -> list[str]:
        """Those whose lists are the newest, the newest first."""
        known = (user_id for user_id in reversed(self._listed) if user_id != EVERYONE)
        return list(islice(known, count))

    @property
    def shoppers(self) -> int:
        """How many have a list of their own."""
        return len(self._listed) - (EVERYONE in self._listed)

    def _decoded(self, user_id: str) -> ShownList | None:
        listed = self._listed.get(user_id)
        try:
            return None if listed is None else decode(ShownList, listed.value)
        except InvalidEvent as problem:
            log.warning("passed over", topic=RECOMMENDATIONS.name, key=user_id, why=str(problem))
            return None
