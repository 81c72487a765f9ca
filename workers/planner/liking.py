"""The announced factors, followed for what their priors tell of shoppers' liking.

Factors that cannot be used are told once and leave the liking as it was; until there are any, none
is known. Calls block: they are made from a thread.
"""

from __future__ import annotations

import threading

from schemas.codec import InvalidEvent, decode
from schemas.events import ModelAnnouncement
from schemas.topics import PREFERENCE_MODELS
from stylecore.errors import Transient
from stylecore.recommender.factors import Factors
from workers.factors import factors_loader
from workers.kafka.dead_letters import tell_passed_over
from workers.kafka.table import TableReader, partitions_of
from workers.settings import Settings
from workers.telemetry import OncePerMinute, log

WORKER = "planner"


class LikingFollower:
    """Reads the announcements whole, without a group: the last one counts after a restart too."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reader: TableReader | None = None
        self._load = factors_loader(settings, WORKER)
        self._waiting: ModelAnnouncement | None = None
        self._tell = OncePerMinute()

    def look(self) -> Factors | None:
        """Factors that have come since the last look; None where none have."""
        try:
            self._read()
            announced = self._waiting
            factors = None if announced is None else self._load(announced)
        except Transient as problem:
            if self._tell("away"):
                log.warning("liking stays as it was for now", why=str(problem))
            return None
        self._waiting = None
        return factors

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._reader is not None:
            self._reader.close()

    def _read(self) -> None:
        """Raises Transient."""
        if self._reader is None:
            places = partitions_of(self._settings, [PREFERENCE_MODELS])
            self._reader = TableReader(self._settings, places)
        for record in self._reader.read_to_end(threading.Event()):
            if record.value is None:
                continue
            try:
                self._waiting = decode(ModelAnnouncement, record.value)
            except InvalidEvent as problem:
                tell_passed_over(record, problem)
