"""A small shop for integration tests: sample products, shoppers' events, and what came of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import worlds

from schemas.events import (
    Feedback,
    ModelAnnouncement,
    PosterRequest,
    Product,
    StyleDefinition,
    StyleRequest,
    StylizeJob,
)
from schemas.topics import PREFERENCE_MODELS, PRODUCTS, Topic, dead_letter_topic
from stylecore.recommender import factors as artifact
from stylecore.storage.store import Store
from workers.demo.fleet import Fleet, fleet
from workers.demo.inputs import sample_products
from workers.kafka.producer import Publisher
from workers.kafka.records import Record
from workers.kafka.table import TableReader, partitions_of_names
from workers.kafka.topics import topic_name
from workers.settings import Settings

PARTITIONS = 4


@contextmanager
def shop_fleet(settings: Settings, environment: dict[str, str], folder: Path) -> Iterator[Fleet]:
    """Workers as processes, with short time-outs, that may read the sample photos."""
    photos = str(Path(sample_products()[0].image_uri).parents[1])
    quick = {
        "STYLECAST_PHOTOS__ALLOWED_PREFIXES": msgspec.json.encode([photos, str(folder)]).decode(),
        "STYLECAST_WORKER__SESSION_TIMEOUT_SECONDS": "6",
        "STYLECAST_WORKER__TRANSACTION_TIMEOUT_SECONDS": "5",
        "STYLECAST_STYLIZE__BATCH_JOBS": "2",
        "STYLECAST_PREFERENCES__BATCH_RECORDS": "50",
        "STYLECAST_PREFERENCES__DEMAND_SECONDS": "1",
        "STYLECAST_PHOTOS__PATIENCE_SECONDS": "1",
        "STYLECAST_TRAINER__LEAST_SHOPPERS": "2",
        "STYLECAST_PLANNER__GENERATOR_STYLES": '["watercolour", "ink-line"]',
    }
    with fleet({**environment, **quick}, folder / "logs") as running:
        yield running


def publish_products(settings: Settings, count: int) -> list[Product]:
    """The first sample products, published."""
    products = sample_products()[:count]
    with Publisher(settings, "/test") as publisher:
        for product in products:
            publisher.send(PRODUCTS, product, datetime.now(UTC))
    return products


def announce_factors(settings: Settings, seed: int, made_at: datetime | None = None) -> str:
    """Factors for the first twelve products of `worlds`, from a seed; their version.

    They were made now unless it is said when.
    """
    factors = worlds.factors(12, 4, np.random.default_rng(seed))
    store = Store(settings.store.uri)
    uri, digest = store.put_blob("models/preferences", artifact.encode(factors), artifact.SUFFIX)
    now = datetime.now(UTC)
    with Publisher(settings, "/test") as publisher:
        publisher.send(
            PREFERENCE_MODELS,
            ModelAnnouncement(
                name="preferences",
                version=factors.version,
                uri=uri,
                sha256=digest,
                made_at=made_at or now,
            ),
            now,
        )
    return factors.version


def click(number: int, user_id: str, product: Product, style_id: str = "original") -> Feedback:
    """A click; its number makes its event_id."""
    return Feedback(
        event_id=f"event-{number}",
        user_id=user_id,
        kind="click",
        product_id=product.product_id,
        style_id=style_id,
        occurred_at=datetime.now(UTC),
    )


def job_of(product: Product, requested_at: datetime) -> StylizeJob:
    """An order of one picture, in ink."""
    definition = StyleDefinition(weights={"ink-line": 1.0})
    return StylizeJob(
        job_id=f"job-{product.product_id}",
        product_id=product.product_id,
        image_uri=product.image_uri,
        styles=[StyleRequest(style_id="ink-line", definition=definition)],
        reason="request",
        requested_at=requested_at,
    )


def poster_of(product: Product) -> PosterRequest:
    """An advertisement with the product's photo."""
    return PosterRequest(
        poster_id=product.product_id,
        product_id=product.product_id,
        style_id="original",
        headline="Tea",
        sizes=["540x540"],
    )


def read_all(settings: Settings, topic: Topic) -> list[Record]:
    """The committed records of a topic."""
    return _read(settings, topic_name(settings, topic))


def read_dead_letters_of(settings: Settings, topic: Topic) -> list[Record]:
    """The records of a topic's dead letters."""
    return _read(settings, topic_name(settings, dead_letter_topic(topic.name)))


def _read(settings: Settings, name: str) -> list[Record]:
    reader = TableReader(settings, partitions_of_names(settings, [name]))
    try:
        return list(reader.read_to_end(threading.Event()))
    finally:
        reader.close()


def latest(records: list[Record]) -> dict[bytes | None, bytes]:
    """Key to value as a compacted topic keeps them."""
    table: dict[bytes | None, bytes] = {}
    for record in records:
        if record.value is None:
            table.pop(record.key, None)
        else:
            table[record.key] = record.value
    return table


def has_input(record: Record) -> bool:
    """Whether a record was made from an input, and not by a refresh."""
    return "stylecast.input.topic" in dict(record.headers)


def input_of(record: Record) -> tuple[str, ...]:
    """Topic, partition and offset of the input that a record was made from."""
    headers = dict(record.headers)
    return tuple(
        headers[f"stylecast.input.{name}"].decode() for name in ("topic", "partition", "offset")
    )
