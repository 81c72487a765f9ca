"""Our lag beside Apache Kafka's own kafka-consumer-groups, on one broker, through a day.

Where they must differ, DIFFERENCES says why; deploy/RUNBOOK.md repeats the table for on call.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import NewPartitions
from helpers import wait_until
from kafka_tools import kafkas_lag

from schemas.topics import JOBS
from stylecore.errors import Transient
from workers.kafka.admin import admin_client
from workers.kafka.clients import producer, transactional_producer
from workers.kafka.records import Place
from workers.kafka.topics import group_id, topic_name
from workers.lag.status import History, Status
from workers.lag.worker import LagCollector

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

RUNBOOK = Path(__file__).parents[2] / "deploy" / "RUNBOOK.md"
LOOKS = 4
"""Of the window; each phase of the day is looked at so often."""
PLACES = 4


class Day:
    """A topic, a group that reads it, and a lag worker's eyes on both."""

    def __init__(self, settings, collector: LagCollector) -> None:
        self.settings = settings
        self.group = group_id(settings, "stylize")
        self.topic = topic_name(settings, JOBS)
        self.now = 0.0
        self._collector = collector
        self._history = History(LOOKS)
        self._producer = producer(settings)

    def write(self, count: int, partition: int = 0) -> None:
        for _ in range(count):
            self._producer.produce(self.topic, b"{}", partition=partition)
        assert self._producer.flush(30) == 0

    def write_in_transaction(self, count: int, *, abort: bool) -> None:
        client = transactional_producer(self.settings, "day")
        client.init_transactions(30)
        client.begin_transaction()
        for _ in range(count):
            client.produce(self.topic, b"{}", partition=0)
        assert client.flush(30) == 0
        client.abort_transaction(30) if abort else client.commit_transaction(30)

    def consumer(self) -> Consumer:
        return Consumer(
            {
                **self.settings.kafka.librdkafka(),
                "group.id": self.group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
            }
        )

    def commit(self, consumer: Consumer, offset: int, partition: int = 0) -> None:
        consumer.commit(offsets=[TopicPartition(self.topic, partition, offset)], asynchronous=False)

    def look(self):
        self.now += 10
        seen = self._seen()
        (group,) = [
            group for group in self._history.judge(seen, self.now) if group.group == self.group
        ]
        return group

    def _seen(self):
        """What the collector sees, as soon as a partition that was just made has its leader."""
        for _ in range(50):
            try:
                return self._collector.collect()
            except Transient:
                time.sleep(0.2)
        return self._collector.collect()

    def ours(self) -> dict[Place, int]:
        return {part.place: part.lag for part in self.look().partitions}

    def kafkas(self) -> dict[Place, int | None]:
        return kafkas_lag(self.settings.kafka.bootstrap_servers, self.group)

    def place(self, partition: int) -> Place:
        return Place(self.topic, partition)


@pytest.fixture
def day(settings) -> Iterator[Day]:
    with closing(LagCollector(settings)) as collector:
        yield Day(settings, collector)


@pytest.fixture
def member(day) -> Iterator[Consumer]:
    """A consumer of the group that has all partitions, and has committed the start of each."""
    with closing(day.consumer()) as consumer:
        consumer.subscribe([day.topic])
        wait_until(lambda: consumer.poll(0.1) is None and len(consumer.assignment()) == PLACES)
        for partition in range(PLACES):
            day.commit(consumer, 0, partition)
        yield consumer


def status_after(day: Day, between=lambda: None) -> Status | None:
    """The group's status when `between` has happened before each look of a whole window."""
    for _ in range(LOOKS):
        between()
        group = day.look()
    return group.status


def test_lag_and_status_through_a_day_agree_with_kafkas_own_tool(day, member):
    lags = []

    def agree() -> None:
        ours = day.ours()
        assert ours == day.kafkas()
        lags.append(ours[day.place(0)])

    position = iter(range(1, 1000))
    agree()  # all is read

    def busy() -> None:
        day.write(1)
        day.commit(member, next(position))

    day.write(10)
    assert status_after(day, busy) is Status.WARN  # it works, and its lag does not fall
    agree()
    assert status_after(day, lambda: day.commit(member, next(position))) is Status.OK
    agree()
    assert status_after(day) is Status.STALL
    agree()
    member.unsubscribe()
    wait_until(lambda: member.poll(0.1) is None and not day.look().members)
    assert status_after(day) is Status.STOP
    agree()
    with closing(day.consumer()) as other:
        day.commit(other, 1)
        assert day.look().status is Status.REWIND
        agree()
        day.commit(other, 14)
        assert day.look().status is Status.OK
        agree()
    assert lags == [0, 10, 6, 6, 6, 13, 0]


DIFFERENCES = {
    "end of a transaction": "the marker has an offset, and is no record: nothing is left to read",
    "aborted records": "a reader of committed records never sees them",
    "open transaction": "a reader of committed records cannot have them yet",
    "new partition": "our groups start at its first record; the tool prints no lag at all",
}


def test_the_marker_of_a_transactions_end_is_no_lag(day, member):
    day.write_in_transaction(2, abort=False)
    day.commit(member, 2)
    assert (day.ours()[day.place(0)], day.kafkas()[day.place(0)]) == (0, 1)


def test_aborted_records_are_no_lag(day, member):
    day.write_in_transaction(2, abort=True)
    assert (day.ours()[day.place(0)], day.kafkas()[day.place(0)]) == (0, 3)


def test_what_an_open_transaction_holds_back_is_no_lag_yet(day, member):
    patient = day.settings.worker.model_copy(update={"transaction_timeout_seconds": 300})
    settings = day.settings.model_copy(update={"worker": patient})
    client = transactional_producer(settings, "open")  # a busy machine takes longer than 10 s
    client.init_transactions(30)
    client.begin_transaction()
    client.produce(day.topic, b"{}", partition=0)
    assert client.flush(30) == 0
    day.write(3)
    assert (day.ours()[day.place(0)], day.kafkas()[day.place(0)]) == (0, 4)
    client.commit_transaction(30)
    wait_until(lambda: day.ours() == day.kafkas())


def test_a_new_partition_counts_from_its_first_record(day, member):
    admin = admin_client(day.settings)
    admin.create_partitions([NewPartitions(day.topic, PLACES + 1)])[day.topic].result(30)
    wait_until(lambda: len(day.look().partitions) == PLACES + 1)
    day.write(2, partition=PLACES)
    assert (day.ours()[day.place(PLACES)], day.kafkas().get(day.place(PLACES))) == (2, None)


def test_the_runbook_tells_each_difference():
    page = RUNBOOK.read_text()
    for difference, why in DIFFERENCES.items():
        assert f"| {difference} | {why} |" in page
