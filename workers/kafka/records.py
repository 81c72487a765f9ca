"""Records: read (Record), to be written (Output), and the partition of a key.

An event becomes an Output by `output_of`. Feedback that is not in the partition of its shopper's
key, because a client partitions by another hash or sets another key, would give the shopper two
owners: `check_partition` forwards it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
from confluent_kafka import Message, TopicPartition

from schemas.cloudevents import TRACE_HEADER, Headers, header, headers_of
from schemas.codec import encode
from schemas.topics import Topic
from schemas.types import EPOCH
from stylecore.errors import Permanent
from workers.kafka.topics import topic_name
from workers.settings import Settings

ANY_PARTITION = -1
LAST_MS = 253_370_764_800_000
"""1 January 9999: date arithmetic on it does not overflow."""
OLDEST_MS = 946_684_800_000
"""1 January 2000: an older record timestamp is in another unit."""
AHEAD_MS = 86_400_000
"""How far ahead of the clock a record timestamp may be: a day."""

FORWARDED_FROM = "stylecast.forwarded.from"
"""Header of a forwarded record: topic/partition/offset where it was read."""


class Place(NamedTuple):
    """A partition of a topic, by the topic's name on the cluster."""

    topic: str
    partition: int


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record that was read; `value` None is a tombstone."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    raw_headers: Headers | Message
    """The message instead of its headers where they were not needed: decoding them is expensive."""
    timestamp_ms: int

    @property
    def place(self) -> Place:
        """Topic and partition."""
        return Place(self.topic, self.partition)

    @property
    def headers(self) -> Headers:
        """The headers that have a value."""
        if isinstance(self.raw_headers, list):
            return self.raw_headers
        raw: Any = self.raw_headers
        return [(name, value) for name, value in raw.headers() or () if value is not None]

    @property
    def at(self) -> datetime:
        """The record's timestamp in UTC, clipped to the calendar.

        A broker accepts any 64-bit number: microseconds, or -1 from clients that send none.
        """
        return EPOCH + timedelta(milliseconds=min(max(self.timestamp_ms, 0), LAST_MS))


class WrongTimestamp(Permanent):
    """The record's timestamp is before 2000 or more than a day ahead."""


def timestamp_problem(record: Record, now_ms: float) -> WrongTimestamp | None:
    """Return what is wrong with the record's timestamp at `now_ms` (Unix, ms), None if nothing."""
    found = record.timestamp_ms
    if OLDEST_MS <= found <= now_ms + AHEAD_MS:
        return None
    guess = ""
    for unit, factor in (("seconds", 1e-3), ("microseconds", 1e3), ("nanoseconds", 1e6)):
        if OLDEST_MS <= found / factor <= now_ms + AHEAD_MS:
            guess = f", it looks like {unit}"
    return WrongTimestamp(
        f"the record's timestamp {found} is not within 2000 and a day from now "
        f"in milliseconds since 1970{guess}"
    )


def place_of(at: TopicPartition) -> Place:
    """Return topic and number of a partition."""
    return Place(at.topic, at.partition)


def places_of(partitions: Iterable[TopicPartition]) -> set[Place]:
    """Return topic and number of partitions."""
    return {place_of(at) for at in partitions}


def record_of(message: Message) -> Record:
    """Return a message, which has no error, as a Record."""
    raw: Any = message  # librdkafka's types say that everything may be missing
    return Record(
        topic=raw.topic(),
        partition=raw.partition(),
        offset=raw.offset(),
        key=raw.key(),
        value=raw.value(),
        raw_headers=message,
        timestamp_ms=raw.timestamp()[1],
    )


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """A record to produce; `value` None is a tombstone."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = []
    partition: int = ANY_PARTITION
    timestamp_ms: int = 0


def output_of(
    settings: Settings,
    topic: Topic,
    event: msgspec.Struct,
    *,
    source: str,
    now: datetime,
    cause: Record | None = None,
    event_id: str | None = None,
) -> Output:
    """Return an event's record; topic, partition and offset of `cause` go into its headers."""
    trace = None if cause is None else header(cause.headers, TRACE_HEADER)
    headers = headers_of(
        topic.event, event_id=event_id or str(uuid4()), source=source, at=now, traceparent=trace
    )
    return Output(
        topic=topic_name(settings, topic),
        key=topic.key_of(event),
        value=encode(event),
        headers=headers + input_headers(cause),
    )


def caused_headers(cause: Record) -> Headers:
    """Return the headers of a result of one input record, whose place is also the id."""
    place = f"{cause.topic}/{cause.partition}/{cause.offset}"
    headers = [("ce_id", place.encode()), *input_headers(cause)]
    trace = header(cause.headers, TRACE_HEADER)
    return headers if trace is None else [*headers, (TRACE_HEADER, trace)]


def tombstone(
    settings: Settings,
    topic: Topic,
    key: bytes,
    cause: Record | None = None,
    partition: int = ANY_PARTITION,
) -> Output:
    """Return a record that removes a key from a compacted topic."""
    return Output(
        topic=topic_name(settings, topic),
        key=key,
        value=None,
        headers=input_headers(cause),
        partition=partition,
    )


def input_headers(cause: Record | None) -> Headers:
    """Return headers that name the input record; tests count exactly-once by them."""
    if cause is None:
        return []
    return [
        ("stylecast.input.topic", cause.topic.encode()),
        ("stylecast.input.partition", str(cause.partition).encode()),
        ("stylecast.input.offset", str(cause.offset).encode()),
    ]


@lru_cache(maxsize=200_000)
def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key as Java's default partitioner and `murmur2_random` do."""
    from aiokafka.partitioner import murmur2  # imports all of aiokafka: not at every start

    hashed: int = murmur2(key)
    return (hashed & 0x7FFFFFFF) % partitions


class Misplaced(Permanent):
    """The feedback was forwarded before, and is still not in its key's partition."""


def check_partition(record: Record, user_id: str, partitions: int) -> Output | None:
    """Return the record for its shopper's partition, None where it is there with the right key.

    A record is forwarded once: raises Misplaced where it was forwarded before, since workers that
    disagree on the number of partitions would forward it for ever.
    """
    key = user_id.encode()
    wanted = partition_of(key, partitions)
    if record.key == key and record.partition == wanted:
        return None
    headers = record.headers
    before = header(headers, FORWARDED_FROM)
    if before is not None:
        raise Misplaced(
            f"forwarded from {before.decode(errors='replace')} and still in partition "
            f"{record.partition} of {partitions}, not in {wanted}: do all workers know the same "
            "number of partitions?"
        )
    place = f"{record.topic}/{record.partition}/{record.offset}"
    return Output(
        topic=record.topic,
        key=key,
        value=record.value,
        headers=[*headers, (FORWARDED_FROM, place.encode()), *input_headers(record)],
        partition=wanted,
        timestamp_ms=record.timestamp_ms,
    )
