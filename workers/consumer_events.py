"""What a consumer returns besides records: its events, told, and fatal ones raised."""

from __future__ import annotations

from typing import Any

from confluent_kafka import KafkaError

from workers.admin import Refused
from workers.telemetry import log
from workers.transaction import Fenced

FORBIDDEN = frozenset(
    {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED}
)


def is_event(message: Any) -> bool:
    """Whether a message is an event of the consumer.

    Raises Fenced where that is fatal, and Refused where a right was taken away.
    """
    error = message.error()
    if error is None:
        return False
    if error.code() in FORBIDDEN:
        what = f"topic {message.topic()}" if message.topic() else "its group"
        raise Refused(f"no right to READ {what}: {error.str()} ({error.name()})")
    if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 (its public name)
        raise Fenced(f"{error.name()}: {error.str()}")
    log.warning("consume", error=error.name(), topic=message.topic(), what=error.str())
    return True
