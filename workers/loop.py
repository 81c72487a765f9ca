"""One batch, one transaction: the loop of every worker that writes what it derives from a topic.

The order of a batch:
1. consume; 2. compute, outside any transaction, pictures and blobs written to the store;
3. begin; 4. produce results and dead letters; 5. send the offsets with the group's metadata as
it was before the batch; 6. commit. An abort rewinds to the committed offsets and drops what the
handler changed in memory. A fenced producer is done: the session ends, a new one starts anew.

What a record means is the handler's business; the loop knows offsets only.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from stylecore.errors import Transient
from workers.admin import admin_client
from workers.clients import group_consumer, on_error, transactional_producer
from workers.consumer_events import is_event
from workers.handler import Handler
from workers.orphans import looked_after
from workers.ownership import Ownership
from workers.patience import Pause, until_answered
from workers.records import Output, Record, record_of
from workers.settings import Settings
from workers.silence import LOST, Silence, finds_brokers, require_brokers
from workers.telemetry import (
    EVENT_AGE,
    RECORDS_CONSUMED,
    RECORDS_PRODUCED,
    TRANSACTIONS,
    Health,
    stage,
)
from workers.tracing import traced
from workers.transaction import (
    PATIENCE_SECONDS,
    REQUEST_SECONDS,
    Aborted,
    Fenced,
    NoAnswer,
    commit_batch,
)

IDLE_SECONDS = 0.1
"""How long an empty consume waits; a record ends the wait at once."""
GATHER_SECONDS = 0.002
"""How long a batch gathers after its first record."""
PROCESS_SECONDS = 300.0
"""As long as the group waits for a sign of life: who works longer has lost its partitions."""
COMMIT_SECONDS = 4 * (PATIENCE_SECONDS + REQUEST_SECONDS)
"""A commit and an abort with every retry take less; librdkafka was seen never to return."""


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
    with (
        traced(settings, worker, make_handler) as make_traced,
        looked_after(settings, worker, stop),
    ):
        _run_sessions(settings, worker, make_traced, batch_records, health, stop)


def _run_sessions(
    settings: Settings,
    worker: str,
    make_handler: Callable[[], Handler],
    batch_records: int,
    health: Health,
    stop: threading.Event,
) -> None:
    pause = Pause(stop)
    while not stop.is_set():
        try:
            with closing(
                Session(settings, worker, make_handler(), batch_records, health, stop)
            ) as session:
                session.start()
                while not stop.is_set():
                    session.step()
                    health.ready = session.is_settled and not session.is_stuck
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
        health: Health,
        stop: threading.Event,
    ) -> None:
        self._settings = settings
        self._worker = worker
        self._health = health
        self._handler = handler
        self._batch_records = batch_records
        self._stop = stop
        self._pause = Pause(stop)
        self._producer: Producer = transactional_producer(settings, worker, self._on_error)
        self._consumer: Consumer = group_consumer(settings, worker, self._on_error)
        self._ownership = Ownership(worker, self._consumer, handler, stop)
        self._brokers_were_away = False
        self._silence = Silence()
        self.is_stuck = False
        """Whether the batch in hand has to come again."""

    def start(self) -> None:
        """End a predecessor's transaction first, then join the group."""
        until_answered(self._init_transactions, self._stop)
        self._consumer.subscribe(
            list(self._handler.topics),
            on_assign=self._ownership.on_assign,
            on_revoke=self._ownership.on_revoke,
            on_lost=self._ownership.on_revoke,
        )

    def _init_transactions(self) -> None:
        """Raises Transient where another producer would find the brokers, and this one does not."""
        try:
            self._producer.init_transactions(REQUEST_SECONDS)
        except KafkaException:
            if finds_brokers(admin_client(self._settings)):
                require_brokers(self._producer, self._handler.topics[0])
            raise

    @property
    def is_settled(self) -> bool:
        """Whether it knows its partitions, and they are restored."""
        return self._ownership.is_settled

    def close(self) -> None:
        """Leave; a static member keeps its partitions until its session times out.

        The clients hold our callbacks, and we them: let go, they end now and not when the collector
        comes, which is seldom. A process has room for about a thousand.
        """
        self._consumer.close()
        self._handler.close()
        self._ownership.release()
        del self._producer, self._consumer

    def step(self) -> None:
        """One batch, or one idle turn. Raises Fenced, and Transient after an outage."""
        self._producer.poll(0)
        if self._brokers_were_away:
            raise Transient("all brokers were away: starting anew with a new producer")
        metadata = self._consumer.consumer_group_metadata()
        records = self._consume()
        if not records and self._silence.has_lost_brokers(self._consumer, self._handler.topics[0]):
            raise Transient(LOST)
        if self._ownership.has_changed:
            self._ownership.take_up()
            return
        try:
            if records:
                self._handle(records, metadata)
                self._silence.heard()
            else:
                self._rest(metadata)
            self._pause.reset()
            self.is_stuck = False
        except (Transient, Aborted) as problem:
            self.is_stuck = True
            self._handler.aborted()
            self._ownership.rewind()
            self._pause.after(problem)

    def _consume(self) -> list[Record]:
        first = self._consumer.consume(1, IDLE_SECONDS)
        rest = self._consumer.consume(self._batch_records - 1, GATHER_SECONDS) if first else []
        return [record_of(message) for message in first + rest if not is_event(message)]

    def _handle(self, records: list[Record], metadata: Any) -> None:
        for topic, count in Counter(record.topic for record in records).items():
            RECORDS_CONSUMED.labels(self._worker, topic).inc(count)
        with stage(self._worker, "process"), self._health.within(PROCESS_SECONDS):
            outputs = self._handler.process(records)
        with stage(self._worker, "commit"):
            self._commit(outputs, _next_offsets(records), metadata)
        oldest = min(record.timestamp_ms for record in records)
        EVENT_AGE.labels(self._worker).observe(max(0.0, time.time() - oldest / 1000))

    def _rest(self, metadata: Any) -> None:
        """Write what the handler has, and commit a position that only passed markers."""
        outputs = self._handler.idle()
        passed = self._ownership.passed()
        if outputs or passed:
            self._commit(outputs, passed, metadata)

    def _commit(self, outputs: list[Output], offsets: list[TopicPartition], metadata: Any) -> None:
        try:
            with self._health.within(COMMIT_SECONDS):
                commit_batch(self._producer, outputs, offsets, metadata)
        except Aborted:
            TRANSACTIONS.labels(self._worker, "aborted").inc()
            raise
        except Fenced as problem:
            TRANSACTIONS.labels(self._worker, "fenced").inc()
            if isinstance(problem, NoAnswer):
                _never_free(self._producer)
            raise
        TRANSACTIONS.labels(self._worker, "committed").inc()
        for topic, count in Counter(output.topic for output in outputs).items():
            RECORDS_PRODUCED.labels(self._worker, topic).inc(count)
        self._ownership.note_commit(offsets)
        self._handler.committed()

    def _on_error(self, error: KafkaError) -> None:
        """Of producer or consumer, for either may be the one that notices. After an outage the
        transactional producer of librdkafka 2.16 was seen to wait for ever in its first
        send_offsets_to_transaction, so it is not used again.
        """
        on_error(error)
        self._brokers_were_away |= error.code() == KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001


def _never_free(producer: Producer) -> None:
    """Keep a producer in the midst of a call that does not end, also when the interpreter ends.

    A process that freed one was seen to end with a segmentation fault; an outage leaves one at
    most.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(producer))


def _next_offsets(records: Sequence[Record]) -> list[TopicPartition]:
    """The offset after the last record, by partition."""
    after: dict[tuple[str, int], int] = {}
    for record in records:
        after[record.topic, record.partition] = record.offset + 1
    return [TopicPartition(topic, number, offset) for (topic, number), offset in after.items()]
