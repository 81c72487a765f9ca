"""Sends events to their topics and reports each delivery to its caller."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import datetime

import msgspec
from confluent_kafka import KafkaError

from schemas.topics import Topic
from stylecore.errors import Transient
from workers.kafka.producer import Publisher
from workers.kafka.records import Output, output_of, tombstone
from workers.kafka.transaction import OnDelivery
from workers.settings import Settings
from workers.telemetry import RECORDS_PRODUCED

SOURCE = "/stylecast/web"
WORKER = "web"
ANSWER_SECONDS = 5.0
POLL_SECONDS = 0.1


class Outbox:
    """Publishes for the pages.

    A record that is not confirmed in time may still arrive: feedback that is sent again under the
    same event_id counts once.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._publisher = Publisher(settings, SOURCE)

    async def publish(self, topic: Topic, events: Sequence[msgspec.Struct], now: datetime) -> None:
        """Send the events and wait until the broker has all. Raises Transient, Permanent."""
        await self._send(
            [output_of(self._settings, topic, event, source=SOURCE, now=now) for event in events]
        )

    async def withdraw(self, topic: Topic, key: str) -> None:
        """Send a tombstone, likewise."""
        await self._send([tombstone(self._settings, topic, key.encode())])

    async def _send(self, outputs: Sequence[Output]) -> None:
        loop = asyncio.get_running_loop()
        left: list[asyncio.Future[None]] = [loop.create_future() for _ in outputs]

        def hand_over() -> None:
            for output, done in zip(outputs, left, strict=True):
                self._publisher.send_raw(output, _setter(loop, done))

        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await asyncio.to_thread(hand_over)
                await asyncio.gather(*left)
        except TimeoutError as problem:
            raise Transient("Kafka has not confirmed the records yet") from problem
        for output in outputs:
            RECORDS_PRODUCED.labels(WORKER, output.topic).inc()

    def poll_until(self, stop: threading.Event) -> None:
        """Poll for deliveries until `stop` is set, then flush."""
        while not stop.is_set():
            self._publisher.poll(POLL_SECONDS)
        self._publisher.flush()


def _setter(loop: asyncio.AbstractEventLoop, done: asyncio.Future[None]) -> OnDelivery:
    """Return a delivery callback that sets a future of the loop, from librdkafka's thread."""

    def set_done(error: KafkaError | None) -> None:
        if done.done():  # timed out
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(Transient(f"not delivered: {error.str()}"))

    def on_delivery(error: KafkaError | None, _message: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(set_done, error)

    return on_delivery
