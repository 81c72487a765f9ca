"""One look at every group: commits, then ends, then the first record that is not processed yet.

It looks at Stylecast's groups and topics only. Earlier looks are not known here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

from schemas.topics import TOPICS
from stylecore.errors import Transient
from workers.kafka.admin import admin_client, cluster
from workers.kafka.clients import table_consumer
from workers.kafka.topics import topic_name
from workers.lag.group_lag import (
    FirstRecord,
    GroupLag,
    Offsets,
    PartitionLag,
    Place,
    group_lag,
    lag_of,
)
from workers.lag.offsets import (
    PROBE_LIMIT,
    CommitReader,
    FoundGroup,
    find_first_records,
    find_groups,
    find_offsets,
    spans_to_probe,
)
from workers.settings import Settings

PATIENCE_SECONDS = 10.0


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


class Lookout:
    """The clients that a look at the groups needs, kept from one look to the next."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connect()

    def _connect(self) -> None:
        self._admin = admin_client(self._settings)
        self._commits = CommitReader(self._settings)
        self._consumer = table_consumer(self._settings)

    def look(self) -> list[GroupLag]:
        """The groups by name. Raises Transient, and then has new clients for the next look.

        When a broker comes back, the admin client of librdkafka 2.16 was seen to time out for ever
        in describing a group.
        """
        try:
            return self._look()
        except Transient:
            self.close()
            self._connect()
            raise

    def _look(self) -> list[GroupLag]:
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
