"""Compacted topics as tables: read to an end, followed, and copied.

TableReader reads given partitions without a group. It asks for the end by read_uncommitted and
reads by read_committed up to there: an older open transaction may hide newer commits, which reading
to the last stable offset would miss.

TableFollower keeps a table up to date: each record is given to the function of its topic.
NewestByKey orders a key's records where other clients have written it to several partitions.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.codec import InvalidEvent
from schemas.topics import POSTER_REQUESTS, PRODUCTS, STYLES, Topic
from stylecore.errors import Permanent, Transient
from workers.kafka.admin import admin_client, answer, cluster, retry_transient
from workers.kafka.clients import table_consumer
from workers.kafka.crash_guard import count_crash
from workers.kafka.producer import Publisher
from workers.kafka.records import Output, Place, Record, place_of, record_of, timestamp_problem
from workers.kafka.retry import ConnectionWatchdog
from workers.kafka.topics import require_topics, topic_name
from workers.settings import Settings
from workers.telemetry import log

CHUNK = 10_000
WAIT_SECONDS = 0.2
REQUEST_SECONDS = 10.0
BY_OTHERS = (PRODUCTS, STYLES, POSTER_REQUESTS)
"""Tables that other teams write, maybe with another partitioner than ours."""
Apply = Callable[[Record], None]


class TableReader:
    """Reads given partitions from their beginning, and resumes where it was after an outage."""

    def __init__(self, settings: Settings, partitions: Sequence[TopicPartition]) -> None:
        self._settings = settings
        self._position: dict[tuple[str, int], int] = {place_of(at): 0 for at in partitions}
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
        """Yield the records up to the present end. Raises Transient where the broker is down."""
        ends = self._ends()
        while not stop.is_set() and any(self._position[place] < ends[place] for place in ends):
            yield from self._records(WAIT_SECONDS)

    def follow(self) -> Iterator[Record]:
        """Yield the records that have come since, without waiting."""
        return self._records(0)

    def wait(self, seconds: float) -> Iterator[Record]:
        """Yield the records that have come since, waiting up to `seconds` for a first one."""
        return self._records(seconds)

    def close(self) -> None:
        """Close the connection."""
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

    def _ends(self) -> dict[Place, int]:
        """Return the offset after the last record of each partition, open transactions included."""
        try:
            return retry_transient(self._ask_ends)
        except Transient:
            self._admin = admin_client(self._settings)  # the old one may have lost its brokers
            raise

    def _ask_ends(self) -> dict[Place, int]:
        places = {TopicPartition(*place): OffsetSpec.latest() for place in self._position}
        futures = self._admin.list_offsets(places, request_timeout=REQUEST_SECONDS)
        return {
            place_of(at): answer(f"cannot read the end of {at.topic}", future.result).offset
            for at, future in futures.items()
        }


def read_partitions(settings: Settings, partitions: Sequence[TopicPartition]) -> Iterator[Record]:
    """Yield the records of partitions up to their present end. Raises Transient."""
    with closing(TableReader(settings, partitions)) as reader:
        yield from reader.read_to_end(threading.Event())


class TableFollower:
    """Follows compacted topics: each record is given to the function of its topic.

    Every instance reads the topics whole, without a group. A record that cannot be applied is
    logged and skipped: the worker that owns the topic keeps it as a dead letter.
    """

    def __init__(self, settings: Settings, worker: str, tables: Mapping[str, Apply]) -> None:
        """`tables` are functions by the contract name of their topic.

        Raises Permanent where a topic is missing, Transient while the broker is down.
        """
        self._worker = worker
        self._apply = {topic_name(settings, name): apply for name, apply in tables.items()}
        self._newest = newest_by_key(settings)
        self._reader = TableReader(settings, partitions_of_names(settings, [*self._apply]))

    def catch_up(self, stop: threading.Event) -> None:
        """Apply the records up to the present end. Raises Transient."""
        self._take(self._reader.read_to_end(stop))

    def follow(self) -> None:
        """Apply the records that have come since, without waiting."""
        self._take(self._reader.follow())

    def wait(self, seconds: float) -> None:
        """Apply the records that have come since, waiting up to `seconds` for a first one."""
        self._take(self._reader.wait(seconds))

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()

    def _take(self, records: Iterable[Record]) -> None:
        newest = self._newest.of(records)
        apply_each(self._worker, newest, lambda record: self._apply[record.topic](record))


def apply_each(worker: str, records: Iterable[Record], apply: Apply) -> None:
    """Apply every record; log and skip those that cannot be applied. Raises Transient."""
    for record in records:
        try:
            apply(record)
        except (InvalidEvent, UnicodeDecodeError, Permanent) as problem:
            log_skipped(record, problem)
        except Transient:
            raise
        except Exception as problem:  # noqa: BLE001 (one record must not stop the follower)
            count_crash(worker, record.topic, problem)
            log_skipped(record, problem)


def log_skipped(record: Record, problem: Exception) -> None:
    """Log that a record of a topic that another worker owns could not be read."""
    log.warning(
        "record_skipped",
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        why=str(problem),
    )


class NewestByKey:
    """Filters out records of a key that are older than what another partition has of it.

    Other clients have other partitioners: a product's tombstone may be in another partition than
    its event, and partitions are read in any order. Of records in different partitions the one with
    the later timestamp counts (of the same millisecond, that of the higher partition); within a
    partition, the later offset. Removed keys are remembered as well.
    """

    def __init__(self, topics: Iterable[str]) -> None:
        """`topics` are the names, on the cluster, of those that other teams write."""
        self._newest: dict[str, dict[bytes | None, tuple[int, int]]] = {
            topic: {} for topic in topics
        }
        """By topic and key, the timestamp and partition of the newest record."""

    def of(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield the records that `accepts` says are the newest."""
        return filter(self.accepts, records)

    def accepts(self, record: Record) -> bool:
        """Return whether no other partition has a newer record of the key.

        False as well for a timestamp out of range: it would outrank all others.
        """
        newest = self._newest.get(record.topic)
        if newest is None:
            return True
        if timestamp_problem(record, time.time() * 1000) is not None:
            return False
        place = (record.timestamp_ms, record.partition)
        known = newest.get(record.key)
        if known is not None and known[1] != record.partition and known > place:
            return False
        newest[record.key] = place
        return True


