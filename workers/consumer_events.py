"""What a consumer returns besides records: its events, told, and fatal ones raised."""

from __future__ import annotations

from typing import Any

from confluent_kafka import KafkaError

from workers.telemetry import log
from workers.transaction import Fenced


def is_event(message: Any) -> bool:
    """Whether a message is an event of the consumer. Raises Fenced where that is fatal."""
    error = message.error()
    if error is None:
        return False
    if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 (its public name)
        raise Fenced(f"{error.name()}: {error.str()}")
    log.warning("consume", error=error.name(), what=error.str())
    return True
