"""What the demo's workers have published: renders, rejections, dead letters."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from schemas.codec import decode
from schemas.events import RejectedImage, StylizedImage
from schemas.topics import REJECTED, STYLIZED, TOPICS, dead_letter_topic
from workers.kafka.dead_letters import PREFIX
from workers.kafka.records import Record
from workers.kafka.table import TableReader, partitions_of, partitions_of_names
from workers.kafka.topics import topic_name
from workers.settings import Settings


class Gallery:
    """The renders and rejections so far, by product and style."""

    def __init__(self, settings: Settings) -> None:
        self.published: dict[tuple[str, str], StylizedImage] = {}
        self.rejected: dict[tuple[str, str], RejectedImage] = {}
        self._stylized_topic = topic_name(settings, STYLIZED)
        self._reader = TableReader(settings, partitions_of(settings, [STYLIZED, REJECTED]))

    def wait(self, seconds: float) -> None:
        """Take what has come, waiting for a first record."""
        for record in self._reader.wait(seconds):
            self._take(record)

    def close(self) -> None:
        """End the connection."""
        self._reader.close()

    def _take(self, record: Record) -> None:
        product_id, _, style_id = (record.key or b"").decode().partition("/")
        pair = (product_id, style_id)
        if record.topic == self._stylized_topic:
            self.published.pop(pair, None)
            if record.value is not None:
                self.published[pair] = decode(StylizedImage, record.value)
        else:
            self.rejected.pop(pair, None)
            if record.value is not None:
                self.rejected[pair] = decode(RejectedImage, record.value)


def read_dead_letters(settings: Settings) -> list[dict[str, str]]:
    """Topic, stage and reason of every dead letter, oldest first."""
    names = [
        topic_name(settings, dead_letter_topic(topic.name))
        for topic in TOPICS
        if topic.dead_letters_of
    ]
    reader = TableReader(settings, partitions_of_names(settings, names))
    try:
        records = sorted(reader.read_to_end(threading.Event()), key=lambda r: r.timestamp_ms)
    finally:
        reader.close()
    return [dict(_reasons(record)) for record in records]


def _reasons(record: Record) -> Iterator[tuple[str, str]]:
    yield "dead_letter_topic", record.topic
    yield "key", (record.key or b"").decode(errors="replace")
    for name, value in record.headers:
        if name.startswith(PREFIX):
            yield name.removeprefix(PREFIX), value.decode(errors="replace")
