"""Questions to the cluster itself, with failures in our own exceptions.

An answer comes only while the client that was asked is kept. What the answers mean is not known
here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from stylecore.errors import Permanent, Transient
from workers.settings import Settings

TIMEOUT_SECONDS = 15

MOVING = frozenset(
    {
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_CONTROLLER,
        KafkaError.NOT_COORDINATOR,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
"""Answers of a cluster in which something is just being created or moved."""


def admin_client(settings: Settings) -> AdminClient:
    """A client for administration; it connects when first asked something."""
    return AdminClient({"log_level": 0, **settings.kafka.librdkafka()})


def answer(doing: str, ask: Callable[[], Any]) -> Any:
    """What `ask` returns. Raises Transient when the broker is away, Permanent when it refuses."""
    try:
        return ask()
    except KafkaException as problem:
        raise in_words(doing, problem) from problem


def cluster(admin: AdminClient) -> Any:
    """librdkafka's metadata: brokers and topics. Raises Transient."""
    return answer("cannot list the topics", lambda: admin.list_topics(timeout=TIMEOUT_SECONDS))


def in_words(doing: str, problem: KafkaException) -> Permanent | Transient:
    """What was being done and what librdkafka says, by whether trying again may help."""
    error: KafkaError = problem.args[0]
    away = error.code() < 0  # librdkafka's own codes: transport, time-out
    kind = Transient if away or error.retriable() or error.code() in MOVING else Permanent
    return kind(f"{doing}: {error.str()} ({error.name()})")
