"""Consumer groups as the brokers see them, and a rebalance for partitions that have no owner.

Groups are listed by librdkafka's old call (rd_kafka_list_groups): in 2.16 the newer one,
describe_consumer_groups, ends the process with an assertion (rd_kafka_enq_once_del_source_return)
when the broker goes down while it waits for the group's coordinator. The old call does not know
groups of the KIP-848 protocol and reports them as dead, without members.

A static member that restarts in the middle of a cooperative rebalance gets its last assignment
without a new one. Partitions that it had given up, and that were not assigned yet, then have no
owner until a member joins or leaves. `watch_unowned_partitions` finds them and lets a member
join and leave, which causes the rebalance.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from functools import partial
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from msgspec import Struct

from schemas.topics import TOPICS
from stylecore.errors import Permanent, Transient
from workers.kafka.admin import TIMEOUT_SECONDS, admin_client, answer, cluster
from workers.kafka.clients import passing_consumer
from workers.kafka.records import Place
from workers.kafka.topics import group_id, topic_name, transactional_id
from workers.settings import Settings
from workers.shutdown import in_thread
from workers.telemetry import log

STABLE = "STABLE"
LOOK_SECONDS = 3.0
LOOKS = 3
"""In how many looks in a row a partition has no owner: longer than a pause in a rebalance."""
JOIN_SECONDS = 20.0
"""How long the joining member waits for its assignment."""


class Group(Struct, frozen=True, kw_only=True):
    """A group, with the assigned partitions of each member by its id."""

    name: str
    state: str
    """STABLE, EMPTY, DEAD, PREPARINGREBALANCE or COMPLETINGREBALANCE."""
    members: dict[str, frozenset[Place]]


def find_group(admin: AdminClient, name: str) -> Group | None:
    """Return the group of this name, if the brokers know it. Raises Transient."""
    return all_groups(admin, name).get(name)


def all_groups(admin: AdminClient, *only: str) -> dict[str, Group]:
    """Return every group, or `only` one, by its name. Raises Transient."""
    listed: list[Any] = answer(
        "cannot list the groups", lambda: admin.list_groups(*only, timeout=TIMEOUT_SECONDS)
    )
    return {
        found.id: Group(
            name=found.id,
            state=found.state.upper(),
            members={
                member.id: frozenset(places_in(member.assignment)) for member in found.members
            },
        )
        for found in listed
    }


def places_in(assignment: bytes) -> Iterator[Place]:
    """Yield the partitions of a member's assignment, encoded as ConsumerProtocolAssignment."""
    if not assignment:
        return
    _version, topics = struct.unpack_from(">hi", assignment)
    at = struct.calcsize(">hi")
    for _ in range(topics):
        (length,) = struct.unpack_from(">h", assignment, at)
        topic = assignment[at + 2 : at + 2 + length].decode()
        at += 2 + length
        (count,) = struct.unpack_from(">i", assignment, at)
        for number in struct.unpack_from(f">{count}i", assignment, at + 4):
            yield Place(topic, number)
        at += 4 + 4 * count


def watch_unowned_partitions(
    settings: Settings, worker: str, stop: threading.Event
) -> AbstractContextManager[None]:
    """Rebalance the worker's group, from a thread, when partitions have no owner in the block."""
    return in_thread("unowned-partitions", partial(_watch, settings, worker, stop))


def unowned_partitions(group: Group | None, places: frozenset[Place]) -> frozenset[Place]:
    """Return those of the partitions that no member owns; none unless the group is stable."""
    if group is None or group.state != STABLE:
        return frozenset()
    return places.difference(*group.members.values())


def is_first(group: Group, instance: str) -> bool:
    """Return whether this static member is the first of the group, which alone acts.

    The broker names a member after its group.instance.id.
    """
    return min(group.members, default="").startswith(f"{instance}-")


def _watch(settings: Settings, worker: str, stop: threading.Event, over: threading.Event) -> None:
    admin = admin_client(settings)
    seen: list[frozenset[Place]] = []
    places: frozenset[Place] = frozenset()
    while not over.wait(LOOK_SECONDS) and not stop.is_set():
        try:
            places = places or _places(admin, settings, worker)
            group = find_group(admin, group_id(settings, worker))
        except Transient:
            admin = admin_client(settings)  # the old one may have lost its brokers for good
            seen = []
            continue
        except Permanent as problem:  # such as no right to describe the group
            log.warning("group_unwatched", worker=worker, why=str(problem))
            return
        seen = [*seen, unowned_partitions(group, places)][-LOOKS:]
        unowned = frozenset.intersection(*seen) if len(seen) == LOOKS else frozenset[Place]()
        if unowned and group is not None and is_first(group, transactional_id(settings, worker)):
            log.warning("partitions_unowned", worker=worker, places=sorted(unowned))
            _join_and_leave(settings, worker, sorted({topic for topic, _ in places}), over)
            seen = []


def _places(admin: AdminClient, settings: Settings, worker: str) -> frozenset[Place]:
    """Return the partitions that the worker's group consumes. Raises Transient."""
    there = cluster(admin).topics
    names = [
        topic_name(settings, topic)
        for topic in TOPICS
        if topic.dead_letters_of == f"stylecast-{worker}"
    ]
    missing = [name for name in names if name not in there]
    if missing:
        raise Transient(f"not created yet: topic {', '.join(missing)}")
    return frozenset(Place(name, number) for name in names for number in there[name].partitions)


def _join_and_leave(
    settings: Settings, worker: str, topics: list[str], over: threading.Event
) -> None:
    """Join the group, wait for an assignment and leave, without reading."""
    assigned = threading.Event()

    def on_assign(consumer: Any, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign(partitions)
        consumer.pause(partitions)
        assigned.set()

    with closing(passing_consumer(settings, worker)) as member:
        member.subscribe(topics, on_assign=on_assign)
        deadline = time.monotonic() + JOIN_SECONDS
        while not assigned.is_set() and not over.is_set() and time.monotonic() < deadline:
            member.poll(0.1)
