"""What the pages show: the compacted topics as dictionaries. Used by the event loop's thread alone.

Every shopper's list is kept as the topic has it, about 4 kB each, and decoded when it is looked
at. Where the records come from is not known here (follow.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

import msgspec

from schemas.codec import InvalidEvent, decode
from schemas.events import Product, Recommendations, RejectedImage, Style, StylizedImage
from schemas.topics import PRODUCTS, RECOMMENDATIONS, REJECTED, STYLES, STYLIZED, Topic
from stylecore.recommend import EVERYONE
from workers.telemetry import log

Key = TypeVar("Key")
Value = TypeVar("Value")

TABLES: tuple[Topic, ...] = (PRODUCTS, STYLES, STYLIZED, REJECTED, RECOMMENDATIONS)


class Change(msgspec.Struct, frozen=True):
    """A record of a table: its topic's contract name, key and value; None removes the key."""

    topic: str
    key: str
    value: bytes | None


@dataclass
class Tables:
    """The shop as the topics have it."""

    products: dict[str, Product] = field(default_factory=dict)
    styles: dict[str, Style] = field(default_factory=dict)
    renders: dict[str, dict[str, StylizedImage]] = field(default_factory=dict)
    """product_id -> style_id -> the picture."""
    rejected: dict[tuple[str, str], RejectedImage] = field(default_factory=dict)
    """By product_id and style_id."""
    _lists: dict[str, bytes] = field(default_factory=dict)

    def apply(self, changes: Iterable[Change]) -> list[str]:
        """Take the changes; the shoppers whose list is another now.

        A record that cannot be read is told and passed over: its own worker keeps it.
        """
        return [change.key for change in changes if self._try(change)]

    def list_for(self, user_id: str) -> Recommendations | None:
        """The shopper's list, or that for everyone, or None while there is neither."""
        value = self._lists.get(user_id) or self._lists.get(EVERYONE)
        return None if value is None else decode(Recommendations, value)

    def knows(self, user_id: str) -> bool:
        """Whether the shopper has a list of their own."""
        return user_id in self._lists

    def latest_shoppers(self, count: int) -> list[str]:
        """Those whose lists are the newest, the newest first."""
        known = (user_id for user_id in reversed(self._lists) if user_id != EVERYONE)
        return list(islice(known, count))

    def _try(self, change: Change) -> bool:
        try:
            return self._apply(change)
        except InvalidEvent as problem:
            log.warning("passed over", topic=change.topic, key=change.key, why=str(problem))
            return False

    def _apply(self, change: Change) -> bool:
        key, value = change.key, change.value
        if change.topic == RECOMMENDATIONS.name:
            self._lists.pop(key, None)  # and in again at the end: the newest is the last
            if value is not None:
                self._lists[key] = value
            return True
        if change.topic == PRODUCTS.name:
            _put(self.products, key, None if value is None else decode(Product, value))
        elif change.topic == STYLES.name:
            _put(self.styles, key, None if value is None else decode(Style, value))
        else:
            self._apply_picture(change)
        return False

    def _apply_picture(self, change: Change) -> None:
        product_id, _, style_id = change.key.partition("/")
        value = change.value
        if change.topic == STYLIZED.name:
            render = None if value is None else decode(StylizedImage, value)
            _put(self.renders.setdefault(product_id, {}), style_id, render)
        else:
            rejected = None if value is None else decode(RejectedImage, value)
            _put(self.rejected, (product_id, style_id), rejected)


def _put(table: dict[Key, Value], key: Key, value: Value | None) -> None:
    table.pop(key, None)
    if value is not None:
        table[key] = value
