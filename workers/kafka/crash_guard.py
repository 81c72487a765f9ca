"""The crash guard: no record stops a worker, neither by an exception nor by killing the process.

**Exceptions.** One that is neither Permanent nor Transient is a fault of the code. `bisect` halves
the batch until the record is found over which the code fails. It becomes a dead letter with the
exception's class and the line of the code; the others are processed.

**Deaths.** A record may also end the process. Before a batch is processed, CrashGuard notes the
offsets of its records in the store. A worker that finds the note of another process processes these
records one by one, with a note each time. A record over which two workers died while it was
processed alone becomes a dead letter. A note does not tell why a process ended: a harmless record
is set aside where the worker is killed twice within the seconds in which it is processed alone.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from uuid import uuid4

import msgspec
from confluent_kafka import KafkaException

from schemas.codec import InvalidEvent, decode, encode
from stylecore.errors import Permanent, Transient
from stylecore.storage.store import Store
from workers.kafka.admin import Refused
from workers.kafka.dead_letters import dead_letter
from workers.kafka.records import Output, Place, Record
from workers.kafka.transaction import Aborted, Fenced
from workers.telemetry import CRASHES, log

FOLDER = "attempts"
DEATHS = 2
"""How many processes may die over one record alone before it is set aside."""
_PROCESS = uuid4().hex

MACHINE = frozenset(
    {errno.EAGAIN, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC}
)
"""Errors of the operating system that no record causes."""

Work = Callable[[Sequence[Record]], list[Output]]


def bisect(
    records: Sequence[Record],
    work: Callable[[Sequence[Record]], None],
    set_aside: Callable[[Record, Exception], None],
) -> None:
    """Call `work` with all records, or where it fails with halves of them, down to one record.

    `work` must be all or nothing. `set_aside` gets a record over which it fails alone. Raises
    Transient, also where memory is short for one record, and Aborted and Fenced of a commit.
    """
    try:
        work(records)
    except (Transient, Aborted, Fenced):
        raise
    except (Refused, KafkaException) as problem:  # caused by the cluster, not by a record
        raise Transient(str(problem)) from problem
    except Exception as problem:
        if isinstance(problem, OSError) and problem.errno in MACHINE:
            raise Transient(f"the machine is out of a resource: {problem}") from problem
        if len(records) > 1:
            half = len(records) // 2
            bisect(records[:half], work, set_aside)
            bisect(records[half:], work, set_aside)
        elif isinstance(problem, MemoryError):
            raise Transient(f"memory is short for one record: {problem}") from problem
        else:
            set_aside(records[0], problem)


def count_crash(worker: str, topic: str, error: Exception) -> None:
    """Count and log an exception that is a fault of the code and has no dead letter."""
    CRASHES.labels(worker, topic, type(error).__name__).inc()
    log.error("processing_crashed", worker=worker, topic=topic, exc_info=error)


class Crashed(Permanent):
    """Processes died over the record."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """The records in hand of a partition, as a process noted them."""

    process: str
    offsets: list[int]
    """In hand, or to be processed one by one."""
    deaths: dict[int, int] = {}
    """By offset, how many processes have died while they processed it alone, this one included."""


class CrashGuard:
    """Notes of the records in hand, by partition; one for all sessions of a process."""

    def __init__(self, store: Store, process: str = _PROCESS) -> None:
        self._store = store
        self._process = process
        self._left: dict[Place, Note] = {}
        """By partition, the records that another process left in hand and are not processed yet."""

    def load(self, places: Iterable[Place]) -> None:
        """Read the notes of newly assigned partitions. Raises Transient."""
        for place in places:
            self._left[place] = self._read(place)

    def run(self, records: Sequence[Record], work: Work) -> list[Output]:
        """Return the outputs of a batch; suspects are processed first and one by one.

        Suspects are records that another process left in hand. Raises Transient where the store is
        down, and whatever `work` raises.
        """
        outputs: list[Output] = []
        suspects = [
            record
            for record in records
            if (left := self._left.get(record.place)) and record.offset in left.offsets
        ]
        for record in suspects:
            outputs += self._alone(record, work)
        others = [record for record in records if record not in suspects]
        if others:
            in_hand: dict[Place, list[int]] = {}
            for record in others:
                in_hand.setdefault(record.place, []).append(record.offset)
            for place, offsets in in_hand.items():
                self._write(place, offsets, {offsets[0]: 1} if len(offsets) == 1 else {})
            with self._note_withdrawn(others):
                outputs += work(others)
        return outputs

    @contextmanager
    def _note_withdrawn(self, records: Sequence[Record]) -> Iterator[None]:
        """Withdraw the note where work raises Transient: the process has survived it."""
        try:
            yield
        except Transient:
            for place in {record.place for record in records}:
                left = self._left.get(place)
                offsets, deaths = ([], {}) if left is None else (left.offsets, left.deaths)
                self._write(place, offsets, deaths)
            raise

    def _alone(self, record: Record, work: Work) -> list[Output]:
        place = record.place
        left = self._left[place]
        deaths = left.deaths.get(record.offset, 0)
        if deaths >= DEATHS:
            return [dead_letter(record, "work", Crashed(f"{deaths} workers died over it alone"))]
        log.warning(
            "record_isolated",
            topic=place.topic,
            partition=place.partition,
            offset=record.offset,
            died=deaths,
        )
        self._write(place, left.offsets, {**left.deaths, record.offset: deaths + 1})
        with self._note_withdrawn([record]):
            outputs = work([record])
        offsets = [offset for offset in left.offsets if offset != record.offset]
        self._left[place] = msgspec.structs.replace(left, offsets=offsets)
        self._write(place, offsets, left.deaths)
        return outputs

    def _read(self, place: Place) -> Note:
        data = self._store.get_sidecar(FOLDER, _key(place))
        known = self._left.get(place, Note(process=self._process, offsets=[]))
        if data is None:
            return known
        try:
            note = decode(Note, data)
        except InvalidEvent as problem:
            log.warning("crash_note_ignored", partition=place.partition, why=str(problem))
            return known
        return known if note.process == self._process else note

    def _write(self, place: Place, offsets: list[int], deaths: dict[int, int]) -> None:
        note = Note(process=self._process, offsets=offsets, deaths=deaths)
        self._store.put_note(FOLDER, _key(place), encode(note))


def _key(place: Place) -> str:
    return f"{place.topic}-{place.partition}"
