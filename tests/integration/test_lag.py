"""How far groups are behind, on a real cluster."""

from __future__ import annotations

import gc
import threading
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from helpers import wait_until
from structlog.testing import capture_logs

from schemas.topics import JOBS
from stylecore.errors import Transient
from workers.kafka.clients import producer, transactional_producer
from workers.kafka.topics import group_id, topic_name
from workers.lag import LagCollector, collect_lag, run_lag
from workers.settings import load_settings
from workers.telemetry import Health, probes

pytestmark = pytest.mark.integration

GROUP = "stylize"


def produce(settings, count: int, *, transaction: str | None = None) -> None:
    """Records in partition 0 of the jobs; `transaction` is "commit", "abort" or None."""
    client = transactional_producer(settings, "test") if transaction else producer(settings)
    if transaction:
        client.init_transactions(30)
        client.begin_transaction()
    for _ in range(count):
        client.produce(topic_name(settings, JOBS), b"{}", partition=0)
    assert client.flush(30) == 0
    if transaction == "commit":
        client.commit_transaction(30)
    if transaction == "abort":
        client.abort_transaction(30)


def commit(settings, offset: int) -> None:
    consumer = Consumer({**settings.kafka.librdkafka(), "group.id": group_id(settings, GROUP)})
    place = TopicPartition(topic_name(settings, JOBS), 0, offset)
    consumer.commit(offsets=[place], asynchronous=False)
    consumer.close()


def lag_in_partition_0(settings):
    (group,) = [g for g in collect_lag(settings) if g.group == group_id(settings, GROUP)]
    return group.partitions[0]


def test_a_group_that_never_ran_is_behind_by_all_there_is(settings, topics):
    produce(settings, 3)
    groups = {group.group: group for group in collect_lag(settings)}
    workers = ("planner", "posters", "preferences", "stylize")
    assert set(groups) == {group_id(settings, worker) for worker in workers}
    stylize = groups[group_id(settings, GROUP)]
    assert (stylize.lag, stylize.members, stylize.state) == (3, 0, "NEVER_RAN")
    assert len(stylize.partitions) == 4
    assert stylize.partitions[0].committed is None


def test_a_stopped_group_has_the_lag_since_its_commit(settings, topics):
    produce(settings, 5)
    commit(settings, 2)
    part = lag_in_partition_0(settings)
    assert (part.committed, part.end, part.lag) == (2, 5, 3)


def test_the_ends_of_transactions_and_aborted_records_are_no_lag(settings, topics):
    produce(settings, 2, transaction="commit")
    produce(settings, 4, transaction="abort")
    commit(settings, 2)
    part = lag_in_partition_0(settings)
    assert (part.committed, part.end, part.lag) == (2, 8, 0)
    produce(settings, 1)
    assert lag_in_partition_0(settings).lag == 1


def test_groups_of_others_are_not_looked_at(settings, topics):
    narrow = settings.model_copy(
        update={"lag": settings.lag.model_copy(update={"groups": "stylecast-pl.*"})}
    )
    assert [group.group for group in collect_lag(narrow)] == [group_id(settings, "planner")]


def test_the_worker_serves_kafka_exporters_metrics(settings, topics):
    produce(settings, 3)
    commit(settings, 1)
    health, stop = Health(), threading.Event()
    with probes(settings.worker, health) as port:
        worker = threading.Thread(target=run_lag, args=(settings, health, stop))
        worker.start()
        wait_until(lambda: health.ready)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            lines = set(answer.read().decode().splitlines())
        stop.set()
        worker.join()
    group, topic = group_id(settings, GROUP), topic_name(settings, JOBS)
    place = f'partition="0",topic="{topic}"'
    assert {
        f'kafka_consumergroup_lag{{consumergroup="{group}",{place}}} 2.0',
        f'kafka_consumergroup_current_offset{{consumergroup="{group}",{place}}} 1.0',
        f'kafka_consumergroup_lag_sum{{consumergroup="{group}",topic="{topic}"}} 2.0',
        f'kafka_consumergroup_members{{consumergroup="{group}"}} 0.0',
        f"kafka_topic_partition_current_offset{{{place}}} 3.0",
    } <= lines


def test_a_broker_that_is_down_makes_it_not_ready_and_is_logged_once(monkeypatch):
    monkeypatch.setattr("workers.kafka.admin.TIMEOUT_SECONDS", 0.2)
    away = load_settings(kafka={"bootstrap_servers": "127.0.0.1:1"}, lag={"interval_seconds": 0.1})
    health, stop = Health(ready=True), threading.Event()
    worker = threading.Thread(target=run_lag, args=(away, health, stop))

    def times_logged() -> int:
        return len([line for line in lines if line["event"] == "lag_unavailable"])

    with capture_logs() as lines:
        worker.start()
        wait_until(lambda: not health.ready and times_logged() > 0)
        stop.wait(1)
        stop.set()
        worker.join()
    assert times_logged() == 1


def test_an_outage_leaves_no_clients_behind_even_if_no_garbage_is_collected(monkeypatch):
    monkeypatch.setattr("workers.kafka.admin.TIMEOUT_SECONDS", 0.2)
    away = load_settings(kafka={"bootstrap_servers": "127.0.0.1:1"})

    def threads() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    def look(collector: LagCollector) -> None:
        with pytest.raises(Transient):
            collector.collect()

    gc.disable()
    try:
        with closing(LagCollector(away)) as collector:
            look(collector)
            before = threads()
            for _ in range(8):
                look(collector)
            assert threads() - before < 8
    finally:
        gc.enable()
