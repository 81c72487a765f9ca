"""When a child process that has ended is started again: with back-off, for it may end at once."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A process that ran so long begins with a short back-off again."""


class Restarts:
    """The back-off of processes by name; it doubles from one end to the next."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started: dict[str, float] = {}
        self._delays: dict[str, float] = {}
        self._due: dict[str, float] = {}

    def note_start(self, name: str) -> None:
        """A process was started."""
        self._started[name] = self._clock()
        self._due.pop(name, None)

    def revive(
        self,
        processes: Mapping[str, subprocess.Popen[bytes]],
        start: Callable[[str], None],
        on_end: Callable[[str, int, float], None],
    ) -> None:
        """Start those that have ended, once they are due; `start` puts them into `processes`.

        `on_end` is called once for each end, with name, exit status and seconds until the restart.
        """
        for name, process in list(processes.items()):
            if process.poll() is None:
                continue
            if (delay := self.note_end(name)) is not None:
                on_end(name, process.returncode, delay)
            elif self.is_due(name):
                start(name)

    def note_end(self, name: str) -> float | None:
        """Seconds until the restart of a process that has ended; None if that was noted before."""
        if name in self._due:
            return None
        now = self._clock()
        was_steady = now - self._started[name] >= STEADY_SECONDS
        before = 0.0 if was_steady else self._delays.get(name, 0.0)
        delay = min(max(FIRST_SECONDS, 2 * before), LONGEST_SECONDS)
        self._delays[name], self._due[name] = delay, now + delay
        return delay

    def is_due(self, name: str) -> bool:
        """Whether a process that has ended is to be started now."""
        return self._clock() >= self._due[name]
