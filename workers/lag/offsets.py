"""Offsets of groups and partitions, read from the cluster in few and batched requests.

A group needs no member: the commits of a stopped group stay on the cluster. A topic that a group
consumes is one in which it has committed, one that is assigned to it, or one that schemas.topics
gives it, so that a worker that never ran has lag. Changelogs, which Faust names after the group,
are no inputs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    IsolationLevel,
    KafkaError,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec
from msgspec import Struct

from schemas.topics import TOPICS
from stylecore.errors import Transient
from workers.kafka.admin import TIMEOUT_SECONDS, answer
from workers.kafka.clients import commit_consumer
from workers.kafka.groups import all_groups
from workers.kafka.records import Place, place_of
from workers.kafka.topics import topic_name
from workers.lag.status import FirstRecord, Offsets, position_of
from workers.settings import Settings

PROBE_LIMIT = 1000
"""Offsets: a longer lag cannot consist of transaction markers only."""
PROBE_SECONDS = 5.0


class FoundGroup(Struct, frozen=True):
    """A group on the cluster: offsets committed by partition, and the topics that it consumes."""

    name: str
    state: str
    members: int
    committed: dict[Place, int]
    topics: set[str]
    starts_at_first: bool
    """Whether it starts at a partition's first offset, as our workers do; unknown of others."""


class CommitReader:
    """Reads the commits of groups by one consumer for each, which does not join.

    The admin client's call (list_consumer_group_offsets) crashes librdkafka 2.16 when the group's
    coordinator moves: its error handling looks up the coordinator again, which only a consumer has
    (rd_kafka_handle_OffsetFetch).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumers: dict[str, Consumer] = {}

    def committed(self, group: str, places: Sequence[Place]) -> dict[Place, int]:
        """Return the group's commits in these partitions. Raises Transient."""
        if group not in self._consumers:
            self._consumers[group] = commit_consumer(self._settings, group)
        asked = [TopicPartition(*place) for place in places]
        answered = answer(
            f"cannot read the offsets of group {group}",
            lambda: self._consumers[group].committed(asked, timeout=TIMEOUT_SECONDS),
        )
        return {place_of(at): at.offset for at in answered if at.offset >= 0}

    def close(self) -> None:
        """Close the connections."""
        for consumer in self._consumers.values():
            consumer.close()


def find_groups(
    admin: AdminClient, commits: CommitReader, places: Sequence[Place], settings: Settings
) -> list[FoundGroup]:
    """Return the groups of this fleet whose names match `lag.groups`. Raises Transient.

    `places` are the partitions whose commits are read.
    """
    there, prefix = all_groups(admin), settings.kafka.topic_prefix
    owned: dict[str, set[str]] = {}
    for topic in TOPICS:
        if topic.dead_letters_of:
            owned.setdefault(prefix + topic.dead_letters_of, set()).add(topic_name(settings, topic))
    groups = []
    for name in sorted(there.keys() | owned.keys()):
        watched = re.fullmatch(settings.lag.groups, name.removeprefix(prefix))
        if not name.startswith(prefix) or not watched:
            continue
        group, committed = there.get(name), commits.committed(name, places)
        members = {} if group is None else group.members
        topics = {place.topic for place in (*committed, *chain(*members.values()))}
        topics |= owned.get(name, set())
        groups.append(
            FoundGroup(
                name=name,
                state="NEVER_RAN" if group is None else group.state,
                members=len(members),
                committed=committed,
                topics={topic for topic in topics if not topic.startswith(f"{name}-")},
                starts_at_first=name in owned,
            )
        )
    return groups


def find_offsets(admin: AdminClient, places: Iterable[Place]) -> dict[Place, Offsets]:
    """Return the span of each partition, up to the last committed record. Raises Transient."""
    wanted = list(places)
    starts = _list_offsets(admin, wanted, OffsetSpec.earliest())
    ends = _list_offsets(admin, wanted, OffsetSpec.latest())
    return {place: Offsets(starts[place], ends[place]) for place in wanted}


def find_first_records(
    consumer: Consumer, positions: dict[Place, Offsets]
) -> dict[Place, FirstRecord]:
    """Return the first committed record in each span, or the span's end where there is none.

    Partitions without an answer in PROBE_SECONDS are left out.
    """
    consumer.assign([TopicPartition(*place, at.start) for place, at in positions.items()])
    found: dict[Place, FirstRecord] = {}
    deadline = time.monotonic() + PROBE_SECONDS
    while len(found) < len(positions) and time.monotonic() < deadline:
        for raw in consumer.consume(len(positions), 0.1):
            message: Any = raw
            place = Place(message.topic(), message.partition())
            if place in found:
                continue
            if message.error() is None:
                kind, milliseconds = message.timestamp()
                known = kind != TIMESTAMP_NOT_AVAILABLE
                found[place] = FirstRecord(message.offset(), milliseconds / 1000 if known else None)
                consumer.incremental_unassign([TopicPartition(*place)])
            elif message.error().code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 (its name)
                found[place] = FirstRecord(positions[place].end)
    consumer.unassign()
    return found


def spans_to_probe(
    committed: dict[Place, int | None], offsets: dict[Place, Offsets], limit: int | None
) -> dict[Place, Offsets]:
    """Return the spans from a group's position to the end that are not empty or over `limit`."""
    spans = {
        place: Offsets(position_of(commit, offsets[place]), offsets[place].end)
        for place, commit in committed.items()
    }
    most = float("inf") if limit is None else limit
    return {place: at for place, at in spans.items() if 0 < at.end - at.start <= most}


def _list_offsets(admin: AdminClient, places: list[Place], spec: OffsetSpec) -> dict[Place, int]:
    if not places:
        return {}
    futures = admin.list_offsets(
        {TopicPartition(*place): spec for place in places},
        isolation_level=IsolationLevel.READ_COMMITTED,
        request_timeout=TIMEOUT_SECONDS,
    )
    found = {
        place_of(at): answer(f"cannot read the end of {at.topic}", future.result)
        for at, future in futures.items()
    }
    if len(found) < len(places):
        raise Transient("the broker did not answer for every partition")
    return {place: info.offset for place, info in found.items()}
