"""Whether the planner makes progress: with lag and without progress for 30 s it is not live.

Faust was seen to restore its tables after a restart and then to process nothing, without an error.
A thread therefore reads the group's lag and commits from the broker.
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
    """The progress as read from the broker; `is_live` is the last result."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.is_live = True
        self.sees_broker = True
        """Whether the broker answered the last time; without it nothing can be planned."""
        self._clock = clock
        self._marks: Hashable = None
        self._moved_at = clock()

    def update(self, lag: int, marks: Hashable) -> None:
        """Note the lag in records, and `marks`, which change with progress."""
        self.sees_broker = True
        if lag == 0 or marks != self._marks:
            self._moved_at = self._clock()
        self._marks = marks
        self.is_live = self._clock() - self._moved_at < STALLED_SECONDS

    def note_outage(self) -> None:
        """Note that the broker is down, while no progress is expected."""
        self.sees_broker = False
        self._moved_at = self._clock()


def watch(
    settings: Settings,
    progress: Progress,
    inner_marks: Callable[[], Hashable],
    stop: threading.Event,
) -> None:
    """Read the lag until `stop` is set; `inner_marks` are counts of the process itself."""
    group = group_id(settings, "planner")
    # `lag.groups` matches names without the prefix.
    name = group.removeprefix(settings.kafka.topic_prefix)
    own = settings.lag.model_copy(update={"groups": re.escape(name)})
    was_live = True
    with closing(LagCollector(settings.model_copy(update={"lag": own}))) as collector:
        while not stop.wait(LOOK_SECONDS):
            try:
                found = [look for look in collector.collect() if look.group == group]
            except Transient:
                progress.note_outage()
                continue
            except Permanent as problem:  # such as no right to describe groups
                log.warning("progress_unwatched", why=str(problem))
                return
            lag = sum(look.lag for look in found)
            positions = tuple(part.position for look in found for part in look.partitions)
            progress.update(lag, (positions, inner_marks()))
            if was_live and not progress.is_live:
                log.error("planner_stalled", lag=lag, seconds=STALLED_SECONDS)
            was_live = progress.is_live
