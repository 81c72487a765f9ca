"""The admin client, and librdkafka's failures as Transient and Refused.

Futures of the admin client are resolved only while the client that was asked exists.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from stylecore.errors import Permanent, Transient
from workers.settings import Settings

T = TypeVar("T")

TIMEOUT_SECONDS = 15
REFUSAL_SECONDS = 3.0
"""Time-out of one try, after which errors are checked: librdkafka keeps trying when refused."""
SETTLE_SECONDS = 10
"""How long all brokers may need to know what was created or moved."""
REFUSED = {
    KafkaError._AUTHENTICATION: "authentication failed",  # noqa: SLF001 (their public names)
    KafkaError._SSL: "no trusted TLS connection",  # noqa: SLF001
}
"""Why a broker refuses a connection, in words."""
MOVING = frozenset(
    {
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_CONTROLLER,
        KafkaError.NOT_COORDINATOR,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
"""Errors while topics are created, partitions move, or brokers restart."""


class Refused(Permanent):
    """The cluster refuses a request: a topic or a right is missing."""


class _Admin(AdminClient):
    """An admin client that keeps the last refusal, which librdkafka passes to a callback only.

    The callback has no reference to the client: a client in a reference cycle would keep its
    threads, which try to connect, until the next garbage collection.
    """

    def __init__(self, properties: dict[str, Any]) -> None:
        refusals: deque[KafkaError] = deque(maxlen=1)

        def on_error(error: KafkaError) -> None:
            if error.code() in REFUSED:
                refusals.append(error)

        self.refusals = refusals
        self.addresses = str(properties["bootstrap.servers"]).split(",")
        self.is_plain = "security.protocol" not in properties
        given: dict[str, Any] = {"log_level": 0, **properties, "error_cb": on_error}
        super().__init__(given)


def admin_client(settings: Settings) -> AdminClient:
    """Return an admin client, which connects at its first request."""
    return _Admin(settings.kafka.librdkafka())


def answer(doing: str, ask: Callable[[], Any]) -> Any:
    """Return what `ask` returns.

    Raises Transient where the broker is down, Refused where it refuses.
    """
    try:
        return ask()
    except KafkaException as problem:
        raise in_words(doing, problem) from problem


def retry_transient(ask: Callable[[], T]) -> T:
    """Return what `ask` returns, called again for SETTLE_SECONDS while it raises Transient.

    What was just created or moved is not known to every broker at once.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            return ask()
        except Transient:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def cluster(admin: AdminClient) -> Any:
    """Return librdkafka's metadata: brokers and topics.

    Raises Transient, with the cause if the connection is refused.
    """
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        left = deadline - time.monotonic()
        try:
            return admin.list_topics(timeout=min(REFUSAL_SECONDS, max(left, 0.1)))
        except KafkaException as problem:
            admin.poll(0)
            for refusal in getattr(admin, "refusals", ()):
                raise Transient(f"{REFUSED[refusal.code()]}: {refusal.str()}") from problem
            if left < REFUSAL_SECONDS:
                raise _with_cause(admin, in_words("cannot list the topics", problem)) from problem


def _with_cause(admin: AdminClient, problem: Refused | Transient) -> Refused | Transient:
    """Return the problem, with a hint where a port is open and does not answer without TLS.

    librdkafka reports only a transport failure of a broker that wants TLS or a password.
    """
    if getattr(admin, "is_plain", False) and any(map(_is_open, getattr(admin, "addresses", ()))):
        return type(problem)(
            f"{problem}; the port is open: does it want TLS or a password "
            "(STYLECAST_KAFKA__SECURITY_PROTOCOL=SASL_SSL, SSL or SASL_PLAINTEXT)?"
        )
    return problem


def _is_open(address: str) -> bool:
    host, _, port = address.strip().rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=2):
            return True
    except (OSError, ValueError):
        return False


def in_words(doing: str, problem: KafkaException) -> Refused | Transient:
    """Return the error as Transient, where a retry may help, or Refused."""
    error: KafkaError = problem.args[0]
    is_local = error.code() < 0  # librdkafka's own codes: transport, time-out
    kind = Transient if is_local or error.retriable() or error.code() in MOVING else Refused
    return kind(f"{doing}: {error.str()} ({error.name()})")
