"""Whether the planner goes on: one that has lag and has not moved for 30 s is not live.

Faust was seen to restore its tables after a restart and then to process nothing, without a word.
Only a look from outside finds that: the group's lag and commits, asked of the broker by a thread
of its own.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import closing

from stylecore.errors import Permanent, Transient
from workers.kafka.topics import group_id
from workers.lag import LagCollector
from workers.settings import Settings
from workers.telemetry import log

STALLED_SECONDS = 30.0
LOOK_SECONDS = 5.0


class Progress:
    """What the looks have seen; `is_live` is the verdict of the last one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.is_live = True
        self.sees_broker = True
        """Whether the broker answered the last look; without it nothing can be planned."""
        self._clock = clock
        self._marks: Hashable = None
        self._moved_at = clock()

    def look(self, lag: int, marks: Hashable) -> None:
        """The lag in records, and whatever changes while work is done."""
        self.sees_broker = True
        if lag == 0 or marks != self._marks:
            self._moved_at = self._clock()
        self._marks = marks
        self.is_live = self._clock() - self._moved_at < STALLED_SECONDS

    def look_away(self) -> None:
        """The broker is away: waiting for it is no fault of this process."""
        self.sees_broker = False
        self._moved_at = self._clock()


def watch(
    settings: Settings,
    progress: Progress,
    inner_marks: Callable[[], Hashable],
    stop: threading.Event,
) -> None:
    """Look every few seconds until `stop`; `inner_marks` is what the process itself counts."""
    group = group_id(settings, "planner")
    name = group.removeprefix(settings.kafka.topic_prefix)  # `groups` speaks of names without it
    own = settings.lag.model_copy(update={"groups": re.escape(name)})
    was_live = True
    with closing(LagCollector(settings.model_copy(update={"lag": own}))) as collector:
        while not stop.wait(LOOK_SECONDS):
            try:
                found = [look for look in collector.collect() if look.group == group]
            except Transient:
                progress.look_away()
                continue
            except Permanent as problem:  # such as no right to describe groups
                log.warning("progress_unwatched", why=str(problem))
                return
            lag = sum(look.lag for look in found)
            positions = tuple(part.position for look in found for part in look.partitions)
            progress.look(lag, (positions, inner_marks()))
            if was_live and not progress.is_live:
                log.error("planner_stalled", lag=lag, seconds=STALLED_SECONDS)
            was_live = progress.is_live
