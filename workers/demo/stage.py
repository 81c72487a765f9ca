"""Where the demo's scenes are played: the running shop, a few of its products, and guests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from schemas.codec import decode
from schemas.events import PosterRendered, Product, Recommendations, Style, StylizeJob
from schemas.topics import JOBS, POSTERS, STYLES
from stylecore.errors import StylecastError
from workers.demo.fleet import Fleet
from workers.demo.gallery import Gallery
from workers.demo.shopping import Shopping
from workers.kafka.producer import Publisher
from workers.kafka.records import tombstone
from workers.kafka.table import TableReader, partitions_of
from workers.settings import Settings

PATIENCE_SECONDS = 240.0


@dataclass(frozen=True)
class Scene:
    """How a scenario went."""

    name: str
    told: str
    figures: dict[str, float]
    pictures: list[tuple[str, str]] = field(default_factory=list)
    """Captions and addresses."""


@dataclass(frozen=True)
class Stage:
    """The running shop, and the products of one category with which the scenes play."""

    settings: Settings
    workers: Fleet
    publisher: Publisher
    gallery: Gallery
    guests: Shopping
    """Shoppers who come for the scenes alone."""
    products: list[Product]
    styles: list[str]
    """Of the generator, at least two."""

    @property
    def category(self) -> str:
        """Of the scenes' products."""
        return self.products[0].category

    def publish_style(self, style: Style) -> None:
        """Now."""
        self.publisher.send(STYLES, style, datetime.now(UTC))
        self.publisher.flush()

    def withdraw_style(self, style_id: str) -> None:
        """Its pictures go as well."""
        self.publisher.send_raw(tombstone(self.settings, STYLES, style_id.encode()))
        self.publisher.flush()

    def wait_until(self, true: Callable[[], bool], problem: str) -> None:
        """While renders are followed. Raises StylecastError when it does not come."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not true():
            self.workers.require_running()
            if time.monotonic() > deadline:
                raise StylecastError(
                    f"{problem} within {PATIENCE_SECONDS:.0f} s; {self.workers.condition()}"
                )
            self.gallery.wait(0.1)

    def is_drawn(self, product: Product, style_id: str) -> bool:
        """Published, or rejected by the gate."""
        pair = (product.product_id, style_id)
        return pair in self.gallery.published or pair in self.gallery.rejected

    def wait_for_style(self, style_id: str) -> list[tuple[str, str]]:
        """Until the scenes' products are drawn; captions and addresses of what was published."""
        self.wait_until(
            lambda: all(self.is_drawn(product, style_id) for product in self.products),
            f"the pictures in {style_id} do not come",
        )
        found = self.gallery.published
        return [
            (product.title, found[product.product_id, style_id].image_uri)
            for product in self.products
            if (product.product_id, style_id) in found
        ]

    def jobs_of(self, product: Product) -> list[StylizeJob]:
        """What was ordered of the product, the first order first."""
        reader = TableReader(self.settings, partitions_of(self.settings, [JOBS]))
        try:
            records = list(reader.read_to_end(threading.Event()))
        finally:
            reader.close()
        key = product.product_id.encode()
        return [
            decode(StylizeJob, record.value)
            for record in sorted(records, key=lambda record: record.offset)
            if record.key == key and record.value is not None
        ]

    def ordered_at(self, product: Product, style_id: str) -> datetime | None:
        """When the picture was ordered for the first time, if it was."""
        orders = (
            job.requested_at
            for job in self.jobs_of(product)
            if style_id in {request.style_id for request in job.styles}
        )
        return min(orders, default=None)

    def demand(self) -> set[tuple[str, str]]:
        """What shoppers wait for, by product and style, as far as the planner knows."""
        plan = msgspec.json.decode(self.workers.page("planner", "/plan.json"))
        return {(wanted["product_id"], wanted["style_id"]) for wanted in plan["demand"]}

    def lists(self, looks: int) -> Iterator[Recommendations]:
        """What the guests see who look so many times now."""
        before = {user_id: len(visit.shown) for user_id, visit in self.guests.visits.items()}
        self.guests.go_on(looks, lambda _: None)
        for user_id, visit in self.guests.visits.items():
            yield from visit.shown[before[user_id] :]

    def share_of(self, style_id: str, looks: int, since: datetime) -> float:
        """The style's share of the scenes' products in what guests see now, 0 to 1.

        Of lists made at `since` or later: who looks first may see one that was made before.
        """
        ours = {product.product_id for product in self.products}
        styles = [
            item.style_id
            for shown in self.lists(looks + 1)
            if shown.generated_at >= since
            for item in shown.items
            if item.product_id in ours
        ]
        return styles.count(style_id) / len(styles) if styles else 0.0

    def sleep_until(self, moment: datetime) -> None:
        """Wait; workers that end are started again."""
        while datetime.now(UTC) < moment:
            self.workers.require_running()
            time.sleep(0.1)

    def poster(self, poster_id: str) -> PosterRendered:
        """The poster, as soon as it is there. Raises StylecastError when it does not come."""
        reader = TableReader(self.settings, partitions_of(self.settings, [POSTERS]))
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < deadline:
                self.workers.require_running()
                for record in reader.wait(0.2):
                    if record.key == poster_id.encode() and record.value is not None:
                        return decode(PosterRendered, record.value)
        finally:
            reader.close()
        raise StylecastError(f"the poster does not come within {PATIENCE_SECONDS:.0f} s")