def newest_by_key(settings: Settings) -> NewestByKey:
    """Return a new filter for the tables that other teams write."""
    return NewestByKey(topic_name(settings, topic) for topic in BY_OTHERS)


def partitions_of(settings: Settings, topics: Iterable[Topic]) -> list[TopicPartition]:
    """Return every partition of these topics.

    Raises Permanent where one is missing, Transient while the broker is down.
    """
    return partitions_of_names(settings, [topic_name(settings, topic) for topic in topics])


def partitions_of_names(settings: Settings, names: list[str]) -> list[TopicPartition]:
    """Return every partition of topics by their names on the cluster; raises as partitions_of."""
    require_topics(settings, names)
    metadata = cluster(admin_client(settings))
    return [
        TopicPartition(name, number)
        for name in names
        for number in metadata.topics[name].partitions
    ]


def copy_tables(settings: Settings, to_prefix: str, topics: Sequence[Topic]) -> dict[str, int]:
    """Copy compacted topics under another prefix, which may have other partition counts.

    The last value of each key goes to its key's partition there, by Java's partitioner. Records
    that are written while it copies may be missed: stop the writers first. Returns the number of
    records written by the topic's name there. Raises Permanent where a topic is not compacted or
    is missing there, and Transient.
    """
    for topic in topics:
        if topic.cleanup != "compact":
            raise Permanent(f"{topic.name} is not compacted: only tables can be copied")
    kafka = settings.kafka.model_copy(update={"topic_prefix": to_prefix})
    there = settings.model_copy(update={"kafka": kafka})
    return {topic_name(there, topic): _copy(settings, there, topic) for topic in topics}


def _copy(settings: Settings, there: Settings, topic: Topic) -> int:
    """Copy partition by partition: a key is in one only, and all keys may be too many."""
    written = 0
    with Publisher(there, "/stylecast/copy") as publisher:
        for place in partitions_of(settings, [topic]):
            outputs = _latest(settings, place, topic_name(there, topic))
            for output in outputs:
                publisher.send_raw(output)
            written += len(outputs)
    return written


def _latest(settings: Settings, place: TopicPartition, to_topic: str) -> list[Output]:
    """Return the last record of each key of a partition, without removed keys."""
    found: dict[bytes | None, Output] = {}
    for record in read_partitions(settings, [place]):
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
