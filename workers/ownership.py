"""Which partitions are ours: given, restored, taken away, and where each is to be read on.

The group says so in callbacks, which come inside the consumer's own calls. They only take note;
what follows is done between batches. What lies in the partitions is the handler's business.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from stylecore.errors import Transient
from workers.consumer_events import is_event
from workers.handler import Handler
from workers.patience import until_answered
from workers.records import Place
from workers.silence import require_brokers
from workers.telemetry import log, stage
from workers.transaction import REQUEST_SECONDS

STAY_SECONDS = 0.5
"""Between two signs of life to the group while the handler restores."""


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
        self._restored: Future[None] | None = None
        self._revoked_meanwhile: list[TopicPartition] = []
        """What the handler is told when it has restored."""
        self._committed: dict[Place, int] = {}
        self.has_changed = False
        """Whether partitions came or went since this was taken up: a batch at hand is void."""
        self.is_settled = False
        """Whether the group has told which partitions are ours, and they are restored."""

    def release(self) -> None:
        """Let go of the consumer, which is closed and holds our callbacks."""
        del self._consumer

    def on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """They are ours, and paused until they are restored."""
        consumer.incremental_assign(partitions)
        consumer.pause(partitions)
        self._to_restore += partitions
        self.has_changed = True

    def on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """They are another's, or were so before we knew."""
        gone = places_of(partitions)
        self._to_restore = [place for place in self._to_restore if place_of(place) not in gone]
        for place in gone:
            self._committed.pop(place, None)
        log.info("revoked", worker=self._worker, partitions=sorted(number for _, number in gone))
        if self._restored is None or self._restored.done():
            self._handler.revoked(partitions)
        else:
            self._revoked_meanwhile += partitions
        consumer.incremental_unassign(partitions)
        self.has_changed = True

    def take_up(self) -> None:
        """Restore what is new, and read on from the commits. Raises Transient and Fenced."""
        self.has_changed = False
        numbers = sorted(place.partition for place in self._consumer.assignment())
        log.info("assignment", worker=self._worker, partitions=numbers)
        if self._to_restore:
            self._restore(self._to_restore)
        self.rewind()
        self.is_settled = True

    def note_commit(self, offsets: Iterable[TopicPartition]) -> None:
        """These offsets are committed."""
        self._committed |= {place_of(place): place.offset for place in offsets}

    def passed(self) -> list[TopicPartition]:
        """Positions beyond what was committed: of markers, where no record is at hand."""
        return [
            place
            for place in self._consumer.position(self._consumer.assignment())
            if place.offset > self._committed.get(place_of(place), 0)
        ]

    def rewind(self) -> None:
        """Back to the committed offsets, or to the beginning where there are none.

        Raises Transient where librdkafka cannot seek at this moment, or has lost its brokers.
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
        except KafkaException as problem:  # such as: it is being taken away at this moment
            raise Transient(
                f"cannot go back in {place.topic}: {problem.args[0].str()}"
            ) from problem

    def _restore(self, places: list[TopicPartition]) -> None:
        """In a thread, while this one stays in the group, however long it takes.

        Commits that cannot be told yet are those of a predecessor's open transaction: it ends
        first. Partitions that come meanwhile are restored in the next step.
        """
        self._to_restore = []
        self._committed_of(places)
        with stage(self._worker, "restore"), ThreadPoolExecutor(1, "restore") as executor:
            self._restored = executor.submit(self._handler.assigned, places)
            while not wait([self._restored], STAY_SECONDS).done:
                message: Message | None = self._consumer.poll(0)  # read again after the rewind
                if message is not None:
                    is_event(message)
            self._restored.result()
        revoked, self._revoked_meanwhile = self._revoked_meanwhile, []
        self._handler.revoked(revoked)
        gone = places_of(revoked)
        self._consumer.resume([place for place in places if place_of(place) not in gone])


def place_of(partition: TopicPartition) -> Place:
    """Its topic and number, without an offset."""
    return partition.topic, partition.partition


def places_of(partitions: Iterable[TopicPartition]) -> set[Place]:
    """The same of several."""
    return {place_of(partition) for partition in partitions}
