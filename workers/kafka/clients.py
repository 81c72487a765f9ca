"""librdkafka clients with Stylecast's configuration; comments give the reason of a property."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError, Producer

from workers.kafka.topics import group_id, transactional_id
from workers.settings import Settings
from workers.telemetry import OncePerMinute, log

MAX_RECORD_BYTES = 2_000_000
"""Above the size limit of inputs, so that a dead letter with its headers fits."""

OnError = Callable[[KafkaError], None]

_once_a_minute = OncePerMinute()


def on_error(error: KafkaError) -> None:
    """Log an error once a minute; librdkafka itself keeps trying."""
    if _once_a_minute(error.name()):
        log.warning("client_failed", error=error.name(), what=error.str())


def producer_config(settings: Settings, message_bytes: int = MAX_RECORD_BYTES) -> dict[str, Any]:
    """Return the configuration of an idempotent producer with Java's partitioner."""
    return {
        "enable.idempotence": True,
        # With more, librdkafka 2.16 loses records and reports them delivered: a new partition's
        # leader refuses the first batch and stores the second, whose answer counts for both.
        "max.in.flight.requests.per.connection": 1,
        "partitioner": "murmur2_random",
        # Storefronts read it: kafkajs, for one, reads gzip and uncompressed records only, and gzip
        # takes 200 us of a core a list, where ranking takes 60 (deploy/SCALE.md).
        "compression.type": "none",
        "linger.ms": 5,
        "message.max.bytes": message_bytes,
        **_client_config(settings),
    }


def producer(settings: Settings) -> Producer:
    """Return a producer without transactions, for publishing events."""
    return Producer(producer_config(settings))


def transactional_producer(
    settings: Settings,
    worker: str,
    error_cb: OnError = on_error,
    message_bytes: int = MAX_RECORD_BYTES,
) -> Producer:
    """Return one worker instance's producer; call init_transactions() before subscribing.

    poll calls `error_cb` with errors of the brokers. `message_bytes` is the size limit of one
    record, before compression.
    """
    return Producer(
        {
            **producer_config(settings, message_bytes),
            "transactional.id": transactional_id(settings, worker),
            "transaction.timeout.ms": int(settings.worker.transaction_timeout_seconds * 1000),
            # How long a transaction waits, again and again, while the last one's markers are
            # written; the default is 100 ms.
            "retry.backoff.ms": 1,
            "delivery.report.only.error": True,
            "error_cb": error_cb,
        }
    )


def group_consumer(settings: Settings, worker: str, error_cb: OnError = on_error) -> Consumer:
    """Return a consumer of a worker's group, whose offsets only transactions commit.

    poll calls `error_cb` with errors of the brokers.
    """
    return Consumer(
        {
            **_member_config(settings, worker),
            "group.instance.id": transactional_id(settings, worker),
            "error_cb": error_cb,
        }
    )


def passing_consumer(settings: Settings, worker: str) -> Consumer:
    """Return a dynamic member of a worker's group, which leaves the group when it is closed."""
    return Consumer(_member_config(settings, worker))


def _member_config(settings: Settings, worker: str) -> dict[str, Any]:
    return {
        "group.id": group_id(settings, worker),
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": int(settings.worker.session_timeout_seconds * 1000),
        "heartbeat.interval.ms": 500,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        **_client_config(settings),
    }


def table_consumer(settings: Settings) -> Consumer:
    """Return a consumer that reads given partitions to their end, without joining a group."""
    return Consumer(
        {
            # librdkafka requires one, with the right to describe it; nothing is committed.
            "group.id": group_id(settings, "no-group"),
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 100,
            **_client_config(settings),
        }
    )


def commit_consumer(settings: Settings, group: str) -> Consumer:
    """Return a consumer that reads a group's commits and never joins it."""
    return Consumer({"group.id": group, "enable.auto.commit": False, **_client_config(settings)})


def _client_config(settings: Settings) -> dict[str, Any]:
    return {"error_cb": on_error, "logger": _silent, **settings.kafka.librdkafka()}


class _Silent:
    """A logger that keeps librdkafka's lines, which repeat what on_error logs, at level debug."""

    def log(self, level: int, message: str, *args: object) -> None:
        log.debug("librdkafka_logged", severity=level, what=message % args)


_silent = _Silent()
