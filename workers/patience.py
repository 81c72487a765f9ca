"""Waiting for what is away: pauses that grow, with jitter, and trouble told once a minute."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from stylecore.errors import Transient
from workers.settings import Settings
from workers.telemetry import OncePerMinute, log
from workers.topics import require_topics
from workers.transaction import Fenced

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 20.0
"""Between tries; well below max.poll.interval.ms, so that a group keeps its member."""


class Pause:
    """Waits between tries, doubling with jitter; tells the same trouble once a minute."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._seconds = FIRST_PAUSE_SECONDS
        self._tell = OncePerMinute()
        self._random = random.Random()

    def after(self, problem: Exception) -> None:
        """Tell the problem and wait."""
        if self._tell(type(problem).__name__):
            log.warning("again", why=str(problem), kind=type(problem).__name__)
        self._stop.wait(self._seconds * self._random.uniform(0.5, 1))
        self._seconds = min(2 * self._seconds, LONGEST_PAUSE_SECONDS)

    def reset(self) -> None:
        """It worked: the next pause is short again."""
        self._seconds = FIRST_PAUSE_SECONDS


def require_going(stop: threading.Event) -> None:
    """Raises Transient once `stop` is set, so that a long batch is dropped whole and not finished.

    A batch can take a minute, and a process that is asked to end has seconds.
    """
    if stop.is_set():
        raise Transient("asked to stop: the batch is left to the next")


def until_topics(settings: Settings, names: list[str], stop: threading.Event) -> None:
    """Wait for the broker, or for `stop`. Raises Permanent where a topic is missing."""
    pause = Pause(stop)
    while not stop.is_set():
        try:
            require_topics(settings, names)
        except Transient as problem:
            pause.after(problem)
        else:
            return


def until_answered(ask: Callable[[], T], stop: threading.Event) -> T | None:
    """Ask until the broker answers; None when `stop` came first. Raises Fenced when fatal."""
    pause = Pause(stop)
    while not stop.is_set():
        try:
            return ask()
        except KafkaException as problem:
            error: KafkaError = problem.args[0]
            if error.fatal():
                raise Fenced(f"{error.name()}: {error.str()}") from problem
            pause.after(Transient(f"{error.name()}: {error.str()}"))
    return None
