"""A photo replaced under its old address is drawn again when its product is published again."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
from helpers import wait_until
from integration.shop import latest, read_all, read_dead_letters_of

from schemas.codec import decode
from schemas.events import Product, Style, StylizedImage, StylizeJob
from schemas.topics import JOBS, PRODUCTS, STYLES, STYLIZED
from workers.demo.fleet import fleet
from workers.demo.inputs import sample_products
from workers.kafka.producer import Publisher
from workers.kafka.records import partition_of

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("topics"),
    pytest.mark.timeout(280),
]
PHOTOS = [Path(product.image_uri).read_bytes() for product in sample_products()[:5]]
ANYTHING = {
    "STYLECAST_STYLIZE__OUTPUT_SIDE": "128",
    "STYLECAST_STYLIZE__MINIMUM_IDENTITY": "-2",
    "STYLECAST_STYLIZE__MINIMUM_STRUCTURE": "-1",
    "STYLECAST_STYLIZE__MINIMUM_STYLE": "0",
    "STYLECAST_STYLIZE__MAXIMUM_BACKGROUND": "1000",
}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):  # noqa: A002
        """Say nothing."""


@contextmanager
def web(folder):
    """A web server of a folder, which tells Last-Modified and no ETag; its address."""
    serving = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder))
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{serving.server_port}"
    finally:
        serving.shutdown()
        serving.server_close()
        thread.join()


def test_a_photo_or_reference_replaced_under_its_address_is_drawn_again_and_no_other(
    settings, environment, tmp_path
):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, photo in (("file.jpg", PHOTOS[0]), ("web.jpg", PHOTOS[0]), ("like.jpg", PHOTOS[3])):
        (photos / name).write_bytes(photo)
    with web(photos) as address:
        environment |= ANYTHING | {
            "STYLECAST_PHOTOS__ALLOWED_PREFIXES": msgspec.json.encode(
                [str(photos), address]
            ).decode(),
            "STYLECAST_PHOTOS__ALLOWED_NETWORKS": '["127.0.0.0/8"]',
            "STYLECAST_PLANNER__GENERATOR_STYLES": '["ink-line"]',
        }
        products = [
            Product(product_id="file", title="F", category="c", image_uri=str(photos / "file.jpg")),
            Product(product_id="web", title="W", category="c", image_uri=f"{address}/web.jpg"),
        ]
        like = Style(style_id="like", label="Like", reference_uri=str(photos / "like.jpg"))
        with fleet(environment, tmp_path / "logs") as running:
            running.start("planner")
            running.start("stylize")

            _publish(settings, *products, like)
            wait_until(lambda: len(_images(settings)) == 4, 200)
            assert _sources(settings) == dict.fromkeys(("file", "web"), digest(PHOTOS[0]))

            _publish(settings, *products, like)  # unchanged
            _wait_until_planned(settings, photos, "m1")
            assert _ordered(settings).total() == 4

            (photos / "file.jpg").write_bytes(PHOTOS[1])
            (photos / "web.jpg").write_bytes(PHOTOS[2])
            _publish(settings, *products)
            wanted = {"file": digest(PHOTOS[1]), "web": digest(PHOTOS[2])}
            wait_until(lambda: wanted.items() <= _sources(settings).items(), 100)
            assert _ordered(settings).total() == 8

            (photos / "like.jpg").write_bytes(PHOTOS[4])
            before = _images(settings)
            _publish(settings, like)
            for pair in (("file", "like"), ("web", "like")):
                style = before[pair].style_sha256
                wait_until(lambda p=pair, s=style: _images(settings)[p].style_sha256 != s, 100)
            assert _ordered(settings).total() == 10

            _publish(settings, *products, like)  # unchanged
            _wait_until_planned(settings, photos, "m2")
            assert _ordered(settings).total() == 10
            running.require_running()
    assert read_dead_letters_of(settings, JOBS) == []
    assert read_dead_letters_of(settings, PRODUCTS) == []


def digest(data):
    return sha256(data).hexdigest()


def _publish(settings, *events):
    with Publisher(settings, "/test") as publisher:
        for event in events:
            publisher.send(STYLES if isinstance(event, Style) else PRODUCTS, event, _now())


def _wait_until_planned(settings, photos, marker):
    """Wait until all that was published is planned: a product after it, in every partition, is."""
    place = str(photos / "file.jpg")
    products = [
        Product(product_id=f"{marker}-{n}", title="M", category=marker, image_uri=place)
        for n in range(16)
    ]
    partitions = {partition_of(product.product_id.encode(), 4) for product in products}
    assert len(partitions) == 4
    _publish(settings, *products)
    ids = {product.product_id for product in products}
    wait_until(lambda: ids <= {job.product_id for job in _jobs(settings)}, 100)


def _jobs(settings):
    return [decode(StylizeJob, record.value) for record in read_all(settings, JOBS)]


def _ordered(settings):
    """How often each picture was ordered, by product and style; without those of markers."""
    return Counter(
        (job.product_id, request.style_id)
        for job in _jobs(settings)
        for request in job.styles
        if job.product_id in ("file", "web")
    )


def _images(settings):
    """The pictures by product and style; without those of markers."""
    found = (
        decode(StylizedImage, value) for value in latest(read_all(settings, STYLIZED)).values()
    )
    return {(i.product_id, i.style_id): i for i in found if i.product_id in ("file", "web")}


def _sources(settings):
    """Product to the sha256 of the photo of all its pictures; of those that agree."""
    sources = {}
    for (product_id, _), image in _images(settings).items():
        sources.setdefault(product_id, set()).add(image.source_sha256)
    return {product: found.pop() for product, found in sources.items() if len(found) == 1}


def _now():
    return datetime.now(UTC)
