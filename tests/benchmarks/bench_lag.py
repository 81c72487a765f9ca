"""A look at 1,000 partitions with lag, beside the two bare requests that no look can do without.

`python tests/benchmarks/bench_lag.py` prints a row; `make bench` has it, too. Each look reads the
oldest record of every partition, for the exact time lag.
"""

from __future__ import annotations

import json
import statistics
import time
from contextlib import closing

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import NewPartitions, OffsetSpec
from helpers import wait_until

from schemas.topics import FEEDBACK
from workers.broker import local_broker
from workers.kafka.admin import admin_client
from workers.kafka.clients import producer
from workers.kafka.topics import apply_topics, topic_name
from workers.lag.worker import LagCollector, collect_lag
from workers.settings import load_settings

PARTITIONS = 1000
LOOKS = 15

Row = dict[str, object]


def lag_look() -> Row:
    """Seconds of a look, the median; turns are taken with the bare requests."""
    with local_broker() as broker:
        settings = load_settings(kafka={"bootstrap_servers": broker.bootstrap_servers})
        apply_topics(settings, 1)
        topic = topic_name(settings, FEEDBACK)
        admin = admin_client(settings)
        admin.create_partitions([NewPartitions(topic, PARTITIONS)])[topic].result(60)
        wait_until(lambda: len(admin.list_topics(topic).topics[topic].partitions) == PARTITIONS, 60)
        client = producer(settings)
        for number in range(PARTITIONS):
            client.produce(topic, b"{}", partition=number)
        assert client.flush(60) == 0
        places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        ours, bare = [], []
        collect_lag(settings)  # until the topic of offsets is there
        with closing(LagCollector(settings)) as collector:
            collector.collect()
            for _ in range(LOOKS):
                bare.append(_timed(lambda: _bare_requests(admin, places)))
                ours.append(_timed(lambda: _look(collector)))
    value, baseline = statistics.median(ours), statistics.median(bare)
    return {
        "name": "lag_look",
        "value": round(value, 3),
        "unit": "s",
        "baseline": "bare list-offsets requests for first and last offsets",
        "baseline_value": round(baseline, 3),
        "ratio": round(value / baseline, 2),
        "partitions": PARTITIONS,
        "goal": "under 1 s",
        "holds": value < 1,
        "command": "make bench ONLY=lag_look",
    }


def _look(collector: LagCollector) -> None:
    groups = {group.group: group for group in collector.collect()}
    parts = groups["stylecast-preferences"].partitions
    assert sum(part.oldest is not None for part in parts) == PARTITIONS


def _bare_requests(admin, places: list[TopicPartition]) -> None:
    for spec in (OffsetSpec.earliest(), OffsetSpec.latest()):
        futures = admin.list_offsets(
            dict.fromkeys(places, spec), isolation_level=IsolationLevel.READ_COMMITTED
        )
        for future in futures.values():
            future.result(30)


def _timed(action) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


FIGURES = {"lag_look": lag_look}


if __name__ == "__main__":
    print(json.dumps(lag_look()))
