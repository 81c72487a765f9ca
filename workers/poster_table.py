"""What posters are made from, as the topics have it: where photos lie, and the newest renders."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from schemas.codec import decode
from schemas.events import Product, StylizedImage
from schemas.topics import PRODUCTS, STYLIZED
from workers.kafka.crash_guard import each
from workers.kafka.records import Record
from workers.kafka.table import NewestByKey, TableReader, partitions_of
from workers.kafka.topics import topic_name
from workers.settings import Settings


class PosterTable:
    """Product id to photo, and product and style to render; every instance reads all of it."""

    def __init__(self, settings: Settings) -> None:
        """Raises Permanent where a topic is missing."""
        self._photos: dict[bytes, str] = {}
        self._renders: dict[bytes, tuple[str, str]] = {}
        self._products_topic = topic_name(settings, PRODUCTS)
        self._newest = NewestByKey([self._products_topic])
        self._reader = TableReader(settings, partitions_of(settings, (PRODUCTS, STYLIZED)))

    def photo(self, product_id: str) -> str | None:
        """Where the product's photo lies, None for an unknown product."""
        return self._photos.get(product_id.encode())

    def render(self, product_id: str, style_id: str) -> tuple[str, str] | None:
        """Address and sha256 of the newest render, None where there is none."""
        return self._renders.get(f"{product_id}/{style_id}".encode())

    def catch_up(self, stop: threading.Event) -> None:
        """Read to the present end. Raises Transient."""
        self._take(self._reader.read_to_end(stop))

    def follow(self) -> None:
        """Take what has come since, without waiting."""
        self._take(self._reader.follow())

    def close(self) -> None:
        """End the connection."""
        self._reader.close()

    def _take(self, records: Iterable[Record]) -> None:
        each("posters", self._newest.of(records), self._put)

    def _put(self, record: Record) -> None:
        key = record.key or b""
        if record.topic == self._products_topic:
            if record.value is None:
                self._photos.pop(key, None)
            else:
                self._photos[key] = decode(Product, record.value).image_uri
        elif record.value is None:
            self._renders.pop(key, None)
        else:
            render = decode(StylizedImage, record.value)
            self._renders[key] = render.image_uri, render.sha256
