"""Handlers, and the partitions of a consumer: assigned, restored, revoked, and rewound.

Rebalance callbacks come inside the consumer's own calls. They only record what has changed; the
loop acts on it between batches (Ownership.take_up).

A handler runs in a thread of its own. While it takes long, all partitions are paused and the
consumer is polled, so that the member stays in its group and takes part in rebalances.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from stylecore.errors import Transient
from workers.kafka.records import Output, Place, Record, place_of, places_of, record_of
from workers.kafka.retry import require_brokers, until_answered
from workers.kafka.transaction import REQUEST_SECONDS, Aborted, is_event
from workers.shutdown import HANDLER_THREAD
from workers.telemetry import log, stage

T = TypeVar("T")
PAUSE_SECONDS = 5.0
"""Shorter work does not pause: librdkafka drops what it has fetched of a paused partition, up to
64 MB, and fetches it again."""
POLL_SECONDS = 1.0
"""Between two polls while paused."""


class Handler:
    """What a worker does with its records: `process`, and whatever else it has use for.

    A new one is made for every session. All methods run in the handler's own thread or between
    batches, never two at a time.
    """

    topics: Sequence[str]
    """The input topics, by their names on the cluster."""

    def process(self, records: Sequence[Record]) -> list[Output]:
        """Compute the results of a batch. Raises Transient where the batch is to be retried."""
        raise NotImplementedError

    def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """Restore what these partitions need; they are paused meanwhile."""

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        """Drop what belongs to these partitions."""

    def committed(self) -> None:
        """Make the batch's changes in memory final: its transaction is committed."""

    def aborted(self) -> None:
        """Drop the batch's changes in memory: it is going to be retried."""

    def idle(self) -> list[Output]:
        """Return what is to be written although no record has come."""
        return []

    def close(self) -> None:
        """Close the handler's own connections at the end of the session."""


class Ownership:
    """The partitions of one consumer."""

    def __init__(
        self, worker: str, consumer: Consumer, handler: Handler, stop: threading.Event
    ) -> None:
        self._worker = worker
        self._consumer = consumer
        self._handler = handler
        self._stop = stop
        self._to_restore: list[TopicPartition] = []
        self._executor = ThreadPoolExecutor(1, HANDLER_THREAD)
        self._revoked_meanwhile: list[TopicPartition] | None = None
        """Revoked while the handler works; None while it does not."""
        self._committed: dict[Place, int] = {}
        self.has_changed = False
        """Whether a rebalance came since `take_up`, which voids a batch in hand."""
        self.is_settled = False
        """Whether partitions are assigned and restored."""

    def release(self) -> None:
        """Drop the closed consumer, which holds our callbacks in a reference cycle."""
        self._executor.shutdown()
        del self._consumer

    def on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Take over partitions, paused until they are restored."""
        consumer.incremental_assign(partitions)
        consumer.pause(partitions)
        self._to_restore += partitions
        self.has_changed = True

    def on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Give up partitions, revoked or lost."""
        gone = places_of(partitions)
        self._to_restore = [place for place in self._to_restore if place_of(place) not in gone]
        for place in gone:
            self._committed.pop(place, None)
        log.info(
            "partitions_revoked",
            worker=self._worker,
            partitions=sorted(number for _, number in gone),
        )
        if self._revoked_meanwhile is None:
            self._handler.revoked(partitions)
        else:
            self._revoked_meanwhile += partitions
        consumer.incremental_unassign(partitions)
        self.has_changed = True

    def take_up(self) -> None:
        """Restore new partitions and resume at the committed offsets.

        Raises Transient and Fenced.
        """
        self.has_changed = False
        numbers = sorted(place.partition for place in self._consumer.assignment())
        log.info("partitions_assigned", worker=self._worker, partitions=numbers)
        if self._to_restore:
            self._restore(self._to_restore)
        self.rewind()
        self.is_settled = True

    def require_unchanged(self) -> None:
        """Raises Aborted where a rebalance came since `take_up`."""
        if self.has_changed:
            raise Aborted("a rebalance came in the middle of the batch")

    def poll_while(self, work: Callable[[], T], seconds: float = math.inf) -> T:
        """Return the result of the handler's `work`, polling the consumer while it runs.

        Polling ends after `seconds`, so that the group takes the partitions from a member that
        hangs. The handler learns of revoked partitions when its work has ended.
        """
        working = self._executor.submit(work)
        try:
            if not wait([working], PAUSE_SECONDS).done:
                self._poll_until_done(working, time.monotonic() + seconds)
            return working.result()
        finally:
            del working  # its exception refers to this frame

    def _poll_until_done(self, working: Future[T], deadline: float) -> None:
        self._revoked_meanwhile = []
        try:
            self._consumer.pause(self._consumer.assignment())
            while not working.done() and time.monotonic() < deadline:
                message: Message | None = self._consumer.poll(0)
                if message is not None and not is_event(message):
                    record = record_of(message)  # fetched before the pause: read it again later
                    self._seek(TopicPartition(record.topic, record.partition, record.offset))
                wait([working], POLL_SECONDS)
        finally:
            wait([working])
            revoked, self._revoked_meanwhile = self._revoked_meanwhile, None
            self._handler.revoked(revoked)
            self._resume()

    def _resume(self) -> None:
        """Resume all partitions that are restored."""
        waiting = places_of(self._to_restore)
        restored = [p for p in self._consumer.assignment() if place_of(p) not in waiting]
        self._consumer.resume(restored)

    def note_commit(self, offsets: Iterable[TopicPartition]) -> None:
        """Note committed offsets."""
        self._committed |= {place_of(place): place.offset for place in offsets}

    def passed(self) -> list[TopicPartition]:
        """Return positions beyond the commits, which passed transaction markers only."""
        return [
            place
            for place in self._consumer.position(self._consumer.assignment())
            if place.offset > self._committed.get(place_of(place), 0)
        ]

    def rewind(self) -> None:
        """Seek to the committed offsets, or to the beginning where there are none.

        Raises Transient where librdkafka cannot seek now, or has lost its brokers.
        """
        assignment = self._consumer.assignment()
        if not assignment:
            return
        for place in self._committed_of(assignment):
            offset = place.offset if place.offset >= 0 else OFFSET_BEGINNING
            self._seek(TopicPartition(place.topic, place.partition, offset))

    def _committed_of(self, places: list[TopicPartition]) -> list[TopicPartition]:
        def ask() -> list[TopicPartition]:
            try:
                return self._consumer.committed(places, timeout=REQUEST_SECONDS)
            except KafkaException:
                require_brokers(self._consumer, places[0].topic)
                raise

        return until_answered(ask, self._stop) or []

    def _seek(self, place: TopicPartition) -> None:
        try:
            self._consumer.seek(place)
        except KafkaException as problem:  # such as: it is being revoked
            raise Transient(f"cannot seek in {place.topic}: {problem.args[0].str()}") from problem

    def _restore(self, places: list[TopicPartition]) -> None:
        """Restore partitions, however long it takes.

        Waits first until their commits are stable: a predecessor's open transaction may hold them
        back. Partitions that are assigned meanwhile are restored in the next step.
        """
        self._to_restore = []
        self._committed_of(places)
        with stage(self._worker, "restore"):
            self.poll_while(partial(self._handler.assigned, places))
        self._resume()
