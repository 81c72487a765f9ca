"""Results and offsets in one transaction, and what librdkafka's errors mean for it.

Fenced: the producer cannot be used again. Aborted: the batch is retried. A retriable error is
answered by the same call again, for RETRY_SECONDS.

`is_event` sorts out what a consumer returns besides records.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from stylecore.errors import StylecastError
from workers.kafka.admin import Refused
from workers.kafka.records import Output
from workers.telemetry import log

REQUEST_SECONDS = 10.0
RETRY_SECONDS = 15.0
"""How long a call is repeated after a retriable error."""

PURGED = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})  # noqa: SLF001 (public)
"""Errors of records that this process has purged, not the broker refused."""

OnDelivery = Callable[[KafkaError | None, Any], None]
"""Called by poll with the error, None for a delivered record, and the message."""
FORBIDDEN = frozenset(
    {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED}
)


class Fenced(StylecastError):
    """Another producer has the transactional id, or the transaction timed out: use a new one."""


class NoAnswer(Fenced):
    """A call of the producer did not return: the producer must not be freed."""


class Aborted(StylecastError):
    """The transaction was aborted: retry the batch."""

    def __init__(self, message: str, too_large: str | None = None) -> None:
        super().__init__(message)
        self.too_large = too_large
        """The topic whose size limit a record exceeds, if that is the cause."""


def commit_batch(
    producer: Producer, outputs: list[Output], offsets: list[TopicPartition], metadata: Any
) -> None:
    """Produce results and commit offsets in one transaction.

    Raises Fenced, or Aborted: with the first record's refusal if there was one, since librdkafka
    reports only the state of the transaction after that.
    """
    refusals: list[tuple[KafkaError, str]] = []

    def on_delivery(refusal: KafkaError | None, message: Any) -> None:
        if refusal is not None and refusal.code() not in PURGED:
            refusals.append((refusal, message.topic()))

    try:
        producer.begin_transaction()
        for output in outputs:
            try:
                produce(producer, output, on_delivery)
            except KafkaException as problem:  # refused before it is sent, for its size
                refusals.append((problem.args[0], output.topic))
                raise
        if offsets:
            _retry(lambda: producer.send_offsets_to_transaction(offsets, metadata, REQUEST_SECONDS))
        _retry(lambda: producer.commit_transaction(REQUEST_SECONDS))
    except KafkaException as problem:
        error: KafkaError = problem.args[0]
        if error.fatal():
            raise Fenced(f"{error.name()}: {error.str()}") from problem
        try:
            _retry(lambda: producer.abort_transaction(REQUEST_SECONDS))  # delivers last refusals
        except KafkaException as failed:
            raise Fenced(f"abort failed: {failed.args[0].str()}") from failed
        if not refusals:
            raise Aborted(f"{error.name()}: {error.str()}") from problem
        refusal, topic = refusals[0]
        is_size = refusal.code() == KafkaError.MSG_SIZE_TOO_LARGE
        raise Aborted(
            f"{refusal.name()}: {topic}: {refusal.str()}", topic if is_size else None
        ) from problem


def produce(producer: Producer, output: Output, on_delivery: OnDelivery | None = None) -> None:
    """Produce a record, waiting while librdkafka's queue is full."""
    while True:
        try:
            hand_over(producer, output, on_delivery)
        except BufferError:
            producer.poll(0.05)
        else:
            return


def hand_over(producer: Producer, output: Output, on_delivery: OnDelivery | None) -> None:
    """Produce a record. Raises BufferError where librdkafka's queue is full."""
    producer.produce(
        output.topic,
        key=output.key,
        value=output.value,
        headers=list(output.headers),
        partition=output.partition,
        timestamp=output.timestamp_ms,
        on_delivery=on_delivery,
    )


def _retry(action: Callable[[], None]) -> None:
    """Repeat a call after a retriable error, as librdkafka asks, for RETRY_SECONDS.

    After a restart of the broker librdkafka was seen to answer so for ever; only a new producer
    helped.
    """
    deadline = time.monotonic() + RETRY_SECONDS
    while True:
        try:
            return action()
        except KafkaException as problem:
            error: KafkaError = problem.args[0]
            if not error.retriable():
                raise
            if time.monotonic() > deadline:
                raise NoAnswer(f"no answer in {RETRY_SECONDS:.0f} s: {error.str()}") from problem
            log.info("call_retried", error=error.name(), what=error.str())
            time.sleep(0.1)


def is_event(message: Any) -> bool:
    """Return whether a message is an event, not a record.

    Raises Fenced where the event is fatal, and Refused where a right is missing.
    """
    error = message.error()
    if error is None:
        return False
    if error.code() in FORBIDDEN:
        what = f"topic {message.topic()}" if message.topic() else "its group"
        raise Refused(f"no right to READ {what}: {error.str()} ({error.name()})")
    if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 (its public name)
        raise Fenced(f"{error.name()}: {error.str()}")
    log.warning("consume_failed", error=error.name(), topic=message.topic(), what=error.str())
    return True
