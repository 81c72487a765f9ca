"""A record that takes the worker down is found out alone and set aside; no other is."""

import errno
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from confluent_kafka import KafkaError, KafkaException
from helpers import wait_until
from hostile.test_worker_pictures import job, outcomes
from hypothesis import given
from hypothesis import strategies as st
from integration.shop import read_dead_letters_of

from schemas.codec import InvalidEvent
from schemas.topics import JOBS
from stylecore.errors import Transient
from stylecore.storage.store import Store
from workers.demo.inputs import sample_products
from workers.kafka.admin import Refused
from workers.kafka.crash_guard import DEATHS, Crashed, CrashGuard, bisect
from workers.kafka.dead_letters import PREFIX
from workers.kafka.producer import Publisher
from workers.kafka.records import Output, Place, Record
from workers.kafka.table import apply_each
from workers.kafka.transaction import Aborted, Fenced

POISON = 3


class Died(BaseException):
    """The process, for a test within one."""


def record(offset: int, partition: int = 0) -> Record:
    return Record(
        topic="jobs",
        partition=partition,
        offset=offset,
        key=b"a",
        value=str(offset).encode(),
        raw_headers=[],
        timestamp_ms=0,
    )


def deadly(poison: int):
    """Work that the poisoned record ends."""

    def work(records):
        if poison in [it.offset for it in records]:
            raise Died
        return [Output(topic="done", key=b"", value=it.value) for it in records]

    return work


def lives(store: Store, records, work) -> list[list[Output] | None]:
    """The outputs of process after process, None where it died, until one lives."""
    found = []
    while not found or found[-1] is None:
        guard = CrashGuard(store, process=f"process {len(found)}")
        guard.load({it.place for it in records})
        try:
            found.append(guard.run(records, work))
        except Died:
            found.append(None)
        assert len(found) < 10
    return found


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path):
    return Store(str(tmp_path) if request.param == "folder" else f"memory://{tmp_path.name}")


def test_only_the_record_that_is_deadly_is_set_aside_after_two_deaths_alone(store):
    batch = [record(offset, offset % 2) for offset in range(6)]
    found = lives(store, batch, deadly(POISON))
    assert [outputs is None for outputs in found] == [True] * (1 + DEATHS) + [False]
    (letter,) = [output for output in found[-1] if output.topic == "jobs.dlq"]
    assert letter.value == b"3"
    assert dict(letter.headers)[f"{PREFIX}exception.class.name"] == Crashed.__name__.encode()
    done = sorted(output.value for output in found[-1] if output.topic == "done")
    assert done == [b"0", b"1", b"2", b"4", b"5"]


def test_a_batch_of_one_needs_two_deaths_in_all(store):
    found = lives(store, [record(POISON)], deadly(POISON))
    assert [outputs is None for outputs in found] == [True] * DEATHS + [False]


def test_who_is_killed_once_is_done_by_the_next(store):
    killed = iter([True, False])

    def work(records):
        if next(killed, False):
            raise Died
        return [Output(topic="done", key=b"", value=it.value) for it in records]

    found = lives(store, [record(offset) for offset in range(4)], work)
    assert [outputs is None for outputs in found] == [True, False]
    assert [output.topic for output in found[-1]] == ["done"] * 4


def test_a_batch_that_comes_again_in_the_same_process_is_worked_on_together(store):
    batch, seen = [record(offset) for offset in range(3)], []

    def work(records):
        seen.append(len(records))
        return []

    guard = CrashGuard(store, process="one")
    for _ in range(3):
        guard.load([Place("jobs", 0)])
        guard.run(batch, work)
    assert seen == [3, 3, 3]


def test_a_batch_that_was_dropped_leaves_no_suspects(store):
    """The store was down, or the process was stopped: no process died over the batch."""
    batch = [record(offset) for offset in range(3)]

    def away(records):
        raise Transient("the store is away")

    for number in range(1 + DEATHS):
        guard = CrashGuard(store, process=f"stopped {number}")
        guard.load([Place("jobs", 0)])
        with pytest.raises(Transient):
            guard.run(batch[:1] if number else batch, away)
    seen = []
    guard = CrashGuard(store, process="next")
    guard.load([Place("jobs", 0)])
    guard.run(batch, lambda records: seen.append(len(records)) or [])
    assert seen == [3]


