"""Compacted topics copied under another prefix, which may have other partition counts.

The last value of each key goes to its key's partition there, by Java's partitioner. What is written
here while it is copied is not seen: stop who writes first.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing

from confluent_kafka import TopicPartition

from schemas.topics import Topic
from stylecore.errors import Permanent
from workers.publisher import Publisher
from workers.records import Output
from workers.settings import Settings
from workers.table import TableReader, partitions_of
from workers.topics import topic_name


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
