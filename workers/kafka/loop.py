"""The consume-process-produce loop of every worker that derives records from a topic.

One batch is one transaction:

1. consume
2. process, outside any transaction; pictures and blobs are written to the store
3. begin the transaction
4. produce results and dead letters
5. send the offsets, with the group's metadata as it was before the batch
6. commit

An abort seeks back to the committed offsets and drops what the handler changed in memory. A fenced
producer cannot be used again: the session ends and a new one starts.

While a batch takes long, its partitions are paused and the consumer is polled
(workers.kafka.assignment). A rebalance in the meantime voids the batch: it is aborted, and records
of partitions that are still assigned are read again.

A batch over which the handler fails by a fault of its code is halved, each half in a transaction of
its own, until the record is found and set aside (workers.kafka.crash_guard).
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from stylecore.errors import Permanent, Transient
from stylecore.storage.store import Store
from workers.kafka.admin import Refused, admin_client
from workers.kafka.assignment import Handler, Ownership
from workers.kafka.clients import group_consumer, on_error, transactional_producer
from workers.kafka.crash_guard import bisect, count_crash
from workers.kafka.dead_letters import (
    DeadLetterOutputs,
    crash_dead_letter,
    dead_letter,
    is_dead_letter_topic,
)
from workers.kafka.groups import watch_unowned_partitions
from workers.kafka.records import Output, Place, Record, places_of, record_of, timestamp_problem
from workers.kafka.retry import (
    LOST,
    Backoff,
    ConnectionWatchdog,
    finds_brokers,
    require_brokers,
    require_going,
    until_answered,
)
from workers.kafka.topics import principal, topic_ids
from workers.kafka.tracing import Spans, spans
from workers.kafka.transaction import (
    REQUEST_SECONDS,
    RETRY_SECONDS,
    Aborted,
    Fenced,
    NoAnswer,
    commit_batch,
    is_event,
)
from workers.settings import Settings
from workers.telemetry import (
    EVENT_AGE,
    FORWARDED,
    RECORDS_CONSUMED,
    RECORDS_PRODUCED,
    TRANSACTIONS,
    Health,
    OncePerMinute,
    log,
    stage,
)

IDLE_SECONDS = 0.1
"""How long consume waits for a first record."""
GATHER_SECONDS = 0.002
"""How long consume waits for more records after the first."""
PROCESS_SECONDS = 300.0
"""Longer than any batch takes: after this the handler hangs, and /live says no."""
TOPICS_SECONDS = 10.0
"""Between two checks whether an input topic was deleted and created again."""
ANSWER_SECONDS = 2.0
"""Time-out of such a check, during which no batch is processed."""
GONE_SECONDS = 60.0
"""A failed batch that was not read again within this time was removed by retention."""
COMMIT_SECONDS = 4 * (RETRY_SECONDS + REQUEST_SECONDS)
"""Longer than a commit and an abort with all retries; librdkafka was seen never to return."""

_once_a_minute = OncePerMinute()


def run_worker(
    settings: Settings,
    worker: str,
    make_handler: Callable[[], Handler],
    *,
    batch_records: int,
    health: Health,
    stop: threading.Event,
) -> None:
    """Run a worker until `stop` is set; the batch in hand is finished first."""
    with (
        spans(settings, worker) as exported,
        watch_unowned_partitions(settings, worker, stop),
    ):

        def run_session(backoff: Backoff) -> None:
            handler = make_handler()
            with closing(
                Session(settings, worker, handler, batch_records, health, stop, exported)
            ) as session:
                session.start()
                while not stop.is_set():
                    session.step()
                    health.ready = session.is_settled and not session.is_stuck
                    backoff.reset()

        keep_running(run_session, worker, health, stop)


def keep_running(
    run: Callable[[Backoff], None], worker: str, health: Health, stop: threading.Event
) -> None:
    """Call `run` until `stop` is set, again with back-off when it fails. Raises Permanent.

    `run` sets `health.ready` and resets the back-off once it works.
    """
    backoff = Backoff(stop)
    while not stop.is_set():
        try:
            run(backoff)
        except (Fenced, Transient, Refused, KafkaException) as problem:
            backoff.after(problem)
        except Permanent:
            raise
        except Exception as problem:  # noqa: BLE001 (counted, and tried again)
            count_crash(worker, "", problem)
            backoff.after(problem)
        finally:
            health.ready = False


class TooLarge(Permanent):
    """A result is larger than its topic accepts."""


class Session:
    """A consumer and a transactional producer, from subscription to close."""

    def __init__(
        self,
        settings: Settings,
        worker: str,
        handler: Handler,
        batch_records: int,
        health: Health,
        stop: threading.Event,
        exported: Spans | None,
    ) -> None:
        self._settings = settings
        self._worker = worker
        self._spans = exported
        self._health = health
        self._handler = handler
        self._batch_records = batch_records
        self._stop = stop
        self._backoff = Backoff(stop)
        self._producer: Producer = transactional_producer(settings, worker, self._on_error)
        self._consumer: Consumer = group_consumer(settings, worker, self._on_error)
        self._ownership = Ownership(worker, self._consumer, handler, stop)
        self._brokers_were_down = False
        self._admin = admin_client(settings)
        self._topic_ids: dict[str, str] = {}
        self._ask_topics_at = time.monotonic()
        self._watchdog = ConnectionWatchdog()
        self._dead_letters = DeadLetterOutputs(worker, Store(settings.store.uri))
        self._failing: set[Place] = set()
        """Partitions whose last batch failed and has not succeeded since."""
        self._failed_at = 0.0
        self.is_stuck = False
        """Whether a failed batch is still to be retried."""

    def start(self) -> None:
        """Abort a predecessor's open transaction, then join the group."""
        until_answered(self._init_transactions, self._stop)
        self._consumer.subscribe(
            list(self._handler.topics),
            on_assign=self._ownership.on_assign,
            on_revoke=self._ownership.on_revoke,
            on_lost=self._ownership.on_revoke,
        )

    def _init_transactions(self) -> None:
        """Raises Transient where a new client finds the brokers and this producer does not."""
        try:
            self._producer.init_transactions(REQUEST_SECONDS)
        except KafkaException:
            if finds_brokers(admin_client(self._settings)):
                require_brokers(self._producer, self._handler.topics[0])
            raise

    @property
    def is_settled(self) -> bool:
        """Whether partitions are assigned and restored."""
        return self._ownership.is_settled

    def close(self) -> None:
        """Close the clients; a static member keeps its partitions until its session times out."""
        self._consumer.close()
        self._handler.close()
        self._ownership.release()
        # The clients hold our callbacks in a cycle, and a process has room for about a thousand
        # clients: without references they are freed now, not at the next rare collection.
        del self._producer, self._consumer, self._admin

    def step(self) -> None:
        """Process one batch, or do an idle turn. Raises Fenced, and Transient after an outage."""
        self._producer.poll(0)
        if self._brokers_were_down:
            raise Transient("all brokers were down: starting a new session")
        self._require_same_topics()
        metadata = self._consumer.consumer_group_metadata()
        records = self._consume()
        if not records and self._watchdog.has_lost_brokers(self._consumer, self._handler.topics[0]):
            raise Transient(LOST)
        if self._ownership.has_changed:
            self._ownership.take_up()
            return
        try:
            if records:
                self._handle(records, metadata)
                self._watchdog.reset()
            else:
                self._idle(metadata)
        except (Transient, Aborted) as problem:
            self.is_stuck, self._failed_at = True, time.monotonic()
            self._failing |= {record.place for record in records}
            self._handler.aborted()
            self._ownership.rewind()
            self._backoff.after(problem)
        else:
            # Only the same partitions' success ends the trouble, not that of others.
            self._failing -= {record.place for record in records}
            if self._failing:
                self._failing &= places_of(self._consumer.assignment())
            if not self._failing or time.monotonic() - self._failed_at > GONE_SECONDS:
                self._failing, self.is_stuck = set(), False
                self._backoff.reset()

    def _require_same_topics(self) -> None:
        """Raises Transient where an input topic was deleted and created again.

        librdkafka would keep waiting at offsets of the old topic, which states store as well.
        """
        if time.monotonic() < self._ask_topics_at:
            return
        self._ask_topics_at = time.monotonic() + TOPICS_SECONDS
        try:
            found = topic_ids(self._admin, self._handler.topics, ANSWER_SECONDS)
        except (Transient, Refused):  # reported by the consumer
            return
        before, self._topic_ids = self._topic_ids or found, found
        again = [name for name in found if before.get(name) != found[name]]
        if again:
            raise Transient(
                f"{', '.join(again)} was deleted and created again: reading the new one"
            )

    def _consume(self) -> list[Record]:
        first = self._consumer.consume(1, IDLE_SECONDS)
        rest = self._consumer.consume(self._batch_records - 1, GATHER_SECONDS) if first else []
        try:
            return [record_of(message) for message in first + rest if not is_event(message)]
        except Refused as problem:
            raise Refused(f"{principal(self._settings)}: {problem}") from problem

    def _handle(self, records: list[Record], metadata: Any) -> None:
        for topic, count in Counter(record.topic for record in records).items():
            RECORDS_CONSUMED.labels(self._worker, topic).inc(count)
        bisect(
            records,
            lambda part: self._work(part, metadata),
            lambda record, problem: self._set_aside(record, problem, metadata),
        )
        oldest = min(record.timestamp_ms for record in records)
        EVENT_AGE.labels(self._worker).observe(max(0.0, time.time() - oldest / 1000))

    def _work(self, records: Sequence[Record], metadata: Any) -> None:
        """Process records in one transaction. Drops the handler's changes where it raises."""
        require_going(self._stop)
        self._ownership.require_unchanged()
        timely, letters = checked_times(records, time.time() * 1000)
        if self._spans is not None:
            self._spans.start(timely)
        try:
            with stage(self._worker, "process"), self._health.within(PROCESS_SECONDS):
                work = partial(self._handler.process, timely)
                outputs = self._ownership.poll_while(work, PROCESS_SECONDS)
        except Exception:
            self._handler.aborted()
            raise
        self._ownership.require_unchanged()
        try:
            with stage(self._worker, "commit"):
                self._commit(letters + outputs, _next_offsets(records), metadata)
        except Aborted as problem:
            if problem.too_large is None or is_dead_letter_topic(problem.too_large):
                raise
            self._handler.aborted()
            raise TooLarge(f"a result is over the limit of its topic: {problem}") from problem
        if self._spans is not None:
            self._spans.end()

    def _set_aside(self, record: Record, problem: Exception, metadata: Any) -> None:
        """Commit the record as a dead letter, unless the handler fails on an empty batch too."""
        try:
            self._handler.process([])
        except Exception as other:
            count_crash(self._worker, "", other)
            raise Transient(f"the worker fails on an empty batch: {other!r}") from other
        finally:
            self._handler.aborted()
        if isinstance(problem, Permanent):
            letter = dead_letter(record, "work", problem)
        else:
            log.error(
                "processing_crashed", worker=self._worker, topic=record.topic, exc_info=problem
            )
            letter = crash_dead_letter(record, problem)
        self._commit([letter], _next_offsets([record]), metadata)

    def _idle(self, metadata: Any) -> None:
        """Write the handler's idle outputs, and commit positions that passed only markers."""
        outputs = self._handler.idle()
        passed = self._ownership.passed()
        if outputs or passed:
            self._commit(outputs, passed, metadata)

    def _commit(self, outputs: list[Output], offsets: list[TopicPartition], metadata: Any) -> None:
        outputs = self._dead_letters.fitted(outputs, time.time() * 1000)
        try:
            with self._health.within(COMMIT_SECONDS):
                commit_batch(self._producer, outputs, offsets, metadata)
        except Aborted as problem:
            TRANSACTIONS.labels(self._worker, "aborted").inc()
            if problem.too_large is not None:
                self._dead_letters.refused(problem.too_large, outputs)
            raise
        except Fenced as problem:
            TRANSACTIONS.labels(self._worker, "fenced").inc()
            if isinstance(problem, NoAnswer):
                _never_free(self._producer)
            raise
        TRANSACTIONS.labels(self._worker, "committed").inc()
        for topic, count in Counter(output.topic for output in outputs).items():
            RECORDS_PRODUCED.labels(self._worker, topic).inc(count)
            if topic in self._handler.topics:
                FORWARDED.labels(topic).inc(count)
                if _once_a_minute(topic):
                    log.warning("records_forwarded", topic=topic, count=count)
        self._dead_letters.committed(outputs)
        self._ownership.note_commit(offsets)
        try:
            self._handler.committed()
        except Exception as problem:  # the records are committed: do not process them again
            count_crash(self._worker, "", problem)
            raise Fenced(f"restoring after a failure: {problem!r}") from problem

    def _on_error(self, error: KafkaError) -> None:
        """Note that all brokers are down, whether producer or consumer reports it.

        After an outage the transactional producer of librdkafka 2.16 was seen to wait for ever in
        its first send_offsets_to_transaction, so it is replaced.
        """
        on_error(error)
        self._brokers_were_down |= error.code() == KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001


def checked_times(records: Sequence[Record], now_ms: float) -> tuple[list[Record], list[Output]]:
    """Return the records whose timestamp is in range, and dead letters of the others."""
    timely, letters = [], []
    for record in records:
        problem = timestamp_problem(record, now_ms)
        if problem is None:
            timely.append(record)
        else:
            letters.append(dead_letter(record, "check", problem))
    return timely, letters


def _never_free(producer: Producer) -> None:
    """Leak a producer whose call has not returned, even at interpreter exit.

    A process that freed one was seen to end with a segmentation fault; an outage leaves at most
    one.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(producer))


def _next_offsets(records: Sequence[Record]) -> list[TopicPartition]:
    """Return the offset after the last record of each partition."""
    after = {record.place: record.offset + 1 for record in records}
    return [TopicPartition(*place, offset) for place, offset in after.items()]
