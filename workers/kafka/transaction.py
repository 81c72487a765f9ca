"""Results and offsets in one transaction, and what the errors of librdkafka mean for it.

Fenced: this producer is done, only a new one helps. Aborted: the batch comes again. Whatever is
retriable is answered by the same call again.

What a consumer returns besides records: its events, told, and fatal ones raised.
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
"""How long a retriable error is answered by the same call."""


PURGED = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})  # noqa: SLF001 (public)
"""Not refused by the broker, but taken back here."""

OnDelivery = Callable[[KafkaError | None, Any], None]
"""Hears, when the producer is polled, that a record is delivered, or of the error."""


class Fenced(StylecastError):
    """The producer was replaced by another of its name, or overstayed: start anew."""


class NoAnswer(Fenced):
    """A call of the producer did not come to an end: nobody may take the producer apart."""


class Aborted(StylecastError):
    """The transaction was aborted; the batch comes again."""

    def __init__(self, message: str, too_large: str | None = None) -> None:
        super().__init__(message)
        self.too_large = too_large
        """The topic whose limit a record of the transaction exceeds, if that is the cause."""


def commit_batch(
    producer: Producer, outputs: list[Output], offsets: list[TopicPartition], metadata: Any
) -> None:
    """Results and offsets in one transaction.

    Raises Fenced, or Aborted: with the first refusal of a record if there was one, for what
    librdkafka says after that is only that the transaction is in no good state.
    """
    refusals: list[tuple[KafkaError, str]] = []

    def hear(refusal: KafkaError | None, message: Any) -> None:
        if refusal is not None and refusal.code() not in PURGED:
            refusals.append((refusal, message.topic()))

    try:
        producer.begin_transaction()
        for output in outputs:
            try:
                produce(producer, output, hear)
            except KafkaException as problem:  # refused before it is sent, for its size
                refusals.append((problem.args[0], output.topic))
                raise
        if offsets:
            _again_while_retriable(
                lambda: producer.send_offsets_to_transaction(offsets, metadata, REQUEST_SECONDS)
            )
        _again_while_retriable(lambda: producer.commit_transaction(REQUEST_SECONDS))
    except KafkaException as problem:
        error: KafkaError = problem.args[0]
        if error.fatal():
            raise Fenced(f"{error.name()}: {error.str()}") from problem
        _abort(producer)  # refusals are heard here at the latest
        if not refusals:
            raise Aborted(f"{error.name()}: {error.str()}") from problem
        refusal, topic = refusals[0]
        is_size = refusal.code() == KafkaError.MSG_SIZE_TOO_LARGE
        raise Aborted(
            f"{refusal.name()}: {topic}: {refusal.str()}", topic if is_size else None
        ) from problem


def produce(producer: Producer, output: Output, on_delivery: OnDelivery | None = None) -> None:
    """Hand a record to librdkafka, waiting while its queue is full."""
    while True:
        try:
            hand_over(producer, output, on_delivery)
        except BufferError:
            producer.poll(0.05)
        else:
            return


def hand_over(producer: Producer, output: Output, on_delivery: OnDelivery | None = None) -> None:
    """The same, without waiting. Raises BufferError."""
    producer.produce(
        output.topic,
        key=output.key,
        value=output.value,
        headers=list(output.headers),
        partition=output.partition,
        timestamp=output.timestamp_ms,
        on_delivery=on_delivery,
    )


def _abort(producer: Producer) -> None:
    try:
        _again_while_retriable(lambda: producer.abort_transaction(REQUEST_SECONDS))
    except KafkaException as problem:
        raise Fenced(f"abort failed: {problem.args[0].str()}") from problem


def _again_while_retriable(action: Callable[[], None]) -> None:
    """A retriable error is answered by the same call again, as librdkafka asks.

    Not without end: after a restart of the broker librdkafka was seen to answer so for ever, and
    only a new producer helped.
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
    log.warning("consume_failed", error=error.name(), topic=message.topic(), what=error.str())
    return True
