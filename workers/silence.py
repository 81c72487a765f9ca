"""A client that has been silent for long is asked whether it finds its brokers.

One that does not may never find one again: a broker that stops says at last that there are none,
and librdkafka 2.16 then forgets the address that it was given as well, and may tell nobody
(confluentinc/librdkafka, issue 5301). Only a new client helps; making it is the caller's business.
"""

from __future__ import annotations

import time

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from stylecore.errors import Transient

SILENCE_SECONDS = 10.0
"""As long as a client that lives waits between its tries, at most."""
LOOK_SECONDS = 2.0
LOST = "no broker answers: starting anew with new clients"

Client = AdminClient | Consumer | Producer


class Silence:
    """How long one client has brought nothing."""

    def __init__(self) -> None:
        self.heard()

    def heard(self) -> None:
        """It has brought something."""
        self._since = time.monotonic()

    @property
    def is_long(self) -> bool:
        """Whether it should be asked."""
        return time.monotonic() - self._since > SILENCE_SECONDS

    def has_lost_brokers(self, client: Client, topic: str) -> bool:
        """Whether it has been silent for long and finds no broker; any `topic` will do."""
        if not self.is_long:
            return False
        is_lost = not finds_brokers(client, topic)
        self.heard()  # as of now: it is asked again after another while
        return is_lost


def finds_brokers(client: Client, topic: str | None = None) -> bool:
    """Whether the client knows a broker that answers, within two seconds.

    A topic makes the answer short; any that is there will do.
    """
    try:
        return bool(client.list_topics(topic, timeout=LOOK_SECONDS).brokers)
    except KafkaException:
        return False


def require_brokers(client: Client, topic: str) -> None:
    """Raises Transient where the client finds no broker, so that a new one takes its place."""
    if not finds_brokers(client, topic):
        raise Transient(LOST)
