"""Publishes events without transactions: for the command line, the demo, the trainer, the pages."""

from __future__ import annotations

from datetime import datetime
from types import TracebackType
from typing import Any, Self

import msgspec
from confluent_kafka import KafkaError

from schemas.topics import Topic
from stylecore.errors import Transient
from workers.lasting import LastingProducer
from workers.records import Output, output_of
from workers.settings import Settings
from workers.topics import require_topics, topic_name
from workers.transaction import Told

FLUSH_SECONDS = 30.0


class Publisher:
    """Sends events and, at its end, waits until the broker has all of them.

    An outage is waited for; what was on its way when it began may be there twice afterwards.
    """

    def __init__(self, settings: Settings, source: str) -> None:
        self._settings = settings
        self._source = source
        self._producer = LastingProducer(settings)
        self._known: set[str] = set()
        self._failed: str | None = None

    def send(
        self, topic: Topic, event: msgspec.Struct, now: datetime, told: Told | None = None
    ) -> None:
        """Hand over one event. Raises Permanent where the topic is missing."""
        self.send_raw(output_of(self._settings, topic, event, source=self._source, now=now), told)

    def send_raw(self, output: Output, told: Told | None = None) -> None:
        """Hand over one record as it is. Raises Permanent where the topic is missing.

        With `told` a failure is told there, and not by poll or flush.
        """
        if output.topic not in self._known:
            require_topics(self._settings, [output.topic])
            self._known.add(output.topic)
        self._producer.produce(output, told or self._delivered)

    def poll(self, seconds: float = 0) -> None:
        """Hear of deliveries, waiting so long for one. Raises Transient where one failed."""
        self._producer.poll(seconds)
        self._require_delivery()

    def flush(self) -> None:
        """Wait until all is delivered. Raises Transient."""
        left = self._producer.flush(FLUSH_SECONDS)
        self._require_delivery()
        if left:
            raise Transient(f"{left} records are not delivered after {FLUSH_SECONDS:.0f} s")

    def _require_delivery(self) -> None:
        if self._failed is not None:
            raise Transient(f"not delivered to {self._failed}")

    def topic(self, topic: Topic) -> str:
        """The topic's name on this cluster."""
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
