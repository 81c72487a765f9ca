"""A shop for the pages' tests: products, quick stand-ins for renders, and the workers that count.

The renders are the photos under a tint, so that no network has to draw; everything else is real:
Kafka, the preferences worker, the web worker, each a process of its own.
"""

from __future__ import annotations

import io
import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from helpers import wait_until
from integration.shop import PARTITIONS, click, publish_products, shop_fleet
from PIL import Image, ImageOps

from schemas.events import Product, Quality, RejectedImage, RejectionReason, StylizedImage
from schemas.topics import FEEDBACK, REJECTED, STYLIZED
from stylecore.storage.store import Store
from workers.broker.ports import free_port
from workers.demo.fleet import Fleet
from workers.demo.inputs import sample_products
from workers.kafka.producer import Publisher
from workers.kafka.topics import apply_topics
from workers.settings import Settings, load_settings
from workers.telemetry import Health
from workers.web import run_web

NOW = datetime(2026, 11, 24, tzinfo=UTC)
TINTS = {"watercolour": "#4a7fb5", "ink-line": "#222222", "neon": "#c2278f"}
SHA256 = "0" * 64


@dataclass(frozen=True)
class WebShop:
    """The running shop and where its pages are."""

    settings: Settings
    fleet: Fleet
    products: list[Product]
    address: str

    def get(self, path: str) -> bytes:
        """What lies at a path."""
        with urllib.request.urlopen(self.address + path, timeout=10) as answer:
            return answer.read()

    def list_of(self, user_id: str) -> dict:
        """The shopper's list from the JSON view."""
        return json.loads(self.get(f"/v1/shoppers/{user_id}/recommendations"))

    def make_known(self, user_id: str) -> None:
        """A list of the shopper's own: that for everyone changes now and then by itself."""
        event = click(0, user_id, self.products[0])
        with Publisher(self.settings, "/test") as publisher:
            publisher.send(FEEDBACK, event, event.occurred_at)
        wait_until(lambda: self.list_of(user_id)["user_id"] == user_id)


@contextmanager
def open_shop(
    settings: Settings, environment: dict[str, str], folder: Path, count: int = 12
) -> Iterator[WebShop]:
    """A shop of that many products in three styles, once its shelf for everyone is there."""
    apply_topics(settings, PARTITIONS)
    products = publish_products(settings, count)
    publish_renders(settings, products)
    port = free_port()
    with shop_fleet(settings, {**environment, "STYLECAST_WEB__PORT": str(port)}, folder) as fleet:
        for worker in ("preferences", "web"):
            fleet.start(worker)
        for worker in ("preferences", "web"):
            fleet.wait_ready(worker)
        shop = WebShop(settings, fleet, products, f"http://127.0.0.1:{port}")
        wait_until(lambda: has_everything(shop), 60)
        yield shop


@contextmanager
def instance(settings: Settings, **web: object) -> Iterator[str]:
    """One more instance of the pages, of the same topics, in this process; its address."""
    port = free_port()
    photos = str(Path(sample_products()[0].image_uri).parents[1])
    settings = load_settings(
        kafka=settings.kafka,
        store=settings.store,
        photos={"allowed_prefixes": [photos]},
        web={"port": port, **web},
    )
    stop, health = threading.Event(), Health()
    serving = threading.Thread(target=run_web, args=(settings, health, stop))
    serving.start()
    try:
        wait_until(lambda: health.ready)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        serving.join()


def has_everything(shop: WebShop) -> bool:
    """Whether the shelf for everyone shows every product."""
    page = shop.get("/shop/nobody").decode()
    return page.count("data-item=") >= min(len(shop.products), 12)


def publish_renders(settings: Settings, products: list[Product]) -> None:
    """A tinted picture of each product in each style, and one rejected picture."""
    store = Store(settings.store.uri)
    with Publisher(settings, "/test") as publisher:
        for product in products:
            for style_id, tint in TINTS.items():
                render = _render(store, product, style_id, tint)
                publisher.send(STYLIZED, render, NOW)
        uri = _blob(store, products[0], "#888888")
        rejected = RejectedImage(
            product_id=products[0].product_id,
            style_id="pastel",
            kind="gate",
            reasons=[RejectionReason(figure="structure", value=0.412, bound=0.55)],
            model="test",
            rendered_at=NOW,
            job_id="job",
            image_uri=uri,
        )
        publisher.send(REJECTED, rejected, NOW)


def _render(store: Store, product: Product, style_id: str, tint: str) -> StylizedImage:
    return StylizedImage(
        product_id=product.product_id,
        style_id=style_id,
        image_uri=_blob(store, product, tint),
        width=256,
        height=256,
        media_type="image/webp",
        sha256=SHA256,
        source_sha256=SHA256,
        style_sha256=SHA256,
        model="test",
        quality=Quality(),
        seed=0,
        rendered_at=NOW,
        job_id="job",
    )


def _blob(store: Store, product: Product, tint: str) -> str:
    photo = ImageOps.contain(Image.open(product.image_uri).convert("L"), (256, 256))
    buffer = io.BytesIO()
    ImageOps.colorize(photo, tint, "white").save(buffer, "WEBP")
    return store.put_blob("images", buffer.getvalue(), ".webp")[0]
