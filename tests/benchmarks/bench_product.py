"""From a published product to its pictures in every style, through Kafka, planner and renderer.

Products come one after another, each when the one before could be drawn twice, so that none waits
for another. A picture counts from its product's publication until a read_committed consumer has it,
published or rejected. Beside it stands what drawing one product in all styles takes without Kafka,
in this process and this run.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
from bench_stylize import draw_all, job_of, loader
from rows import Row, row

from schemas.events import Product
from schemas.topics import PRODUCTS, REJECTED, STYLIZED
from stylecore.models import GENERATOR
from stylecore.rendering.engine import Engine
from workers.broker import local_broker
from workers.demo.fleet import fleet
from workers.demo.inputs import sample_products
from workers.kafka.producer import Publisher
from workers.kafka.table import TableReader, partitions_of
from workers.kafka.topics import apply_topics
from workers.settings import Settings, load_settings

WARM_PRODUCTS, COUNTED_PRODUCTS = 2, 12
PATIENCE_SECONDS = 600

Arrivals = dict[tuple[str, str], float]
"""By product and style."""


def product_to_render_p99(products: int = COUNTED_PRODUCTS) -> Row:
    """Seconds over all pictures, with the median, and with the last picture of a product."""
    engine = Engine(GENERATOR)
    photos = sample_products()
    bare = _bare_seconds(photos[0], engine)
    chosen = [photos[number % len(photos)] for number in range(WARM_PRODUCTS + products)]
    named = [
        msgspec.structs.replace(photo, product_id=f"{photo.product_id}-{number}")
        for number, photo in enumerate(chosen)
    ]
    styles = [style.style_id for style in engine.manifest.styles]
    published, arrivals = _through_kafka(named, styles, 2 * bare)
    seconds = np.array(
        [
            [arrivals[one.product_id, style] - published[one.product_id] for style in styles]
            for one in named[WARM_PRODUCTS:]
        ]
    )
    return row(
        "product_to_render_p99",
        float(np.percentile(seconds, 99)),
        "s",
        "one product in all styles without Kafka",
        bare,
        p50=round(float(np.median(seconds)), 3),
        first_picture_p50=round(float(np.median(seconds.min(axis=1))), 3),
        pictures=seconds.size,
    )


def _bare_seconds(product: Product, engine: Engine) -> float:
    """The median of three drawings, each into a new store, after one that warms up."""
    times = []
    for _ in range(4):
        started = time.perf_counter()
        draw_all([job_of(Path(product.image_uri), engine)], engine, loader(1024))
        times.append(time.perf_counter() - started)
    return float(np.median(times[1:]))


def _through_kafka(
    products: list[Product], styles: list[str], gap: float
) -> tuple[dict[str, float], Arrivals]:
    """When each product was published, and each of its pictures read."""
    with tempfile.TemporaryDirectory() as folder, local_broker() as broker:
        environment = {
            "STYLECAST_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "STYLECAST_STORE__URI": str(Path(folder) / "store"),
            "STYLECAST_PHOTOS__ALLOWED_PREFIXES": json.dumps(
                [str(Path(products[0].image_uri).parents[1])]
            ),
        }
        settings = load_settings(
            kafka={"bootstrap_servers": broker.bootstrap_servers}, worker={"instance": "bench"}
        )
        apply_topics(settings)
        published: dict[str, float] = {}
        arrivals: Arrivals = {}
        stop = threading.Event()
        watcher = threading.Thread(target=_watch, args=(settings, arrivals, stop))
        with fleet(environment, Path(folder) / "logs") as workers:
            for worker in ("planner", "stylize"):
                workers.start(worker)
                workers.wait_ready(worker)
            watcher.start()
            try:
                for product in products:
                    with Publisher(settings, "/benchmark") as publisher:
                        published[product.product_id] = time.monotonic()
                        publisher.send(PRODUCTS, product, datetime.now(UTC))
                    time.sleep(gap)
                _wait(arrivals, len(products) * len(styles))
            finally:
                stop.set()
                watcher.join()
        return published, arrivals


def _watch(settings: Settings, arrivals: Arrivals, stop: threading.Event) -> None:
    reader = TableReader(settings, partitions_of(settings, [STYLIZED, REJECTED]))
    while not stop.is_set():
        for record in reader.wait(0.05):
            if record.value is not None:
                product_id, _, style_id = (record.key or b"").decode().partition("/")
                arrivals.setdefault((product_id, style_id), time.monotonic())
    reader.close()


def _wait(arrivals: Arrivals, pictures: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(arrivals) < pictures:
        if time.monotonic() > deadline:
            raise SystemExit(f"{len(arrivals)} of {pictures} pictures came")
        time.sleep(0.1)


FIGURES = {"product_to_render_p99": product_to_render_p99}


if __name__ == "__main__":
    print(json.dumps(product_to_render_p99()), flush=True)
