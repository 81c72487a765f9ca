"""The catalogue topics as tables, read whole by every instance and then followed.

CatalogueFollower keeps what the recommender needs (products, styles, renders, announced factors);
PosterTable keeps where photos and renders are, which is all that a poster needs.
"""

from __future__ import annotations

from schemas.codec import decode, require_key
from schemas.events import ModelAnnouncement, Product, Style, StylizedImage
from schemas.topics import PREFERENCE_MODELS, PRODUCTS, STYLES, STYLIZED
from stylecore.recommender.catalog import Catalogue
from workers.kafka.records import Record
from workers.kafka.table import TableFollower
from workers.settings import Settings


class CatalogueFollower(TableFollower):
    """Keeps `catalogue` and `announced` (the latest factors, if any) as the topics have them."""

    def __init__(self, settings: Settings) -> None:
        """Raises Permanent where a topic is missing."""
        self.catalogue = Catalogue()
        self.announced: ModelAnnouncement | None = None
        tables = {
            PRODUCTS.name: self._put_product,
            STYLES.name: self._put_style,
            STYLIZED.name: self._put_render,
            PREFERENCE_MODELS.name: self._put_model,
        }
        super().__init__(settings, "catalog", tables)

    def _put_product(self, record: Record) -> None:
        key = _key(record)
        if record.value is None:
            self.catalogue.remove_product(key)
        else:
            product = decode(Product, record.value)
            require_key(key, product.product_id)
            self.catalogue.put_product(product)

    def _put_style(self, record: Record) -> None:
        key = _key(record)
        if record.value is None:
            self.catalogue.remove_style(key)
        else:
            style = decode(Style, record.value)
            require_key(key, style.style_id)
            self.catalogue.put_style(style)

    def _put_render(self, record: Record) -> None:
        if record.value is None:
            product_id, _, style_id = _key(record).partition("/")
            self.catalogue.remove_render(product_id, style_id)
        else:
            self.catalogue.put_render(decode(StylizedImage, record.value))

    def _put_model(self, record: Record) -> None:
        if record.value is not None and record.key == b"preferences":
            self.announced = decode(ModelAnnouncement, record.value)


class PosterTable(TableFollower):
    """Product id to photo, and product and style to render."""

    def __init__(self, settings: Settings) -> None:
        """Raises Permanent where a topic is missing."""
        self._photos: dict[str, str] = {}
        self._renders: dict[str, tuple[str, str]] = {}
        tables = {PRODUCTS.name: self._put_photo, STYLIZED.name: self._put_render}
        super().__init__(settings, "posters", tables)

    def photo(self, product_id: str) -> str | None:
        """Return the address of the product's photo, None for an unknown product."""
        return self._photos.get(product_id)

    def render(self, product_id: str, style_id: str) -> tuple[str, str] | None:
        """Return address and sha256 of the newest render, None where there is none."""
        return self._renders.get(f"{product_id}/{style_id}")

    def _put_photo(self, record: Record) -> None:
        if record.value is None:
            self._photos.pop(_key(record), None)
        else:
            self._photos[_key(record)] = decode(Product, record.value).image_uri

    def _put_render(self, record: Record) -> None:
        if record.value is None:
            self._renders.pop(_key(record), None)
        else:
            render = decode(StylizedImage, record.value)
            self._renders[_key(record)] = render.image_uri, render.sha256


def _key(record: Record) -> str:
    return (record.key or b"").decode()
