"""Waiting for what is away: pauses that grow, with jitter, and trouble told once a minute.

A client that has been silent for long is asked whether it finds its brokers.

One that does not may never find one again: a broker that stops says at last that there are none,
and librdkafka 2.16 then forgets the address that it was given as well, and may tell nobody
(confluentinc/librdkafka, issue 5301). Only a new client helps; making it is the caller's business.
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
"""Between tries; well below max.poll.interval.ms, so that a group keeps its member."""


class Backoff:
    """Waits between tries, doubling with jitter; tells the same trouble once a minute."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._seconds = FIRST_BACKOFF_SECONDS
        self._once_a_minute = OncePerMinute()
        self._random = random.Random()

    def after(self, problem: Exception) -> None:
        """Tell the problem and wait."""
        if self._once_a_minute(type(problem).__name__):
            log.warning("retry_scheduled", why=str(problem), kind=type(problem).__name__)
        self._stop.wait(self._seconds * self._random.uniform(0.5, 1))
        self._seconds = min(2 * self._seconds, LONGEST_BACKOFF_SECONDS)

    def reset(self) -> None:
        """It worked: the next pause is short again."""
        self._seconds = FIRST_BACKOFF_SECONDS


def require_going(stop: threading.Event) -> None:
    """Raises Transient once `stop` is set, so that a long batch is dropped whole and not finished.

    A batch can take a minute, and a process that is asked to end has seconds.
    """
    if stop.is_set():
        raise Transient("asked to stop: the batch is left to the next")


def until_topics(settings: Settings, names: list[str], stop: threading.Event) -> None:
    """Wait for the broker, or for `stop`. Raises Permanent where a topic is missing."""
    backoff = Backoff(stop)
    while not stop.is_set():
        try:
            require_topics(settings, names)
        except Transient as problem:
            backoff.after(problem)
        else:
            return


def until_answered(ask: Callable[[], T], stop: threading.Event) -> T | None:
    """Ask until the broker answers; None when `stop` came first. Raises Fenced when fatal."""
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


WATCHDOG_SECONDS = 10.0
"""As long as a client that lives waits between its tries, at most."""
LOOK_SECONDS = 2.0
LOST = "no broker answers: starting anew with new clients"

Client = AdminClient | Consumer | Producer


class ConnectionWatchdog:
    """How long one client has brought nothing."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """It has brought something."""
        self._since = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it should be asked."""
        return time.monotonic() - self._since > WATCHDOG_SECONDS

    def has_lost_brokers(self, client: Client, topic: str) -> bool:
        """Whether it has been silent for long and finds no broker; any `topic` will do."""
        if not self.is_due:
            return False
        is_lost = not finds_brokers(client, topic)
        self.reset()  # as of now: it is asked again after another while
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
