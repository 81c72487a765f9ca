"""Topics read in threads of their own and handed over to the event loop.

The loop alone touches what the pages show, so nothing there needs a lock. Trouble that may pass is
waited for, and the pages go on showing what was read last.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from itertools import islice

from stylecore.errors import Transient
from workers.kafka.records import Record
from workers.kafka.retry import Pause
from workers.kafka.table import TableReader, partitions_of_names
from workers.settings import Settings

CHUNK = 1000
WAIT_SECONDS = 0.2


def follow(
    settings: Settings,
    names: Sequence[str],
    take: Callable[[list[Record]], None],
    caught_up: Callable[[], None],
    stop: threading.Event,
) -> None:
    """Read topics (by their names on the cluster) from the start, until `stop` is set.

    `take` hears of all records in order, `caught_up` that the present end has been reached. Raises
    Permanent where a topic is missing.
    """
    pause = Pause(stop)
    while not stop.is_set():
        try:
            with closing(TableReader(settings, partitions_of_names(settings, [*names]))) as reader:
                records = reader.read_to_end(stop)
                while chunk := list(islice(records, CHUNK)):
                    take(chunk)
                caught_up()
                while not stop.is_set():
                    _take_some(reader.wait(WAIT_SECONDS), take)
        except Transient as problem:
            pause.after(problem)


def _take_some(records: Iterable[Record], take: Callable[[list[Record]], None]) -> None:
    if chunk := list(records):
        take(chunk)


class Background:
    """A thread whose end by an error ends the worker, with that error."""

    def __init__(self, name: str, work: Callable[[], None], stop: threading.Event) -> None:
        self._work = work
        self._stop = stop
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for its end. Raises what ended it, if anything did."""
        self._thread.join()
        if self._problem is not None:
            raise self._problem

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as problem:  # noqa: BLE001 (join raises it in the thread that asks)
            self._problem = problem
            self._stop.set()
