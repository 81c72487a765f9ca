"""What the pages show: the compacted topics as dictionaries. Used by the event loop's thread alone.

Where the records come from is not known here (follow.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

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
from stylecore.times import check_times
from workers.telemetry import log
from workers.web.lists import Lists

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

BY_OTHERS: tuple[Topic, ...] = (PRODUCTS, STYLES, POSTER_REQUESTS)
"""Those that clients with another partitioner may write."""


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
        """Take the changes; the shoppers whose list is another now.

        A record that cannot be read is told and passed over: its own worker keeps it.
        """
        return [change.key for change in changes if self._try(change)]

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

    def _try(self, change: Change) -> bool:
        try:
            return self._apply(change)
        except InvalidEvent as problem:
            log.warning("passed over", topic=change.topic, key=change.key, why=str(problem))
            return False

    def _apply(self, change: Change) -> bool:
        key, value = change.key, change.value
        if change.topic == RECOMMENDATIONS.name:
            self.lists.put(key, value, change.offset)
            return True
        if change.topic == PRODUCTS.name:
            _put(self.products, key, Product, value, "product_id")
        elif change.topic == STYLES.name:
            _put(self.styles, key, Style, value, "style_id")
        elif change.topic == POSTER_REQUESTS.name:
            _put(self.requests, key, PosterRequest, value)
        elif change.topic == POSTERS.name:
            _put(self.posters, key, PosterRendered, value)
        else:
            self._apply_picture(change)
        return False

    def _apply_picture(self, change: Change) -> None:
        product_id, _, style_id = change.key.partition("/")
        if change.topic == STYLIZED.name:
            looks = self.renders.setdefault(product_id, {})
            _put(looks, style_id, StylizedImage, change.value)
        else:
            _put(self.rejected, (product_id, style_id), RejectedImage, change.value)


def _put(
    table: dict[Key, Event],
    key: Key,
    event: type[Event],
    value: bytes | None,
    id_field: str | None = None,
) -> None:
    """The newest is the last; `id_field` is the event's that must be the key.

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
