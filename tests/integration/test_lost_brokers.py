"""librdkafka may lose its brokers for good when the last one stops: what lasts makes new clients.

That happens by chance (confluentinc/librdkafka, issue 5301). Here it is made certain: the broker
comes back at another address, which only a new client is given.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from threading import Event, Thread

import msgspec
import pytest
from confluent_kafka import KafkaError
from helpers import wait_until
from integration.shop import PARTITIONS, publish_products, read_all
from structlog.testing import capture_logs

from schemas.codec import decode
from schemas.events import Product
from schemas.topics import PRODUCTS
from workers.broker import local_broker
from workers.demo.inputs import sample_products
from workers.kafka import loop, retry
from workers.kafka.assignment import Handler
from workers.kafka.loop import run_worker
from workers.kafka.producer import Publisher
from workers.kafka.records import Output, Record
from workers.kafka.table import TableReader, partitions_of
from workers.kafka.topics import apply_topics, topic_name
from workers.settings import Settings, load_settings
from workers.telemetry import Health

pytestmark = pytest.mark.integration

AWAY_SECONDS = 4
PATIENCE_SECONDS = 60

Move = Callable[[Callable[[], object]], None]
"""Moves the broker; calls what it is given again and again while there is none."""


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test need not wait as long as a shop."""
    monkeypatch.setattr(retry, "WATCHDOG_SECONDS", 2.0)


@pytest.fixture
def shop(tmp_path) -> Iterator[tuple[Settings, Move]]:
    broker_at = ExitStack()

    def move(meanwhile):
        broker_at.close()
        until = time.monotonic() + AWAY_SECONDS
        while time.monotonic() < until:
            meanwhile()
        broker = broker_at.enter_context(local_broker(tmp_path))
        vars(settings.kafka)["bootstrap_servers"] = broker.bootstrap_servers  # settings are frozen

    with broker_at:
        broker = broker_at.enter_context(local_broker(tmp_path))
        settings = load_settings(kafka={"bootstrap_servers": broker.bootstrap_servers})
        apply_topics(settings, PARTITIONS)
        yield settings, move


def priced(price: int) -> Product:
    """One product, so that its records keep their order."""
    return msgspec.structs.replace(sample_products()[0], price_minor=price)


def poll_until(publisher: Publisher, true: Callable[[], bool]) -> None:
    wait_until(lambda: (publisher.poll(0.1), true())[1], PATIENCE_SECONDS)


def test_a_publisher_delivers_all_in_order_after_an_outage(shop):
    settings, move = shop
    delivered: list[tuple[int, KafkaError | None]] = []
    waiting = iter(range(1, 8))
    with Publisher(settings, "/test") as publisher:

        def send(price: int) -> None:
            publisher.send(
                PRODUCTS,
                priced(price),
                datetime.now(UTC),
                lambda error, _: delivered.append((price, error)),
            )

        def go_on() -> None:
            for price in waiting:
                send(price)
            publisher.poll(0.1)
            assert len(delivered) == 1

        send(0)
        publisher.flush()
        move(go_on)
        poll_until(publisher, lambda: len(delivered) == 8)
        send(8)
    assert delivered == [(price, None) for price in range(9)]
    stored = [decode(Product, record.value).price_minor for record in read_all(settings, PRODUCTS)]
    assert stored == list(range(9))


def test_a_publisher_that_had_nothing_to_send_is_as_good_as_new(shop):
    settings, move = shop
    delivered: list[KafkaError | None] = []
    with Publisher(settings, "/test") as publisher:
        publisher.send(PRODUCTS, priced(0), datetime.now(UTC))
        publisher.flush()
        move(lambda: publisher.poll(0.1))
        with capture_logs() as lines:
            poll_until(publisher, lambda: "producer_replaced" in {line["event"] for line in lines})
        publisher.send(
            PRODUCTS, priced(1), datetime.now(UTC), lambda error, _: delivered.append(error)
        )
        poll_until(publisher, lambda: delivered == [None])


def test_a_reader_goes_on_where_it_was(shop):
    settings, move = shop
    publish_products(settings, 3)
    seen: list[Record] = []
    with closing(TableReader(settings, partitions_of(settings, [PRODUCTS]))) as reader:

        def go_on() -> None:
            seen.extend(reader.wait(0.1))

        seen.extend(reader.read_to_end(Event()))
        move(go_on)
        with Publisher(settings, "/test") as publisher:
            publisher.send(PRODUCTS, sample_products()[3], datetime.now(UTC))
        wait_until(lambda: (go_on(), len(seen) >= 4)[1], PATIENCE_SECONDS)
        seen.extend(reader.read_to_end(Event()))
    names = [product.product_id.encode() for product in sample_products()[:4]]
    assert sorted(record.key for record in seen) == sorted(names)
    assert seen[-1].key == names[-1]


class Keeping(Handler):
    """A handler that remembers what was committed."""

    def __init__(self, settings: Settings, kept: list[bytes | None]) -> None:
        self.topics = [topic_name(settings, PRODUCTS)]
        self._kept = kept
        self._batch: list[bytes | None] = []

    def process(self, records: Sequence[Record]) -> list[Output]:
        self._batch = [record.key for record in records]
        return []

    def committed(self) -> None:
        self._kept.extend(self._batch)
        self._batch = []

    def aborted(self) -> None:
        self._batch = []


def test_a_worker_goes_on_though_its_clients_tell_it_nothing(shop, monkeypatch):
    monkeypatch.setattr(loop.Session, "_on_error", lambda _session, _error: None)
    settings, move = shop
    kept: list[bytes | None] = []
    stop = Event()
    worker = Thread(
        target=run_worker,
        args=(settings, "planner", lambda: Keeping(settings, kept)),
        kwargs={"batch_records": 10, "health": Health(), "stop": stop},
    )
    worker.start()
    try:
        publish_products(settings, 3)
        wait_until(lambda: len(kept) == 3, PATIENCE_SECONDS)
        move(lambda: time.sleep(0.1))
        publish_products(settings, 4)
        wait_until(lambda: len(kept) == 7, PATIENCE_SECONDS)
    finally:
        stop.set()
        worker.join()
    names = [product.product_id.encode() for product in sample_products()[:4]]
    assert Counter(kept) == Counter(names[:3]) + Counter(names)
