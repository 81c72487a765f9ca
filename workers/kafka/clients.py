"""librdkafka clients as Stylecast wants them; why each property is there stands beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError, Producer

from workers.kafka.topics import group_id, transactional_id
from workers.settings import Settings
from workers.telemetry import OncePerMinute, log

MAX_RECORD_BYTES = 2_000_000
"""More than an input may have, so that a dead letter with its headers always fits."""

OnError = Callable[[KafkaError], None]

_once_a_minute = OncePerMinute()


def on_error(error: KafkaError) -> None:
    """Tell trouble with the broker once a minute; librdkafka itself goes on trying."""
    if _once_a_minute(error.name()):
        log.warning("client_failed", error=error.name(), what=error.str())


def producer_config(settings: Settings, message_bytes: int = MAX_RECORD_BYTES) -> dict[str, Any]:
    """An idempotent producer; the partitioner is Java's, in every producer of ours."""
    return {
        "enable.idempotence": True,
        # With more, librdkafka 2.16 loses records and calls them delivered: a new partition's
        # leader refuses the first batch and stores the second, which is taken for both.
        "max.in.flight.requests.per.connection": 1,
        "partitioner": "murmur2_random",
        # What storefronts read: kafkajs, for one, reads gzip and plain records only, and gzip costs
        # 200 us of a core a list where ranking takes 60 (deploy/SCALE.md).
        "compression.type": "none",
        "linger.ms": 5,
        "message.max.bytes": message_bytes,
        "error_cb": on_error,
        "logger": _silent,
        **settings.kafka.librdkafka(),
    }


def producer(settings: Settings) -> Producer:
    """A producer without transactions, for publishing events."""
    return Producer(producer_config(settings))


def transactional_producer(
    settings: Settings,
    worker: str,
    error_cb: OnError = on_error,
    message_bytes: int = MAX_RECORD_BYTES,
) -> Producer:
    """A producer for one instance of a worker; call init_transactions() before subscribing.

    `error_cb` receives errors of the brokers when the producer is polled. `message_bytes` is the
    size limit of one record, before compression.
    """
    return Producer(
        {
            **producer_config(settings, message_bytes),
            "transactional.id": transactional_id(settings, worker),
            "transaction.timeout.ms": int(settings.worker.transaction_timeout_seconds * 1000),
            # The next transaction meets the last one's markers; the default waits 100 ms for them.
            "retry.backoff.ms": 1,
            "delivery.report.only.error": True,
            "error_cb": error_cb,
        }
    )


def group_consumer(settings: Settings, worker: str, error_cb: OnError = on_error) -> Consumer:
    """A consumer of a worker's group; offsets are committed by its transactions alone.

    `error_cb` receives errors of the brokers when the consumer is polled.
    """
    return Consumer(
        {
            **_member_config(settings, worker),
            "group.instance.id": transactional_id(settings, worker),
            "error_cb": error_cb,
        }
    )


def passing_consumer(settings: Settings, worker: str) -> Consumer:
    """A member of a worker's group that the group forgets as soon as it is closed."""
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
        "error_cb": on_error,
        "logger": _silent,
        **settings.kafka.librdkafka(),
    }


def table_consumer(settings: Settings) -> Consumer:
    """A consumer that reads given partitions to their end, without being part of any group."""
    return Consumer(
        {
            # librdkafka wants one, and to describe it; nothing is ever committed.
            "group.id": group_id(settings, "no-group"),
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 100,
            "error_cb": on_error,
            "logger": _silent,
            **settings.kafka.librdkafka(),
        }
    )


def commit_consumer(settings: Settings, group: str) -> Consumer:
    """A consumer that can be asked for a group's commits; it never joins the group."""
    return Consumer(
        {
            "group.id": group,
            "enable.auto.commit": False,
            "error_cb": on_error,
            "logger": _silent,
            **settings.kafka.librdkafka(),
        }
    )


class _Silent:
    """librdkafka's own log lines repeat what on_error tells."""

    def log(self, level: int, message: str, *args: object) -> None:
        log.debug("librdkafka_logged", severity=level, what=message % args)


_silent = _Silent()
