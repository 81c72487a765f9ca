"""Restarting child processes that have ended, with exponential back-off."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""The back-off starts from the beginning for a process that ran as long."""


class Restarts:
    """The back-off of processes by name, which doubles with every end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started: dict[str, float] = {}
        self._delays: dict[str, float] = {}
        self._due: dict[str, float] = {}

    def note_start(self, name: str) -> None:
        """Note that a process was started."""
        self._started[name] = self._clock()
        self._due.pop(name, None)

    def revive(
        self,
        processes: Mapping[str, subprocess.Popen[bytes]],
        start: Callable[[str], None],
        on_end: Callable[[str, int, float], None],
    ) -> None:
        """Restart processes that have ended, when due; `start` puts them into `processes`.

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
        """Return the seconds until the restart of an ended process, None if noted before."""
        if name in self._due:
            return None
        now = self._clock()
        was_steady = now - self._started[name] >= STEADY_SECONDS
        before = 0.0 if was_steady else self._delays.get(name, 0.0)
        delay = min(max(FIRST_SECONDS, 2 * before), LONGEST_SECONDS)
        self._delays[name], self._due[name] = delay, now + delay
        return delay

    def is_due(self, name: str) -> bool:
        """Return whether a process that has ended is to be started now."""
        return self._clock() >= self._due[name]
