"""Compacted topics read as tables: whole, up to an end, without a group; then followed.

The end is asked for by read_uncommitted and waited for, while the records are read_committed: an
older open transaction may hide newer commits, and reading to the last stable offset would miss
them. What a record means is the caller's business.

Compacted topics copied under another prefix, which may have other partition counts.

The last value of each key goes to its key's partition there, by Java's partitioner. What is written
here while it is copied is not seen: stop who writes first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.topics import Topic
from stylecore.errors import Permanent, Transient
from workers.kafka.admin import admin_client, answer, cluster, retry_transient
from workers.kafka.clients import table_consumer
from workers.kafka.producer import Publisher
from workers.kafka.records import Output, Record, record_of, timestamp_problem
from workers.kafka.retry import ConnectionWatchdog
from workers.kafka.topics import require_topics, topic_name
from workers.settings import Settings
from workers.telemetry import log

CHUNK = 10_000
WAIT_SECONDS = 0.2
REQUEST_SECONDS = 10.0


class TableReader:
    """Reads given partitions from their beginning; it goes on where it was after an outage."""

    def __init__(self, settings: Settings, partitions: Sequence[TopicPartition]) -> None:
        self._settings = settings
        self._position = {(place.topic, place.partition): 0 for place in partitions}
        self._connect()

    def _connect(self) -> None:
        self._watchdog = ConnectionWatchdog()
        self._admin: AdminClient = admin_client(self._settings)
        self._consumer = table_consumer(self._settings)
        self._consumer.assign(
            [
                TopicPartition(*place, position or OFFSET_BEGINNING)
                for place, position in self._position.items()
            ]
        )

    def read_to_end(self, stop: threading.Event) -> Iterator[Record]:
        """The records up to the end as it is now. Raises Transient where the broker is away."""
        ends = self._ends()
        while not stop.is_set() and any(self._position[place] < ends[place] for place in ends):
            yield from self._records(WAIT_SECONDS)

    def follow(self) -> Iterator[Record]:
        """The records that have come since, without waiting for more."""
        return self._records(0)

    def wait(self, seconds: float) -> Iterator[Record]:
        """The records that have come since, waiting for a first one if there is none."""
        return self._records(seconds)

    def close(self) -> None:
        """End the connection."""
        self._consumer.close()

    def _records(self, wait_seconds: float) -> Iterator[Record]:
        if self._watchdog.has_lost_brokers(self._consumer, next(iter(self._position))[0]):
            self._consumer.close()
            self._connect()
        first = self._consumer.consume(1, wait_seconds)
        if first:
            self._watchdog.reset()
        rest = self._consumer.consume(CHUNK, 0) if first else []
        for message in first + rest:
            raw: Any = message
            if raw.error() is None:
                self._position[raw.topic(), raw.partition()] = raw.offset() + 1
                yield record_of(message)
            elif raw.error().code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 (its public name)
                self._position[raw.topic(), raw.partition()] = raw.offset()
            else:
                log.warning("table_read_failed", error=raw.error().name(), what=raw.error().str())

    def _ends(self) -> dict[tuple[str, int], int]:
        """The offset after the last record, transactions that are open included."""
        try:
            return retry_transient(self._ask_ends)
        except Transient:
            self._admin = admin_client(self._settings)  # the old one may have lost its brokers
            raise

    def _ask_ends(self) -> dict[tuple[str, int], int]:
        places = {TopicPartition(*place): OffsetSpec.latest() for place in self._position}
        futures = self._admin.list_offsets(places, request_timeout=REQUEST_SECONDS)
        return {
            (place.topic, place.partition): answer(
                f"cannot read the end of {place.topic}", future.result
            ).offset
            for place, future in futures.items()
        }


class NewestByKey:
    """Orders the records of each key by time where they lie in several partitions.

    Other clients have other partitioners: a product's tombstone may lie in another partition than
    its event, and partitions are read in any order. Of records in different partitions the one with
    the later timestamp counts (and of the same millisecond that of the higher partition); within a
    partition, the later offset. Keys that were removed are remembered as well.
    """

    def __init__(self, topics: Iterable[str]) -> None:
        """`topics` are the names of those written by others, on the cluster."""
        self._newest: dict[str, dict[bytes | None, tuple[int, int]]] = {
            topic: {} for topic in topics
        }
        """By topic and key, the timestamp and partition of the newest record."""

    def of(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records but for those that are older than what another partition has of the key."""
        return filter(self.accepts, records)

    def accepts(self, record: Record) -> bool:
        """Whether no other partition has anything newer of the record's key, and its timestamp is
        in range.
        """
        newest = self._newest.get(record.topic)
        if newest is None:
            return True
        # Who owns the topic keeps it as a dead letter; here it must not outrank all others.
        if timestamp_problem(record, time.time() * 1000) is not None:
            return False
        place = (record.timestamp_ms, record.partition)
        known = newest.get(record.key)
        if known is not None and known[1] != record.partition and known > place:
            return False
        newest[record.key] = place
        return True


def partitions_of(settings: Settings, topics: Iterable[Topic]) -> list[TopicPartition]:
    """Every partition of these topics. Raises Permanent where one is missing."""
    return partitions_of_names(settings, [topic_name(settings, topic) for topic in topics])


def partitions_of_names(settings: Settings, names: list[str]) -> list[TopicPartition]:
    """The same by the names on the cluster. Raises Transient while the broker is away."""
    require_topics(settings, names)
    metadata = cluster(admin_client(settings))
    return [
        TopicPartition(name, number)
        for name in names
        for number in metadata.topics[name].partitions
    ]


def copy_tables(settings: Settings, to_prefix: str, topics: Sequence[Topic]) -> dict[str, int]:
    """Records written, by the name that the topic has there.

    Raises Permanent where a topic is not compacted or is missing there, and Transient.
    """
    for topic in topics:
        if topic.cleanup != "compact":
            raise Permanent(f"{topic.name} is no table: its records have an order, and no last one")
    kafka = settings.kafka.model_copy(update={"topic_prefix": to_prefix})
    there = settings.model_copy(update={"kafka": kafka})
    return {topic_name(there, topic): _copy(settings, there, topic) for topic in topics}


def _copy(settings: Settings, there: Settings, topic: Topic) -> int:
    """Partition by partition, for a key is in one only and all keys may be too many."""
    written = 0
    with Publisher(there, "/stylecast/copy") as publisher:
        for place in partitions_of(settings, [topic]):
            outputs = _latest(settings, place, topic_name(there, topic))
            for output in outputs:
                publisher.send_raw(output)
            written += len(outputs)
    return written


def _latest(settings: Settings, place: TopicPartition, to_topic: str) -> list[Output]:
    """The last record of each key, for another topic; removed keys are left out."""
    found: dict[bytes | None, Output] = {}
    with closing(TableReader(settings, [place])) as reader:
        for record in reader.read_to_end(threading.Event()):
            if record.value is None:
                found.pop(record.key, None)
                continue
            found[record.key] = Output(
                topic=to_topic,
                key=record.key,
                value=record.value,
                headers=record.headers,
                timestamp_ms=record.timestamp_ms,
            )
    return list(found.values())
