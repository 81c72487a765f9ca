"""One look at every group: commits, then ends, then the first record that is not processed yet.

It looks at Stylecast's groups and topics only. Earlier looks are not known here.

The groups as Prometheus metrics, under names that dashboards and scalers know already.

Offsets by kafka_exporter's names and labels (danielqsj/kafka_exporter, README), seconds by
kafka-lag-exporter's (seglo/kafka-lag-exporter, README), and what neither has by names of ours. A
figure that nobody knows is left out: there is no NaN, no -1 and no infinity.

The lag worker: looks every few seconds, whether the groups run or not, and serves /metrics.

While the broker is away there are no figures rather than old ones, and a gauge that says so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily

from schemas.topics import TOPICS
from stylecore.errors import Transient
from workers.kafka.admin import admin_client, cluster
from workers.kafka.clients import table_consumer
from workers.kafka.topics import topic_name
from workers.lag.offsets import (
    PROBE_LIMIT,
    CommitReader,
    FoundGroup,
    find_first_records,
    find_groups,
    find_offsets,
    spans_to_probe,
)
from workers.lag.status import (
    FirstRecord,
    GroupLag,
    History,
    Offsets,
    PartitionLag,
    Place,
    Status,
    group_lag,
    lag_of,
)
from workers.settings import Settings
from workers.telemetry import Health, OncePerMinute, log

RETRY_SECONDS = 10.0


def collect_lag(settings: Settings) -> list[GroupLag]:
    """The lag of every group of this fleet, by name. Raises Transient.

    A cluster in which something is just being created is given a few seconds.
    """
    deadline = time.monotonic() + RETRY_SECONDS
    with closing(LagCollector(settings)) as collector:
        while True:
            try:
                return collector.collect()
            except Transient:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


class LagCollector:
    """The clients that a look at the groups needs, kept from one look to the next."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connect()

    def _connect(self) -> None:
        self._admin = admin_client(self._settings)
        self._commits = CommitReader(self._settings)
        self._consumer = table_consumer(self._settings)

    def collect(self) -> list[GroupLag]:
        """The groups by name. Raises Transient, and then has new clients for the next look.

        When a broker comes back, the admin client of librdkafka 2.16 was seen to time out for ever
        in describing a group.
        """
        try:
            return self._collect()
        except Transient:
            self.close()
            self._connect()
            raise

    def _collect(self) -> list[GroupLag]:
        there = cluster(self._admin).topics
        names = {topic_name(self._settings, topic) for topic in TOPICS} & there.keys()
        known = [Place(name, number) for name in names for number in there[name].partitions]
        groups = find_groups(self._admin, self._commits, known, self._settings)
        read = set().union(*(group.topics for group in groups)) & there.keys()
        places = [Place(name, number) for name in read for number in there[name].partitions]
        offsets = find_offsets(self._admin, places)
        return [self._lag_of_group(group, offsets) for group in groups]

    def close(self) -> None:
        """End the connections."""
        self._consumer.close()
        self._commits.close()

    def _lag_of_group(self, group: FoundGroup, offsets: dict[Place, Offsets]) -> GroupLag:
        committed = {
            place: group.committed.get(place) for place in offsets if place.topic in group.topics
        }
        if not group.starts_at_first:
            committed = {place: at for place, at in committed.items() if at is not None}
        is_exact = self._settings.lag.time_lag == "exact"
        spans = spans_to_probe(committed, offsets, limit=None if is_exact else PROBE_LIMIT)
        first = find_first_records(self._consumer, spans) if spans else {}
        parts = _partitions(committed, offsets, first)
        return group_lag(group.name, group.state, group.members, parts)


def _partitions(
    committed: dict[Place, int | None],
    offsets: dict[Place, Offsets],
    first: dict[Place, FirstRecord],
) -> Iterator[PartitionLag]:
    for place, commit in committed.items():
        record = first.get(place)
        yield PartitionLag(
            topic=place.topic,
            partition=place.partition,
            committed=commit,
            start=offsets[place].start,
            end=offsets[place].end,
            lag=lag_of(commit, offsets[place], record.offset if record else None),
            oldest=record.timestamp if record else None,
        )


