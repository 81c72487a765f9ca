"""What the pages show: compacted topics as dictionaries, and the open pages that wait for lists.

A shopper's list is kept as bytes, about 4 kB each, and decoded when it is shown. Fields and kinds
that a newer writer adds are accepted. Used by the event loop's thread alone.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from schemas.codec import InvalidEvent, decode, require_key
from schemas.events import (
    ORIGINAL,
    PosterRendered,
    PosterRequest,
    Product,
    RejectedImage,
    Style,
    StylizedImage,
)
from schemas.topics import (
    POSTER_REQUESTS,
    POSTERS,
    PRODUCTS,
    RECOMMENDATIONS,
    REJECTED,
    STYLES,
    STYLIZED,
    Topic,
)
from stylecore.recommender.recommend import EVERYONE
from stylecore.times import check_times
from workers.telemetry import OncePerMinute, log

LISTS_KEPT = 250_000
"""A gigabyte of them."""


class ShownReason(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an item is in the list; `text` is for readers that do not know the kind."""

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
        """Return the shopper's list while it is valid, else that for everyone, else None.

        That for everyone is shown even when it has expired: there is nothing better.
        """
        own = self._decoded(user_id)
        return own if own is not None and now < own.valid_until else self._decoded(EVERYONE)

    def offset_of(self, found: ShownList | None) -> int:
        """Return the offset of a list's record, which is greater for a newer list; -1 without one.

        Times would not do: they are those of what caused the lists, by several clocks.
        """
        listed = None if found is None else self._listed.get(found.user_id)
        return -1 if listed is None else listed.offset

    def latest_shoppers(self, count: int) -> list[str]:
        """Return the shoppers with the newest lists, the newest first."""
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
            log.warning("record_skipped", topic=RECOMMENDATIONS.name, key=user_id, why=str(problem))
            return None


Key = TypeVar("Key")
Event = TypeVar("Event", bound=msgspec.Struct)

TABLES: tuple[Topic, ...] = (
    PRODUCTS,
    STYLES,
    STYLIZED,
    REJECTED,
    RECOMMENDATIONS,
    POSTER_REQUESTS,
    POSTERS,
)


class Change(msgspec.Struct, frozen=True):
    """A record of a table: its topic's contract name, key and value; None removes the key."""

    topic: str
    key: str
    value: bytes | None
    offset: int


@dataclass
class Tables:
    """The shop as the topics have it."""

    products: dict[str, Product] = field(default_factory=dict)
    styles: dict[str, Style] = field(default_factory=dict)
    renders: dict[str, dict[str, StylizedImage]] = field(default_factory=dict)
    """product_id -> style_id -> the picture."""
    rejected: dict[tuple[str, str], RejectedImage] = field(default_factory=dict)
    """By product_id and style_id."""
    requests: dict[str, PosterRequest] = field(default_factory=dict)
    posters: dict[str, PosterRendered] = field(default_factory=dict)
    lists: Lists = field(default_factory=Lists)

    def apply(self, changes: Iterable[Change]) -> list[str]:
        """Apply changes; return the shoppers whose list has changed.

        An unreadable record is logged and skipped: the worker that reads its topic keeps it.
        """
        shoppers = []
        for change in changes:
            if change.topic == RECOMMENDATIONS.name:
                self.lists.put(change.key, change.value, change.offset)
                shoppers.append(change.key)
                continue
            try:
                self._apply(change)
            except InvalidEvent as problem:
                log.warning("record_skipped", topic=change.topic, key=change.key, why=str(problem))
        return shoppers

    def has_style(self, product_id: str, style_id: str, generators: Collection[str]) -> bool:
        """Whether the shop has such a style, or a render of the product in it."""
        return (
            style_id == ORIGINAL
            or style_id in self.styles
            or style_id in generators
            or style_id in self.renders.get(product_id, {})
        )

    @property
    def categories(self) -> list[str]:
        """Of the products on sale."""
        return sorted({product.category for product in self.products.values()})

    def _apply(self, change: Change) -> None:
        key, value = change.key, change.value
        product_id, _, style_id = key.partition("/")
        if change.topic == PRODUCTS.name:
            _put(self.products, key, Product, value, "product_id")
        elif change.topic == STYLES.name:
            _put(self.styles, key, Style, value, "style_id")
        elif change.topic == STYLIZED.name:
            _put(self.renders.setdefault(product_id, {}), style_id, StylizedImage, value)
        elif change.topic == REJECTED.name:
            _put(self.rejected, (product_id, style_id), RejectedImage, value)
        elif change.topic == POSTER_REQUESTS.name:
            _put(self.requests, key, PosterRequest, value)
        else:
            _put(self.posters, key, PosterRendered, value)


def _put(
    table: dict[Key, Event],
    key: Key,
    event: type[Event],
    value: bytes | None,
    id_field: str | None = None,
) -> None:
    """Enter an event as the last of its table; its `id_field` must be the key.

    Raises InvalidEvent, and leaves what was there.
    """
    decoded = None if value is None else decode(event, value)
    if decoded is not None:
        check_times(decoded, datetime.now(UTC))
        if id_field is not None:
            require_key(str(key), getattr(decoded, id_field))
    table.pop(key, None)
    if decoded is not None:
        table[key] = decoded


class Watchers:
    """Open pages by shopper. Used by the event loop's thread alone."""

    def __init__(self) -> None:
        self.closed = False
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def watch(self, *user_ids: str) -> Iterator[asyncio.Event]:
        """Yield an event that is set whenever one of these shoppers' lists changes."""
        changed = asyncio.Event()
        for user_id in user_ids:
            self._waiting[user_id].add(changed)
        try:
            yield changed
        finally:
            for user_id in user_ids:
                self._waiting[user_id].discard(changed)
                if not self._waiting[user_id]:
                    del self._waiting[user_id]

    def notify(self, user_ids: Iterable[str]) -> None:
        """Set the events of the shoppers whose lists have changed."""
        for user_id in user_ids:
            for changed in self._waiting.get(user_id, ()):
                changed.set()

    def close(self) -> None:
        """Wake every page, since the server stops."""
        self.closed = True
        self.notify(list(self._waiting))
