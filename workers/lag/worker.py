"""The lag worker: reads every group's lag every few seconds and serves it to Prometheus.

LagCollector reads commits, then ends, then the first record that is not processed yet. LagMetrics
exports offsets by kafka_exporter's names and labels (danielqsj/kafka_exporter, README), seconds by
kafka-lag-exporter's (seglo/kafka-lag-exporter, README), and statuses by names of its own. Unknown
figures are left out: there is no NaN, no -1 and no infinity. While the broker is down, no figures
are exported but a gauge that says so.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily

from schemas.topics import TOPICS
from stylecore.errors import Transient
from workers.kafka.admin import admin_client, cluster
from workers.kafka.clients import table_consumer
from workers.kafka.records import Place
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
from workers.lag.status import GroupLag, History, Offsets, PartitionLag, Status, group_lag, lag_of
from workers.settings import Settings
from workers.telemetry import Health, OncePerMinute, log

RETRY_SECONDS = 10.0
PARTITION = ["topic", "partition"]
Values = Iterable[tuple[tuple[str, ...], float | None]]


def run_lag(settings: Settings, health: Health, stop: threading.Event) -> None:
    """Read the lag until `stop` is set; while the broker is down the worker is not ready."""
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


def collect_lag(settings: Settings) -> list[GroupLag]:
    """Return the lag of every group of this fleet, by name. Raises Transient.

    It retries for a few seconds, since topics and groups may just have been created.
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
    """Reads the groups' lag, with clients that are kept from one reading to the next."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connect()

    def _connect(self) -> None:
        self._admin = admin_client(self._settings)
        self._commits = CommitReader(self._settings)
        self._consumer = table_consumer(self._settings)

    def collect(self) -> list[GroupLag]:
        """Return the groups by name. Raises Transient, after replacing its clients.

        After a broker's restart the admin client of librdkafka 2.16 was seen to time out for ever.
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
        """Close the connections."""
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
        parts = []
        for place, commit in committed.items():
            record, span = first.get(place), offsets[place]
            parts.append(
                PartitionLag(
                    topic=place.topic,
                    partition=place.partition,
                    committed=commit,
                    start=span.start,
                    end=span.end,
                    lag=lag_of(commit, span, record.offset if record else None),
                    oldest=record.timestamp if record else None,
                )
            )
        return group_lag(group.name, group.state, group.members, parts)


class LagMetrics:
    """A Prometheus collector of the last reading; `groups` None: the broker did not answer."""

    def __init__(self, cluster: str) -> None:
        self.groups: list[GroupLag] | None = []
        self._cluster = cluster

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics of one scrape."""
        is_up = self.groups is not None
        yield _family("stylecast_broker_up", "1 while the broker answers", [], [((), is_up)])
        yield from metrics_of(self.groups or [], self._cluster)


def metrics_of(groups: Sequence[GroupLag], cluster: str) -> Iterator[GaugeMetricFamily]:
    """Yield kafka_exporter's metrics, kafka-lag-exporter's, and those that neither has."""
    parts = [
        ((group.group, part.topic, str(part.partition)), part)
        for group in groups
        for part in group.partitions
    ]
    ends = {labels[1:]: part for labels, part in parts}
    sums: Counter[tuple[str, ...]] = Counter()
    for labels, part in parts:
        sums[labels[:2]] += part.lag
    by_partition = ["consumergroup", *PARTITION]
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
        by_partition,
        ((labels, part.committed) for labels, part in parts),
    )
    yield _family(
        "kafka_consumergroup_lag",
        "Offsets that the group is behind, transaction markers at the end not counted",
        by_partition,
        ((labels, part.lag) for labels, part in parts),
    )
    yield _family(
        "kafka_consumergroup_lag_sum",
        "Lag of the group over the partitions of a topic",
        ["consumergroup", "topic"],
        sums.items(),
    )
    yield _family(
        "kafka_consumergroup_members",
        "Members of the group",
        ["consumergroup"],
        (((group.group,), group.members) for group in groups),
    )
    yield _family(
        "kafka_consumergroup_group_lag_seconds",
        "Age of the oldest record that the group has not processed",
        ["cluster_name", "group", *PARTITION],
        (((cluster, *labels), part.time_lag) for labels, part in parts),
    )
    yield _family(
        "kafka_consumergroup_group_max_lag_seconds",
        "The longest of the group's partitions",
        ["cluster_name", "group"],
        (((cluster, group.group), group.time_lag) for group in groups),
    )
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


def _family(name: str, words: str, labels: list[str], values: Values) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=labels)
    for label_values, value in values:
        if value is not None:
            family.add_metric(label_values, value)
    return family