def test_a_note_that_cannot_be_read_is_passed_over(store):
    store.put_note("attempts", "jobs-0", b"not a note")
    assert [outputs is None for outputs in lives(store, [record(1)], deadly(9))] == [False]


class Poison(RuntimeError):
    """A fault of ours over one record."""


@given(
    st.integers(0, 40).flatmap(
        lambda count: st.tuples(st.just(count), st.sets(st.integers(0, max(0, count - 1))))
    )
)
def test_each_record_over_which_the_work_fails_is_set_aside_and_each_other_is_done_once(drawn):
    count, poisons = drawn
    records, done, aside = [record(offset) for offset in range(count)], [], []

    def work(part):
        if poisons & {it.offset for it in part}:
            raise Poison
        done.extend(it.offset for it in part)

    bisect(records, work, lambda it, problem: aside.append((it.offset, type(problem))))
    assert aside == [(offset, Poison) for offset in sorted(poisons) if offset < count]
    assert done == [offset for offset in range(count) if offset not in poisons]


def test_records_that_fail_together_only_are_done_in_parts():
    """As 1,200 impressions of distinct styles once did."""
    done = []

    def work(part):
        if len(part) > 300:
            raise RecursionError
        done.extend(part)

    records = [record(offset) for offset in range(1200)]
    bisect(records, work, lambda *_: pytest.fail("no record is at fault"))
    assert done == records


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (Transient("away"), Transient),
        (Aborted("refused"), Aborted),
        (Fenced("replaced"), Fenced),
        (Refused("no right"), Transient),
        (MemoryError(), Transient),
        (KafkaException(KafkaError(KafkaError._TRANSPORT)), Transient),
        (OSError(errno.ENOSPC, "no space left"), Transient),
    ],
)
def test_what_is_no_records_fault_is_raised_and_nothing_set_aside(raised, expected):
    def work(part):
        raise raised

    with pytest.raises(expected):
        bisect([record(0)], work, lambda *_: pytest.fail("set aside"))


def test_a_followed_tables_record_that_cannot_be_taken_is_passed_over():
    taken = []

    def take(it):
        if it.offset == 1:
            raise OverflowError("date value out of range")
        if it.offset == 2:
            raise InvalidEvent("not JSON")
        taken.append(it.offset)

    apply_each("test", [record(offset) for offset in range(4)], take)
    assert taken == [0, 3]


@pytest.mark.integration
@pytest.mark.usefixtures("topics")
def test_a_photo_that_crashes_the_worker_is_set_aside_and_the_others_are_drawn(
    settings, environment, tmp_path
):
    """A real worker on a real broker; one photo ends its process, as a fault of the model would."""
    photos = [product.image_uri for product in sample_products()[:4]]
    with Publisher(settings, "/test") as publisher:
        for number, photo in enumerate(photos):
            publisher.send(JOBS, job(number, photo), datetime.now(UTC))
    environment |= {
        "STYLECAST_PHOTOS__ALLOWED_PREFIXES": f'["{photos[0].rpartition("/photos/")[0]}"]',
        "STYLECAST_WORKER__SESSION_TIMEOUT_SECONDS": "6",
        "STYLECAST_STYLIZE__OUTPUT_SIDE": "64",
        "STYLECAST_STYLIZE__THREADS": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "POISON": photos[1],
    }
    deaths = 0
    while len(outcomes(settings)) < len(photos):
        with (tmp_path / "log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "hostile.poisoned"], env=environment, stderr=log
            )
        try:
            wait_until(
                lambda it=worker: it.poll() is not None or len(outcomes(settings)) == len(photos),
                200,
            )
        finally:
            worker.terminate()
            deaths += worker.wait(30) < -1
        assert deaths <= 1 + DEATHS, (tmp_path / "log").read_text()

    assert deaths in {DEATHS, 1 + DEATHS}
    assert max(outcomes(settings).values()) == 1
    (letter,) = read_dead_letters_of(settings, JOBS)
    assert dict(letter.headers)[f"{PREFIX}exception.class.name"] == b"Crashed"
    assert photos[1].encode() in letter.value
