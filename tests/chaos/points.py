"""Points of a batch at which a worker's process strikes itself, when a file in its folder says so.

The file `order` holds "kill" or "stop" and a point. Reaching the point takes the file away, writes
a line to `reached`, and sends SIGKILL or SIGSTOP to this very process: where it was struck is
proven, not guessed. What became of a transaction that was stopped is written to `resumed`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException, Producer

from stylecore.storage.render_cache import Sidecar, read_sidecar, write_sidecar
from stylecore.storage.store import Store

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class Points:
    """The orders of one process, and what it tells."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stopped: str | None = None
        self.in_batch = False
        """Whether records are at hand: what is written in idle moments has no points."""

    def reach(self, point: str, first: Callable[[], Any] | None = None) -> None:
        """Strike here if that is the order, after doing what comes `first`."""
        order = self._folder / "order"
        if not order.exists():
            return
        try:
            action, _, where = order.read_text().partition(" ")
            if where != point:
                return
            order.unlink()
        except FileNotFoundError:  # it was taken back at this moment
            return
        if first is not None:
            first()
        self.tell("reached", f"{action} {point}")
        if action == "stop":
            self._stopped = point
        os.kill(os.getpid(), SIGNALS[action])

    def resumed(self, outcome: str) -> None:
        """What became of the transaction in which the process was stopped."""
        if self._stopped is not None:
            self.tell("resumed", f"{self._stopped}: {outcome}")
            self._stopped = None

    def tell(self, file: str, line: str) -> None:
        """A line, whole even among processes: appended in one write."""
        with (self._folder / file).open("ab", buffering=0) as log:
            log.write(f"{line}\n".encode())


def watched_producer(points: Points) -> type[Producer]:  # noqa: C901 (one class)
    """librdkafka's producer with the points of a transaction.

    stored: results are computed, pictures lie in the store, the transaction is begun and empty;
    produced: the results are at the broker; offsets sent: and so are the offsets; committed: and
    the handler does not know yet. A batch without results has none.
    """

    class Watched(Producer):
        """A producer that may die of each of its steps."""

        _produced = 0

        def begin_transaction(self) -> None:
            self._produced = 0
            super().begin_transaction()

        def produce(self, *given: Any, **named: Any) -> None:
            if points.in_batch and not self._produced:
                points.reach("stored")
            self._produced += points.in_batch
            super().produce(*given, **named)

        def send_offsets_to_transaction(self, *given: Any) -> None:
            if self._produced:
                points.reach("produced", lambda: self.flush(5))
            self._told(lambda: super(Watched, self).send_offsets_to_transaction(*given))
            if self._produced:
                points.reach("offsets sent")

        def commit_transaction(self, *given: Any) -> None:
            self._told(lambda: super(Watched, self).commit_transaction(*given))
            points.resumed("committed")
            if self._produced:
                points.reach("committed")

        def _told(self, action: Callable[[], None]) -> None:
            try:
                action()
            except KafkaException as problem:
                if not problem.args[0].retriable():
                    points.resumed(f"refused {problem.args[0].name()}")
                raise

    return Watched


def watched_handle(points: Points, handle: Callable[..., None]) -> Callable[..., None]:
    """The loop's own handling of a batch, noted."""

    def watched(*given: Any) -> None:
        points.in_batch = True
        try:
            handle(*given)
        finally:
            points.in_batch = False

    return watched


def watched_sidecars(points: Points) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`read_sidecar` and `write_sidecar` that tell `draws` what is drawn, and when it is done."""

    def read(store: Store, key: str) -> Sidecar | None:
        found = read_sidecar(store, key)
        if found is None:
            points.tell("../draws", f"begun {key}")
        return found

    def write(store: Store, key: str, sidecar: Sidecar) -> Sidecar:
        points.reach("blob stored")
        kept = write_sidecar(store, key, sidecar)
        points.tell("../draws", f"done {key}")
        return kept

    return read, write


def watched_reader(points: Points, reader: type[Any]) -> type[Any]:
    """A table reader that may die of the restore, after its first record."""

    class Watched(reader):
        """Reads as its parent does."""

        def read_to_end(self, *given: Any) -> Iterator[Any]:
            for record in super().read_to_end(*given):
                yield record
                points.reach("restoring")

    return Watched
