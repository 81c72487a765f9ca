"""Records that cannot be processed: untouched to `<topic>.dlq`, with the reason in headers.

The header names are Kafka Connect's (KIP-298), so that its tools read them.
"""

from __future__ import annotations

from schemas.cloudevents import Headers, header, trace_id
from schemas.topics import dead_letter_topic
from workers.records import Output, Record
from workers.telemetry import DEAD_LETTERS, log

PREFIX = "__connect.errors."
MAX_MESSAGE = 2000
MAX_TOLD = 500
"""Characters of a log line's reason; the letter has the rest."""
LONGEST_COUNT = 18
"""Digits; anyone can write the header, and Python refuses to read numbers of thousands."""


def dead_letter_headers(
    *, topic: str, partition: int, offset: int, stage: str, error: Exception, attempts: int = 1
) -> Headers:
    """Where the record lay, and what was wrong with it."""
    return [
        (f"{PREFIX}topic", topic.encode()),
        (f"{PREFIX}partition", str(partition).encode()),
        (f"{PREFIX}offset", str(offset).encode()),
        (f"{PREFIX}stage", stage.encode()),
        (f"{PREFIX}exception.class.name", type(error).__name__.encode()),
        (f"{PREFIX}exception.message", str(error)[:MAX_MESSAGE].encode()),
        (f"{PREFIX}attempts", str(attempts).encode()),
    ]


def dead_letter(record: Record, stage: str, error: Exception) -> Output:
    """The record as it came, for its dead-letter topic; counted and told."""
    DEAD_LETTERS.labels(record.topic, type(error).__name__).inc()
    log.warning(
        "dead letter",
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        stage=stage,
        why=str(error)[:MAX_TOLD],
        trace_id=trace_id(record.headers),
    )
    headers = dead_letter_headers(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        stage=stage,
        error=error,
        attempts=_attempts_before(record) + 1,
    )
    kept = [(name, value) for name, value in record.headers if not name.startswith(PREFIX)]
    return Output(
        topic=dead_letter_topic(record.topic),
        key=record.key,
        value=record.value,
        headers=kept + headers,
        timestamp_ms=record.timestamp_ms,
    )


def _attempts_before(record: Record) -> int:
    """How often a replayed record failed already."""
    attempts = header(record.headers, f"{PREFIX}attempts") or b""
    return int(attempts) if attempts.isdigit() and len(attempts) <= LONGEST_COUNT else 0
