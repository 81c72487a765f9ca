"""The lag worker: how far every group is behind, at /metrics by kafka_exporter's names.

Looks every few seconds, whether the groups run or not. While the broker is away there are no
figures rather than old ones. It looks at Stylecast's groups and names only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

from confluent_kafka import Consumer
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily

from schemas.topics import TOPICS
from stylecore.errors import Transient
from workers.admin import admin_client, cluster
from workers.clients import table_consumer
from workers.group_lag import GroupLag, Offsets, PartitionLag, Place, group_lag, lag_of
from workers.offsets import (
    CommitReader,
    FoundGroup,
    find_first_records,
    find_groups,
    find_offsets,
    spans_to_probe,
)
from workers.settings import Settings
from workers.telemetry import Health, OncePerMinute, log
from workers.topics import topic_name

PATIENCE_SECONDS = 10.0
PARTITION = ["topic", "partition"]


def collect_lag(settings: Settings) -> list[GroupLag]:
    """The lag of every group of this fleet, by name. Raises Transient.

    A cluster in which something is just being created is given a few seconds.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    with closing(Lookout(settings)) as lookout:
        while True:
            try:
                return lookout.look()
            except Transient:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


def run_lag(settings: Settings, health: Health, stop: threading.Event) -> None:
    """Look until `stop`; trouble is told once a minute and makes the worker not ready."""
    collector, tell = LagCollector(), OncePerMinute()
    lookout = Lookout(settings)
    REGISTRY.register(collector)
    try:
        while not stop.is_set():
            try:
                collector.groups = lookout.look()
                health.ready = True
            except Transient as problem:
                collector.groups, health.ready = [], False
                if tell("away"):
                    log.warning("no lag", why=str(problem))
            stop.wait(settings.lag.interval_seconds)
    finally:
        REGISTRY.unregister(collector)
        lookout.close()


class Lookout:
    """The clients that a look at the groups needs, kept from one look to the next."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = admin_client(settings)
        self._commits = CommitReader(settings)
        self._consumer = table_consumer(settings)

    def look(self) -> list[GroupLag]:
        """Commits, then ends, then a read where only markers may be left. Raises Transient."""
        there = cluster(self._admin).topics
        names = {topic_name(self._settings, topic) for topic in TOPICS} & there.keys()
        known = [Place(name, number) for name in names for number in there[name].partitions]
        groups = find_groups(self._admin, self._commits, known, self._settings)
        read = set().union(*(group.topics for group in groups)) & there.keys()
        places = [Place(name, number) for name in read for number in there[name].partitions]
        offsets = find_offsets(self._admin, places)
        return [_lag_of_group(group, offsets, self._consumer) for group in groups]

    def close(self) -> None:
        """End the connections."""
        self._consumer.close()
        self._commits.close()


def _lag_of_group(group: FoundGroup, offsets: dict[Place, Offsets], consumer: Consumer) -> GroupLag:
    committed = {
        place: group.committed.get(place) for place in offsets if place.topic in group.topics
    }
    spans = spans_to_probe(committed, offsets)
    first = find_first_records(consumer, spans) if spans else {}
    partitions = (
        PartitionLag(
            topic=place.topic,
            partition=place.partition,
            committed=commit,
            start=offsets[place].start,
            end=offsets[place].end,
            lag=lag_of(commit, offsets[place], first.get(place)),
        )
        for place, commit in committed.items()
    )
    return group_lag(group.name, group.state, group.members, partitions)


class LagCollector:
    """What was last looked up, as Prometheus metrics; a group that has gone leaves nothing."""

    def __init__(self) -> None:
        self.groups: list[GroupLag] = []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The metrics of one scrape."""
        return metrics(self.groups)


def metrics(groups: Iterable[GroupLag]) -> Iterator[GaugeMetricFamily]:
    """kafka_exporter's names and labels (danielqsj/kafka_exporter, README)."""
    groups = list(groups)
    parts = [(group.group, part) for group in groups for part in group.partitions]
    ends = {(part.topic, str(part.partition)): part for _, part in parts}
    by_group = ["consumergroup", *PARTITION]
    yield _family(
        "kafka_topic_partition_current_offset",
        "End of the partition for readers of committed records",
        PARTITION,
        ((labels, part.end) for labels, part in ends.items()),
    )
    yield _family(
        "kafka_topic_partition_oldest_offset",
        "First offset of the partition",
        PARTITION,
        ((labels, part.start) for labels, part in ends.items()),
    )
    yield _family(
        "kafka_consumergroup_current_offset",
        "Committed offset of the group",
        by_group,
        (
            ((group, part.topic, str(part.partition)), part.committed)
            for group, part in parts
            if part.committed is not None
        ),
    )
    yield _family(
        "kafka_consumergroup_lag",
        "Offsets that the group is behind, transaction markers at the end not counted",
        by_group,
        (((group, part.topic, str(part.partition)), part.lag) for group, part in parts),
    )
    yield _family(
        "kafka_consumergroup_lag_sum",
        "Lag of the group over the partitions of a topic",
        ["consumergroup", "topic"],
        _sums(parts),
    )
    yield _family(
        "kafka_consumergroup_members",
        "Members of the group",
        ["consumergroup"],
        (((group.group,), group.members) for group in groups),
    )


def _sums(parts: Iterable[tuple[str, PartitionLag]]) -> Iterable[tuple[tuple[str, ...], int]]:
    sums: dict[tuple[str, ...], int] = {}
    for group, part in parts:
        sums[group, part.topic] = sums.get((group, part.topic), 0) + part.lag
    return sums.items()


def _family(
    name: str, words: str, labels: list[str], values: Iterable[tuple[tuple[str, ...], Any]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family
