"""A producer that outlasts an outage, also one in which librdkafka's loses its brokers for good."""

from __future__ import annotations

import threading
import time

from confluent_kafka import KafkaError

from workers.admin import admin_client
from workers.clients import producer
from workers.records import Output
from workers.settings import Settings
from workers.silence import Silence, finds_brokers
from workers.telemetry import log
from workers.transaction import PURGED, Told, hand_over

DRAIN_SECONDS = 0.1


class LastingProducer:
    """An idempotent producer, made anew when a new client finds brokers and this one does not.

    The records that it still has are handed over again, in their order: those whose answer was lost
    with the connection may be there twice. May be used by several threads.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._purged: list[tuple[Output, Told]] = []
        self._changing = threading.RLock()
        self._looking = threading.Lock()
        self._topic: str | None = None
        self._connect()

    def _connect(self) -> None:
        self._silence = Silence()
        self._was_lost = False
        self._producer = producer(self._settings)

    def produce(self, output: Output, told: Told) -> None:
        """Hand over a record, waiting while the queue is full."""
        self._topic = output.topic
        while True:
            try:
                with self._changing:
                    hand_over(self._producer, output, self._hearing(output, told))
            except BufferError:
                self.poll(DRAIN_SECONDS)
            else:
                self._producer.poll(0)
                return

    def poll(self, seconds: float = 0) -> None:
        """Hear of deliveries, waiting so long for one, and some seconds more while none come."""
        self._producer.poll(seconds)
        if self._silence.is_long and self._topic and self._looking.acquire(blocking=False):
            try:
                self._look(self._topic)
            finally:
                self._looking.release()

    def flush(self, seconds: float) -> int:
        """Wait until all is delivered; how many records are not when the time has gone."""
        deadline = time.monotonic() + seconds
        while left := len(self._producer):
            if time.monotonic() > deadline:
                break
            self.poll(DRAIN_SECONDS)
        return left

    def _hearing(self, output: Output, told: Told) -> Told:
        def hear(error: KafkaError | None, message: object) -> None:
            if error is not None and error.code() in PURGED:
                self._purged.append((output, told))
                return
            self._silence.heard()
            told(error, message)

        return hear

    def _look(self, topic: str) -> None:
        """Make it anew when it is found lost; with records on their way, when twice in a row."""
        is_there = finds_brokers(self._producer, topic)
        is_lost = not is_there and finds_brokers(admin_client(self._settings))
        if is_lost and (self._was_lost or not len(self._producer)):
            self._renew()
        else:
            self._was_lost = is_lost
            self._silence.heard()

    def _renew(self) -> None:
        with self._changing:
            old = self._producer
            old.purge()
            while len(old):
                old.poll(DRAIN_SECONDS)  # each purged record comes back by its callback
            self._connect()
            waiting, self._purged = self._purged, []
            log.warning("a producer without brokers is made anew", records=len(waiting))
            for output, told in waiting:
                hand_over(self._producer, output, self._hearing(output, told))
