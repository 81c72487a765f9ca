"""The catalogue topics, followed into stylecore's Catalogue, and the factors in use.

Every instance reads them whole, without a group. A record that cannot be read is told and passed
over: the planner, who owns these topics, keeps it as a dead letter.

What posters are made from, as the topics have it: where photos lie, and the newest renders.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from schemas.codec import decode, require_key
from schemas.events import ModelAnnouncement, Product, Style, StylizedImage
from schemas.topics import PREFERENCE_MODELS, PRODUCTS, STYLES, STYLIZED
from stylecore.recommender.catalog import Catalogue
from workers.kafka.crash_guard import each
from workers.kafka.records import Record
from workers.kafka.table import NewestByKey, TableReader, partitions_of
from workers.kafka.topics import topic_name
from workers.settings import Settings


class CatalogueFollower:
    """Keeps `catalogue` and `announced` (the latest factors, if any) as the topics have them."""

    def __init__(self, settings: Settings) -> None:
        """Raises Permanent where a topic is missing."""
        self.catalogue = Catalogue()
        self.announced: ModelAnnouncement | None = None
        topics = (PRODUCTS, STYLES, STYLIZED, PREFERENCE_MODELS)
        self._apply: dict[str, Callable[[str, bytes | None], None]] = {
            topic_name(settings, PRODUCTS): self._put_product,
            topic_name(settings, STYLES): self._put_style,
            topic_name(settings, STYLIZED): self._put_render,
            topic_name(settings, PREFERENCE_MODELS): self._put_model,
        }
        self._newest = NewestByKey(topic_name(settings, topic) for topic in (PRODUCTS, STYLES))
        self._reader = TableReader(settings, partitions_of(settings, topics))

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
        each("catalog", self._newest.of(records), self._take_one)

    def _take_one(self, record: Record) -> None:
        self._apply[record.topic]((record.key or b"").decode(), record.value)

    def _put_product(self, key: str, value: bytes | None) -> None:
        if value is None:
            self.catalogue.remove_product(key)
        else:
            product = decode(Product, value)
            require_key(key, product.product_id)
            self.catalogue.put_product(product)

    def _put_style(self, key: str, value: bytes | None) -> None:
        if value is None:
            self.catalogue.remove_style(key)
        else:
            style = decode(Style, value)
            require_key(key, style.style_id)
            self.catalogue.put_style(style)

    def _put_render(self, key: str, value: bytes | None) -> None:
        if value is None:
            product_id, _, style_id = key.partition("/")
            self.catalogue.remove_render(product_id, style_id)
        else:
            self.catalogue.put_render(decode(StylizedImage, value))

    def _put_model(self, key: str, value: bytes | None) -> None:
        if value is not None and key == "preferences":
            self.announced = decode(ModelAnnouncement, value)


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
