"""What on call sees at once: every group, the dead letters, the models that were announced.

Groups are looked at; dead letters and announcements are followed in their topics, so that a
second look costs little. How it is shown is the caller's business.
"""

from __future__ import annotations

import threading
from collections import Counter

from msgspec import Struct

from schemas.codec import InvalidEvent, decode
from schemas.events import ModelAnnouncement
from schemas.topics import GENERATOR_MODELS, PREFERENCE_MODELS, TOPICS, dead_letter_topic
from workers.kafka.dead_letters import tell_passed_over
from workers.kafka.records import Record
from workers.kafka.replay import is_marker
from workers.kafka.table import TableReader, partitions_of_names
from workers.kafka.topics import topic_name
from workers.lag.status import GroupLag, History
from workers.lag.worker import LagCollector
from workers.settings import Settings


class Overview(Struct, frozen=True, kw_only=True):
    """One look; `dead_letters` by input topic, those that wait; `models` by name."""

    groups: list[GroupLag]
    dead_letters: dict[str, int]
    models: dict[str, ModelAnnouncement]


class OverviewCollector:
    """Looks again and again, and keeps what Burrow's window and the rates need."""

    def __init__(self, settings: Settings) -> None:
        """Raises Permanent where a topic is missing."""
        self._collector = LagCollector(settings)
        self._history = History(settings.lag.looks)
        self._letters_of = {
            topic_name(settings, dead_letter_topic(topic.name)): topic.name
            for topic in TOPICS
            if topic.dead_letters_of
        }
        models = [topic_name(settings, topic) for topic in (GENERATOR_MODELS, PREFERENCE_MODELS)]
        places = partitions_of_names(settings, [*self._letters_of, *models])
        self._reader = TableReader(settings, places)
        self._dead: Counter[str] = Counter()
        self._models: dict[str, ModelAnnouncement] = {}

    def collect(self, now: float) -> Overview:
        """One look, at `now` in seconds since the epoch. Raises Transient."""
        for record in self._reader.read_to_end(threading.Event()):
            self._take(record)
        return Overview(
            groups=self._history.judge(self._collector.collect(), now),
            dead_letters={topic: self._dead[topic] for topic in self._letters_of.values()},
            models=dict(self._models),
        )

    def close(self) -> None:
        """End the connections."""
        self._collector.close()
        self._reader.close()

    def _take(self, record: Record) -> None:
        if topic := self._letters_of.get(record.topic):
            self._dead[topic] += -1 if is_marker(record) else 1
            return
        try:
            announced = decode(ModelAnnouncement, record.value)
        except InvalidEvent as problem:
            tell_passed_over(record, problem)
        else:
            self._models[announced.name] = announced
