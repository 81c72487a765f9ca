"""One batch, one transaction: the loop of every worker that writes what it derives from a topic.

The order of a batch:
1. consume; 2. compute, outside any transaction, pictures and blobs written to the store;
3. begin; 4. produce results and dead letters; 5. send the offsets with the group's metadata as
it was before the batch; 6. commit. An abort rewinds to the committed offsets and drops what the
handler changed in memory. A fenced producer is done: the session ends, a new one starts anew.

What a record means is the handler's business; the loop knows offsets only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition

from stylecore.errors import Transient
from workers.clients import group_consumer, on_error, transactional_producer
from workers.handler import Handler
from workers.patience import Pause, until_answered
from workers.records import Output, Record, record_of
from workers.settings import Settings
from workers.telemetry import (
    EVENT_AGE,
    RECORDS_CONSUMED,
    RECORDS_PRODUCED,
    TRANSACTIONS,
    Health,
    log,
    stage,
)
from workers.transaction import REQUEST_SECONDS, Aborted, Fenced, commit_batch

IDLE_SECONDS = 0.1
"""How long an empty consume waits; a record ends the wait at once."""
GATHER_SECONDS = 0.002
"""How long a batch gathers after its first record."""


def run_worker(
    settings: Settings,
    worker: str,
    make_handler: Callable[[], Handler],
    *,
    batch_records: int,
    health: Health,
    stop: threading.Event,
) -> None:
    """Work until `stop` is set; the batch in hand is finished first."""
    pause = Pause(stop)
    while not stop.is_set():
        try:
            with closing(Session(settings, worker, make_handler(), batch_records, stop)) as session:
                session.start()
                while not stop.is_set():
                    session.step()
                    health.ready = session.has_assignment
                    pause.reset()
        except (Fenced, Transient) as problem:
            pause.after(problem)
        finally:
            health.ready = False


class Session:
    """A consumer and a transactional producer, from the first subscription to the end."""

    def __init__(
        self,
        settings: Settings,
        worker: str,
        handler: Handler,
        batch_records: int,
        stop: threading.Event,
    ) -> None:
        self._worker = worker
        self._handler = handler
        self._batch_records = batch_records
        self._stop = stop
        self._pause = Pause(stop)
        self._producer: Producer = transactional_producer(settings, worker, self._on_error)
        self._consumer: Consumer = group_consumer(settings, worker)
        self._to_restore: list[TopicPartition] = []
        self._assignment_changed = False
        self._brokers_were_away = False
        self.has_assignment = False
        """Whether the group has told which partitions are ours, and they are restored."""
        self._committed: dict[tuple[str, int], int] = {}

    def start(self) -> None:
        """End a predecessor's transaction first, then join the group."""
        until_answered(lambda: self._producer.init_transactions(REQUEST_SECONDS), self._stop)
        self._consumer.subscribe(
            list(self._handler.topics),
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_revoke,
        )

    def close(self) -> None:
        """Leave; a static member keeps its partitions until its session times out."""
        self._consumer.close()
        self._handler.close()

    def step(self) -> None:
        """One batch, or one idle turn. Raises Fenced, and Transient after an outage."""
        self._producer.poll(0)
        if self._brokers_were_away:
            raise Transient("all brokers were away: starting anew with a new producer")
        metadata = self._consumer.consumer_group_metadata()
        records = self._consume()
        if self._assignment_changed:
            self._take_up_assignment()
            return
        try:
            if records:
                self._handle(records, metadata)
            else:
                self._rest(metadata)
            self._pause.reset()
        except (Transient, Aborted) as problem:
            self._handler.aborted()
            self._rewind()
            self._pause.after(problem)

    def _consume(self) -> list[Record]:
        first = self._consumer.consume(1, IDLE_SECONDS)
        rest = self._consumer.consume(self._batch_records - 1, GATHER_SECONDS) if first else []
        return [record_of(message) for message in first + rest if not _is_error(message)]

    def _handle(self, records: list[Record], metadata: Any) -> None:
        for topic in {record.topic for record in records}:
            count = sum(record.topic == topic for record in records)
            RECORDS_CONSUMED.labels(self._worker, topic).inc(count)
        with stage(self._worker, "process"):
            outputs = self._handler.process(records)
        with stage(self._worker, "commit"):
            self._commit(outputs, _next_offsets(records), metadata)
        newest = max(record.timestamp_ms for record in records)
        EVENT_AGE.labels(self._worker).observe(max(0.0, time.time() - newest / 1000))

    def _rest(self, metadata: Any) -> None:
        """Write what the handler has, and commit a position that only passed markers."""
        outputs = self._handler.idle()
        positions = self._consumer.position(self._consumer.assignment())
        passed = [
            place
            for place in positions
            if place.offset > self._committed.get((place.topic, place.partition), 0)
        ]
        if outputs or passed:
            self._commit(outputs, passed, metadata)

    def _commit(self, outputs: list[Output], offsets: list[TopicPartition], metadata: Any) -> None:
        try:
            commit_batch(self._producer, outputs, offsets, metadata)
        except Aborted:
            TRANSACTIONS.labels(self._worker, "aborted").inc()
            raise
        except Fenced:
            TRANSACTIONS.labels(self._worker, "fenced").inc()
            raise
        TRANSACTIONS.labels(self._worker, "committed").inc()
        for output in outputs:
            RECORDS_PRODUCED.labels(self._worker, output.topic).inc()
        self._committed |= {(place.topic, place.partition): place.offset for place in offsets}
        self._handler.committed()

    def _on_error(self, error: KafkaError) -> None:
        """After an outage the transactional producer of librdkafka 2.16 was seen to wait for ever
        in its first send_offsets_to_transaction, so it is not used again.
        """
        on_error(error)
        self._brokers_were_away |= error.code() == KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign(partitions)
        consumer.pause(partitions)
        self._to_restore += partitions
        self._assignment_changed = True

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        gone = {(place.topic, place.partition) for place in partitions}
        self._to_restore = [
            place for place in self._to_restore if (place.topic, place.partition) not in gone
        ]
        for place in gone:
            self._committed.pop(place, None)
        self._handler.revoked(partitions)
        consumer.incremental_unassign(partitions)
        self._assignment_changed = True

    def _take_up_assignment(self) -> None:
        """Drop what was consumed while partitions came and went, and restore the new ones."""
        self._assignment_changed = False
        log.info("assignment", worker=self._worker, partitions=len(self._consumer.assignment()))
        if self._to_restore:
            places = self._to_restore
            until_answered(
                lambda: self._consumer.committed(places, timeout=REQUEST_SECONDS), self._stop
            )
            with stage(self._worker, "restore"):
                self._handler.assigned(places)
            self._to_restore = []
            self._consumer.resume(places)
        self._rewind()
        self.has_assignment = True

    def _rewind(self) -> None:
        """Back to the committed offsets, or to the beginning where there are none."""
        assignment = self._consumer.assignment()
        if not assignment:
            return
        committed = until_answered(
            lambda: self._consumer.committed(assignment, timeout=REQUEST_SECONDS), self._stop
        )
        for place in committed or ():
            offset = place.offset if place.offset >= 0 else OFFSET_BEGINNING
            self._consumer.seek(TopicPartition(place.topic, place.partition, offset))


def _next_offsets(records: Sequence[Record]) -> list[TopicPartition]:
    """The offset after the last record, by partition."""
    after: dict[tuple[str, int], int] = {}
    for record in records:
        after[record.topic, record.partition] = record.offset + 1
    return [TopicPartition(topic, number, offset) for (topic, number), offset in after.items()]


def _is_error(message: Any) -> bool:
    """Whether a message is an event of the consumer; a fatal one ends the session."""
    error = message.error()
    if error is None:
        return False
    if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 (its public name)
        raise Fenced(f"{error.name()}: {error.str()}")
    log.warning("consume", error=error.name(), what=error.str())
    return True
