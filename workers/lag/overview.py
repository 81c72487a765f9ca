"""The overview for on-call: groups, waiting dead letters and announced models.

Dead letters and announcements are followed in their topics, so that only the first reading takes
long. `stylecast top` prints it.
"""

from __future__ import annotations

import threading
from collections import Counter
from functools import partial

from msgspec import Struct

from schemas.codec import decode
from schemas.events import ModelAnnouncement
from schemas.topics import GENERATOR_MODELS, PREFERENCE_MODELS, TOPICS, dead_letter_topic
from workers.kafka.records import Record
from workers.kafka.replay import is_marker
from workers.kafka.table import Apply, TableFollower
from workers.lag.status import GroupLag, History
from workers.lag.worker import LagCollector
from workers.settings import Settings


class Overview(Struct, frozen=True, kw_only=True):
    """One reading: dead letters that wait by input topic, and models by name."""

    groups: list[GroupLag]
    dead_letters: dict[str, int]
    models: dict[str, ModelAnnouncement]


class OverviewCollector:
    """Reads the overview repeatedly, and keeps the history that statuses and rates need."""

    def __init__(self, settings: Settings) -> None:
        """Raises Permanent where a topic is missing."""
        self._collector = LagCollector(settings)
        self._history = History(settings.lag.looks)
        dead = [topic.name for topic in TOPICS if topic.dead_letters_of]
        models = (GENERATOR_MODELS.name, PREFERENCE_MODELS.name)
        tables: dict[str, Apply] = dict.fromkeys(models, self._put_model)
        tables |= {dead_letter_topic(name): partial(self._count, name) for name in dead}
        self._tables = TableFollower(settings, "lag", tables)
        self._dead = Counter(dict.fromkeys(dead, 0))
        self._models: dict[str, ModelAnnouncement] = {}

    def collect(self, now: float) -> Overview:
        """Return the overview at `now` (Unix seconds). Raises Transient."""
        self._tables.catch_up(threading.Event())
        return Overview(
            groups=self._history.judge(self._collector.collect(), now),
            dead_letters=dict(self._dead),
            models=dict(self._models),
        )

    def close(self) -> None:
        """Close the connections."""
        self._collector.close()
        self._tables.close()

    def _count(self, topic: str, record: Record) -> None:
        self._dead[topic] += -1 if is_marker(record) else 1

    def _put_model(self, record: Record) -> None:
        announced = decode(ModelAnnouncement, record.value)
        self._models[announced.name] = announced
