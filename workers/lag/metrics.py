"""The groups as Prometheus metrics, under names that dashboards and scalers know already.

Offsets by kafka_exporter's names and labels (danielqsj/kafka_exporter, README), seconds by
kafka-lag-exporter's (seglo/kafka-lag-exporter, README), and what neither has by names of ours. A
figure that nobody knows is left out: there is no NaN, no -1 and no infinity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily

from workers.lag.group_lag import GroupLag, PartitionLag
from workers.lag.status import Status

PARTITION = ["topic", "partition"]

Part = tuple[GroupLag, PartitionLag]
Values = Iterable[tuple[tuple[str, ...], float | None]]


class LagCollector:
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
