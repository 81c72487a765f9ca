"""Questions to the cluster itself, with failures in our own exceptions.

An answer comes only while the client that was asked is kept. What the answers mean is not known
here.
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
"""After which a client is asked whether it was refused: librdkafka goes on trying."""
SETTLE_SECONDS = 10
"""How long a cluster may need to know everywhere what was created or moved."""


class Refused(Permanent):
    """The cluster refuses: a topic or a right is missing. No record is at fault."""


REFUSED = {
    KafkaError._AUTHENTICATION: "authentication failed",  # noqa: SLF001 (their public names)
    KafkaError._SSL: "no trusted TLS connection",  # noqa: SLF001
}
"""Why a broker lets nobody in, in our words."""

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
"""Answers of a cluster in which something is being created or moved, or which was restarted."""


class _Admin(AdminClient):
    """Remembers why it was not let in: librdkafka tells that to a callback alone.

    The callback does not know the client: a client in a cycle would keep its threads, which go on
    trying to connect, until the collector comes by.
    """

    def __init__(self, properties: dict[str, Any]) -> None:
        refusals: deque[KafkaError] = deque(maxlen=1)

        def hear(error: KafkaError) -> None:
            if error.code() in REFUSED:
                refusals.append(error)

        self.refusals = refusals
        self.addresses = str(properties["bootstrap.servers"]).split(",")
        self.is_plain = "security.protocol" not in properties
        given: dict[str, Any] = {"log_level": 0, **properties, "error_cb": hear}
        super().__init__(given)


def admin_client(settings: Settings) -> AdminClient:
    """A client for administration; it connects when first asked something."""
    return _Admin(settings.kafka.librdkafka())


def answer(doing: str, ask: Callable[[], Any]) -> Any:
    """What `ask` returns. Raises Transient when the broker is away, Permanent when it refuses."""
    try:
        return ask()
    except KafkaException as problem:
        raise in_words(doing, problem) from problem


def retry_transient(ask: Callable[[], T]) -> T:
    """What `ask` returns, asked again for a while: what was just created or moved is not yet known
    everywhere. Raises Transient.
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
    """librdkafka's metadata: brokers and topics. Raises Transient, with the cause if refused."""
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
    """The problem, with its likely cause where a port is open and nothing answers in plain text.

    librdkafka tells no more than a transport failure of a broker that wants TLS or a password.
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
    """What was being done and what librdkafka says, by whether trying again may help."""
    error: KafkaError = problem.args[0]
    away = error.code() < 0  # librdkafka's own codes: transport, time-out
    kind = Transient if away or error.retriable() or error.code() in MOVING else Refused
    return kind(f"{doing}: {error.str()} ({error.name()})")
