"""A batch that takes long, waiting for photos say: its worker stays in the group meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from chaos.owners import send_clicks
from confluent_kafka import Message
from helpers import wait_until
from integration.shop import publish_products, read_all

from schemas.topics import FEEDBACK, RECOMMENDATIONS
from workers.kafka import assignment
from workers.kafka.assignment import Handler, Ownership
from workers.kafka.clients import group_consumer
from workers.kafka.loop import run_worker
from workers.kafka.records import Output
from workers.kafka.topics import topic_name
from workers.telemetry import Health

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

RECORDS = 40
POLL_INTERVAL_SECONDS = 8.0


class Echo(Handler):
    """Answers each record with one of its place; `work` is done in every batch, before that."""

    def __init__(self, settings, work: Callable[[], object] = lambda: None) -> None:
        self.topics = (topic_name(settings, FEEDBACK),)
        self.taken: list[str] = []
        """The places of all records of all batches, also of those that were aborted."""
        self.calls: list[str] = []
        self.is_at_work = threading.Event()
        self.has_partitions = threading.Event()
        self._answers = topic_name(settings, RECOMMENDATIONS)
        self._work = work

    def process(self, records):
        places = [f"{record.partition}/{record.offset}" for record in records]
        self.taken += places
        self.is_at_work.set()
        self._work()
        self.calls.append("processed")
        return [Output(topic=self._answers, key=place.encode(), value=b"{}") for place in places]

    def assigned(self, partitions):
        self.has_partitions.set()

    def revoked(self, partitions):
        if partitions:
            self.calls.append("revoked")

    def aborted(self):
        self.calls.append("aborted")


@pytest.fixture
def impatient(settings):
    """Short time-outs of the group."""
    interval = int(POLL_INTERVAL_SECONDS * 1000)
    return settings.model_copy(
        update={
            "kafka": settings.kafka.model_copy(update={"max_poll_interval_ms": interval}),
            "worker": settings.worker.model_copy(update={"session_timeout_seconds": 6}),
        }
    )


@contextmanager
def running(settings, handler, *, instance: str, batch_records: int) -> Iterator[None]:
    """A worker of this handler in a thread."""
    named = settings.worker.model_copy(update={"instance": instance})
    stop = threading.Event()
    worker = threading.Thread(
        target=run_worker,
        args=(settings.model_copy(update={"worker": named}), "preferences", lambda: handler),
        kwargs={"batch_records": batch_records, "health": Health(), "stop": stop},
    )
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join(60)


def answered(settings) -> list[str]:
    """The places of all records that were answered, by committed transactions."""
    return sorted((record.key or b"").decode() for record in read_all(settings, RECOMMENDATIONS))


def test_a_batch_may_take_longer_than_the_poll_interval_and_is_done_once(settings, impatient):
    send_clicks(settings, publish_products(settings, 1), range(RECORDS))
    slow = iter([1.5 * POLL_INTERVAL_SECONDS])
    handler = Echo(settings, lambda: time.sleep(next(slow, 0)))
    with running(impatient, handler, instance="a", batch_records=5):
        wait_until(lambda: len(answered(settings)) == RECORDS, 60)
        assert handler.calls == ["processed"] * len(handler.calls)
    assert sorted(handler.taken) == answered(settings)
    assert len(set(handler.taken)) == RECORDS


def test_a_rebalance_goes_on_while_a_batch_is_worked_on_and_voids_it(settings):
    send_clicks(settings, publish_products(settings, 1), range(RECORDS))
    other = Echo(settings)
    handler = Echo(settings, lambda: other.has_partitions.wait(60))
    with running(settings, handler, instance="a", batch_records=RECORDS):
        assert handler.is_at_work.wait(60)
        with running(settings, other, instance="b", batch_records=RECORDS):
            assert other.has_partitions.wait(60)
            wait_until(lambda: len(answered(settings)) >= RECORDS, 60)
    # Partitions are revoked from the handler after its work, and the batch is not committed.
    assert handler.calls[:3] == ["processed", "revoked", "aborted"]
    assert len(set(answered(settings))) == len(answered(settings)) == RECORDS


def test_a_handler_that_hangs_is_let_go_by_its_group(settings, impatient, monkeypatch):
    monkeypatch.setattr("workers.kafka.loop.PROCESS_SECONDS", 1.0)
    send_clicks(settings, publish_products(settings, 1), range(RECORDS))
    let_go = threading.Event()
    hanging, other = Echo(settings, lambda: let_go.wait(60)), Echo(settings)
    with running(impatient, hanging, instance="a", batch_records=RECORDS):
        assert hanging.is_at_work.wait(60)
        with running(impatient, other, instance="b", batch_records=RECORDS):
            wait_until(lambda: len(answered(settings)) == RECORDS, 60)
            let_go.set()
    assert len(set(answered(settings))) == RECORDS


def test_a_record_that_comes_in_spite_of_the_pause_is_read_again(settings, monkeypatch):
    monkeypatch.setattr(assignment, "PAUSE_SECONDS", 0.05)
    send_clicks(settings, publish_products(settings, 1), range(RECORDS))
    polled: list[Message] = []
    is_event = assignment.is_event
    monkeypatch.setattr(
        assignment, "is_event", lambda found: polled.append(found) or is_event(found)
    )
    with closing(group_consumer(settings, "preferences")) as consumer:
        owned = Ownership("preferences", consumer, Echo(settings), threading.Event())
        consumer.subscribe(
            [topic_name(settings, FEEDBACK)], on_assign=owned.on_assign, on_revoke=owned.on_revoke
        )
        wait_until(lambda: consumer.poll(0.1) is None and owned.has_changed)
        owned.take_up()
        read = [consumer.poll(30) for _ in range(RECORDS // 4)]

        def work() -> None:
            wait_until(lambda: bool(consumer.resume(consumer.assignment()) or polled), 60)

        owned.poll_while(work)
        read += [consumer.poll(30) for _ in range(RECORDS - len(read))]
        assert consumer.poll(1) is None
        owned.release()
    assert polled
    for partition in range(4):
        offsets = [message.offset() for message in read if message.partition() == partition]
        assert offsets == list(range(len(offsets)))
