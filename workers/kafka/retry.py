"""Waiting for what is down: back-off with jitter, and a watchdog for clients without brokers.

A client that finds no broker may never find one again: a broker that stops reports at last that
there are none, and librdkafka 2.16 then forgets its bootstrap servers as well, maybe without an
error (confluentinc/librdkafka, issue 5301). Only a new client helps, which the caller makes.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from stylecore.errors import Transient
from workers.kafka.topics import require_topics
from workers.kafka.transaction import Fenced
from workers.settings import Settings
from workers.telemetry import OncePerMinute, log

T = TypeVar("T")

FIRST_BACKOFF_SECONDS = 0.1
LONGEST_BACKOFF_SECONDS = 20.0
"""Well below max.poll.interval.ms, so that the member stays in its group."""
WATCHDOG_SECONDS = 10.0
"""The longest wait of a healthy client between its tries to connect."""
LOOK_SECONDS = 2.0
LOST = "no broker answers: starting again with new clients"
Client = AdminClient | Consumer | Producer


class Backoff:
    """Waits between tries, doubling with jitter, and logs the problem once a minute."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._seconds = FIRST_BACKOFF_SECONDS
        self._once_a_minute = OncePerMinute()
        self._random = random.Random()

    def after(self, problem: Exception) -> None:
        """Log the problem and wait."""
        if self._once_a_minute(type(problem).__name__):
            log.warning("retry_scheduled", why=str(problem), kind=type(problem).__name__)
        self._stop.wait(self._seconds * self._random.uniform(0.5, 1))
        self._seconds = min(2 * self._seconds, LONGEST_BACKOFF_SECONDS)

    def reset(self) -> None:
        """Make the next wait a short one, after a success."""
        self._seconds = FIRST_BACKOFF_SECONDS


def require_going(stop: threading.Event) -> None:
    """Raises Transient once `stop` is set, so that a long batch is dropped and not finished.

    A batch can take a minute, and a process has seconds to stop.
    """
    if stop.is_set():
        raise Transient("stopping: the batch is left to the next process")


def until_topics(settings: Settings, names: list[str], stop: threading.Event) -> None:
    """Wait for the broker or `stop`. Raises Permanent where a topic is missing."""
    backoff = Backoff(stop)
    while not stop.is_set():
        try:
            require_topics(settings, names)
        except Transient as problem:
            backoff.after(problem)
        else:
            return


def until_answered(ask: Callable[[], T], stop: threading.Event) -> T | None:
    """Call `ask` until the broker answers; return None once `stop` is set.

    Raises Fenced where the error is fatal.
    """
    backoff = Backoff(stop)
    while not stop.is_set():
        try:
            return ask()
        except KafkaException as problem:
            error: KafkaError = problem.args[0]
            if error.fatal():
                raise Fenced(f"{error.name()}: {error.str()}") from problem
            backoff.after(Transient(f"{error.name()}: {error.str()}"))
    return None


class ConnectionWatchdog:
    """Measures how long a client has received nothing, and then asks for its brokers."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Note that the client works."""
        self._since = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether the client has received nothing for WATCHDOG_SECONDS."""
        return time.monotonic() - self._since > WATCHDOG_SECONDS

    def has_lost_brokers(self, client: Client, topic: str) -> bool:
        """Return whether the check is due and the client finds no broker; any `topic` will do."""
        if not self.is_due:
            return False
        is_lost = not finds_brokers(client, topic)
        self.reset()  # the next check is due after as long again
        return is_lost


def finds_brokers(client: Client, topic: str | None = None) -> bool:
    """Return whether a broker answers the client within LOOK_SECONDS.

    A topic, which may be any, makes the answer short.
    """
    try:
        return bool(client.list_topics(topic, timeout=LOOK_SECONDS).brokers)
    except KafkaException:
        return False


def require_brokers(client: Client, topic: str) -> None:
    """Raises Transient where the client finds no broker, so that the caller replaces it."""
    if not finds_brokers(client, topic):
        raise Transient(LOST)
