"""Producers without transactions: for the command line, the demo, the trainer and the web pages.

ReconnectingProducer survives an outage in which librdkafka loses its brokers for good; Publisher
sends events with it.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import msgspec
from confluent_kafka import KafkaError

from schemas.topics import Topic
from stylecore.errors import Transient
from workers.kafka.admin import admin_client
from workers.kafka.clients import producer
from workers.kafka.records import Output, output_of
from workers.kafka.retry import ConnectionWatchdog, finds_brokers
from workers.kafka.topics import require_topics, topic_name
from workers.kafka.transaction import PURGED, OnDelivery, hand_over
from workers.settings import Settings
from workers.telemetry import log

DRAIN_SECONDS = 0.1
FLUSH_SECONDS = 30.0


class ReconnectingProducer:
    """An idempotent producer that is replaced when a new client finds brokers and it does not.

    Its undelivered records are produced again, in order: those whose acknowledgement was lost with
    the connection may be written twice. Thread-safe.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._purged: list[tuple[Output, OnDelivery]] = []
        self._changing = threading.RLock()
        self._looking = threading.Lock()
        self._topic: str | None = None
        self._connect()

    def _connect(self) -> None:
        self._watchdog = ConnectionWatchdog()
        self._was_lost = False
        self._producer = producer(self._settings)

    def produce(self, output: Output, on_delivery: OnDelivery) -> None:
        """Produce a record, waiting while the queue is full."""
        self._topic = output.topic
        while True:
            try:
                with self._changing:
                    hand_over(self._producer, output, self._wrapped(output, on_delivery))
            except BufferError:
                self.poll(DRAIN_SECONDS)
            else:
                self._producer.poll(0)
                return

    def poll(self, seconds: float = 0) -> None:
        """Run delivery callbacks, waiting up to `seconds` for one.

        It takes some seconds more where the connection is to be checked.
        """
        self._producer.poll(seconds)
        if self._watchdog.is_due and self._topic and self._looking.acquire(blocking=False):
            try:
                self._look(self._topic)
            finally:
                self._looking.release()

    def flush(self, seconds: float) -> int:
        """Wait up to `seconds` until all is delivered; return how many records are not."""
        deadline = time.monotonic() + seconds
        while left := len(self._producer):
            if time.monotonic() > deadline:
                break
            self.poll(DRAIN_SECONDS)
        return left

    def _wrapped(self, output: Output, on_delivery: OnDelivery) -> OnDelivery:
        def delivered(error: KafkaError | None, message: object) -> None:
            if error is not None and error.code() in PURGED:  # by _renew, to be produced again
                self._purged.append((output, on_delivery))
                return
            self._watchdog.reset()
            on_delivery(error, message)

        return delivered

    def _look(self, topic: str) -> None:
        """Replace the producer when it finds no brokers and a new client does.

        With records in flight, only when two checks in a row say so.
        """
        is_there = finds_brokers(self._producer, topic)
        is_lost = not is_there and finds_brokers(admin_client(self._settings))
        if is_lost and (self._was_lost or not len(self._producer)):
            self._renew()
        else:
            self._was_lost = is_lost
            self._watchdog.reset()

    def _renew(self) -> None:
        with self._changing:
            old = self._producer
            old.purge()
            while len(old):  # each purged record is passed to its callback
                old.poll(DRAIN_SECONDS)
            self._connect()
            waiting, self._purged = self._purged, []
            log.warning("producer_replaced", records=len(waiting))
            for output, on_delivery in waiting:
                hand_over(self._producer, output, self._wrapped(output, on_delivery))


class Publisher:
    """Sends events, and waits at the end of its block until all are delivered.

    It survives an outage; records in flight when it began may be written twice.
    """

    def __init__(self, settings: Settings, source: str) -> None:
        self._settings = settings
        self._source = source
        self._producer = ReconnectingProducer(settings)
        self._known: set[str] = set()
        self._failed: str | None = None

    def send(
        self,
        topic: Topic,
        event: msgspec.Struct,
        now: datetime,
        on_delivery: OnDelivery | None = None,
    ) -> None:
        """Send one event. Raises Permanent where the topic is missing."""
        self.send_raw(
            output_of(self._settings, topic, event, source=self._source, now=now), on_delivery
        )

    def send_raw(self, output: Output, on_delivery: OnDelivery | None = None) -> None:
        """Send one record as it is. Raises Permanent where the topic is missing.

        A failed delivery goes to `on_delivery` where that is given, else poll and flush raise it.
        """
        if output.topic not in self._known:
            require_topics(self._settings, [output.topic])
            self._known.add(output.topic)
        self._producer.produce(output, on_delivery or self._delivered)

    def poll(self, seconds: float = 0) -> None:
        """Run delivery callbacks, waiting up to `seconds` for one.

        Raises Transient where a delivery has failed.
        """
        self._producer.poll(seconds)
        self._require_delivery()

    def flush(self) -> None:
        """Wait until all is delivered. Raises Transient where it is not in FLUSH_SECONDS."""
        left = self._producer.flush(FLUSH_SECONDS)
        self._require_delivery()
        if left:
            raise Transient(f"{left} records are not delivered after {FLUSH_SECONDS:.0f} s")

    def _require_delivery(self) -> None:
        if self._failed is not None:
            raise Transient(f"not delivered to {self._failed}")

    def topic(self, topic: Topic) -> str:
        """Return the topic's name on this cluster."""
        return topic_name(self._settings, topic)

    def _delivered(self, error: KafkaError | None, message: Any) -> None:
        if error is not None:
            self._failed = f"{message.topic()} [{message.partition()}]: {error.str()}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is None:
            self.flush()