PARTITION = ["topic", "partition"]

Part = tuple[GroupLag, PartitionLag]
Values = Iterable[tuple[tuple[str, ...], float | None]]


class LagMetrics:
    """What was last looked up; None: the broker did not answer. Who has gone leaves nothing."""

    def __init__(self, cluster: str) -> None:
        self.groups: list[GroupLag] | None = []
        self._cluster = cluster

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The metrics of one scrape."""
        is_up = self.groups is not None
        yield _family("stylecast_broker_up", "1 while the broker answers", [], [((), is_up)])
        yield from offset_metrics(self.groups or [])
        yield from seconds_metrics(self.groups or [], self._cluster)
        yield from status_metrics(self.groups or [])


def offset_metrics(groups: Iterable[GroupLag]) -> Iterator[GaugeMetricFamily]:
    """kafka_exporter's."""
    groups = list(groups)
    parts = _parts(groups)
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
        ((_labels(group, part), part.committed) for group, part in parts),
    )
    yield _family(
        "kafka_consumergroup_lag",
        "Offsets that the group is behind, transaction markers at the end not counted",
        by_group,
        ((_labels(group, part), part.lag) for group, part in parts),
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


def seconds_metrics(groups: Iterable[GroupLag], cluster: str) -> Iterator[GaugeMetricFamily]:
    """kafka-lag-exporter's."""
    groups = list(groups)
    yield _family(
        "kafka_consumergroup_group_lag_seconds",
        "Age of the oldest record that the group has not processed",
        ["cluster_name", "group", *PARTITION],
        (((cluster, *_labels(group, part)), part.time_lag) for group, part in _parts(groups)),
    )
    yield _family(
        "kafka_consumergroup_group_max_lag_seconds",
        "The longest of the group's partitions",
        ["cluster_name", "group"],
        (((cluster, group.group), group.time_lag) for group in groups),
    )


def status_metrics(groups: Iterable[GroupLag]) -> Iterator[GaugeMetricFamily]:
    """Ours."""
    groups = list(groups)
    yield _family(
        "stylecast_group_status",
        "1 for the group's status in force by Burrow's rules, 0 for the others",
        ["consumergroup", "status"],
        (
            ((group.group, status.value), float(group.status is status))
            for group in groups
            for status in Status
            if group.status is not None
        ),
    )
    yield _family(
        "stylecast_group_drain_seconds",
        "Until the group is caught up at the rate of the last looks",
        ["consumergroup"],
        (((group.group,), group.drain_seconds) for group in groups),
    )


def _parts(groups: Iterable[GroupLag]) -> list[Part]:
    return [(group, part) for group in groups for part in group.partitions]


def _labels(group: GroupLag, part: PartitionLag) -> tuple[str, str, str]:
    return group.group, part.topic, str(part.partition)


def _sums(parts: Iterable[Part]) -> Values:
    sums: dict[tuple[str, ...], float] = {}
    for group, part in parts:
        key = (group.group, part.topic)
        sums[key] = sums.get(key, 0) + part.lag
    return sums.items()


def _family(name: str, words: str, labels: list[str], values: Values) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=labels)
    for label_values, value in values:
        if value is not None:
            family.add_metric(label_values, value)
    return family


def run_lag(settings: Settings, health: Health, stop: threading.Event) -> None:
    """Look until `stop`; trouble is told once a minute and makes the worker not ready."""
    metrics, once_a_minute = LagMetrics(settings.lag.cluster), OncePerMinute()
    collector, history = LagCollector(settings), History(settings.lag.looks)
    REGISTRY.register(metrics)
    try:
        while not stop.is_set():
            try:
                metrics.groups = history.judge(collector.collect(), time.time())
            except Transient as problem:
                metrics.groups = None
                if once_a_minute("away"):
                    log.warning("lag_unavailable", why=str(problem))
            health.ready = metrics.groups is not None
            stop.wait(settings.lag.interval_seconds)
    finally:
        REGISTRY.unregister(metrics)
        collector.close()
