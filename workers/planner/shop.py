"""What the planner remembers: products with what is ordered of them, and the shop's styles.

The two tables are kept by whoever made them.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from datetime import datetime, timedelta

import msgspec

from schemas.events import Product, Style
from stylecore.recommender.render_plan import OfferedStyle, on_offer

Bytes = MutableMapping[bytes, bytes]


class PlannedProduct(msgspec.Struct, frozen=True):
    """A product with its ordered variants: style_id to variant."""

    product: Product
    planned: dict[str, str]
    photo: str = ""
    """Version of the photo's bytes for which they were ordered; empty where it is not known."""


class Shop:
    """Products by key, and styles: the generator's own and those that were published."""

    def __init__(self, products: Bytes, styles: Bytes, generator: dict[str, Style]) -> None:
        self.products = products
        self.styles = styles
        self._generator = generator

    def put_style(self, key: bytes, style: OfferedStyle | None) -> None:
        """A style that is new or changed, or (None) withdrawn."""
        if style is None:
            self.styles.pop(key, None)
        else:
            self.styles[key] = msgspec.json.encode(style)

    def style(self, key: bytes) -> OfferedStyle | None:
        """A style that was published."""
        value = self.styles.get(key)
        return None if value is None else msgspec.json.decode(value, type=OfferedStyle)

    def restore_style(self, key: bytes, value: bytes | None) -> None:
        """Put back what was there before `put_style`; None where nothing was."""
        if value is None:
            self.styles.pop(key, None)
        else:
            self.styles[key] = value

    def offered(self, now: datetime, lead: timedelta) -> dict[str, Style]:
        """The styles on offer at `now`, by id; those of a campaign from `lead` before its start."""
        published = (
            msgspec.json.decode(value, type=OfferedStyle) for value in self.styles.values()
        )
        return on_offer(self._generator, published, now, lead)

    def product(self, key: bytes) -> PlannedProduct | None:
        """What is known of a product."""
        value = self.products.get(key)
        return None if value is None else msgspec.json.decode(value, type=PlannedProduct)

    def all_products(self) -> Iterator[tuple[bytes, PlannedProduct]]:
        """All products with their keys, by key, as they were when this began."""
        for key in sorted(self.products):
            known = self.product(key)
            if known is not None:
                yield key, known

    def remember(
        self, key: bytes, product: Product | None, planned: dict[str, str], photo: str = ""
    ) -> None:
        """What is ordered of a product now; without one, that it is gone."""
        if product is None:
            self.products.pop(key, None)
        elif (new := PlannedProduct(product, planned, photo)) != self.product(key):
            self.products[key] = msgspec.json.encode(new)
