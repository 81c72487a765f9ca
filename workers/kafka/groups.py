"""Consumer groups as the brokers know them: their state, and who owns which partitions.

By librdkafka's old call (rd_kafka_list_groups): in 2.16 the newer one, describe_consumer_groups,
ends the process with an assertion (rd_kafka_enq_once_del_source_return) when the broker goes away
while it waits for the group's coordinator. The old one does not know groups of the KIP-848 protocol
and tells them as dead, without members.

Partitions that nobody owns although their group is at rest: a member comes and goes for them.

A static member that restarts in the middle of a cooperative rebalance is handed its last assignment
without a new one: what it had given up, and nobody was given yet, then waits until somebody joins
or leaves. Kafka's own remedy is the next rebalance, so this makes one. Whose records they are, and
what becomes of them, is not known here.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
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
from workers.telemetry import log

STABLE = "STABLE"


class Group(Struct, frozen=True, kw_only=True):
    """A group; of each member, by its id, the partitions that it was given."""

    name: str
    state: str
    """STABLE, EMPTY, DEAD, PREPARINGREBALANCE or COMPLETINGREBALANCE."""
    members: dict[str, frozenset[Place]]


def find_group(admin: AdminClient, name: str) -> Group | None:
    """The group of this name, if the brokers know it. Raises Transient."""
    return next((group for group in _listed(admin, name) if group.name == name), None)


def all_groups(admin: AdminClient) -> dict[str, Group]:
    """Every group by its name. Raises Transient."""
    return {group.name: group for group in _listed(admin, None)}


def _listed(admin: AdminClient, name: str | None) -> Iterator[Group]:
    asked = () if name is None else (name,)
    listed: list[Any] = answer(
        "cannot list the groups", lambda: admin.list_groups(*asked, timeout=TIMEOUT_SECONDS)
    )
    for found in listed:
        yield Group(
            name=found.id,
            state=found.state.upper(),
            members={
                member.id: frozenset(places_in(member.assignment)) for member in found.members
            },
        )


def places_in(assignment: bytes) -> Iterator[Place]:
    """The partitions of a member's assignment, as Kafka's ConsumerProtocolAssignment has it."""
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
            yield topic, number
        at += 4 + 4 * count


LOOK_SECONDS = 3.0
LOOKS = 3
"""So often in a row the same partitions have no owner: longer than a rebalance takes a breath."""
VISIT_SECONDS = 20.0
"""A visitor that has not been given its place by then goes all the same."""


@contextmanager
def unowned_partitions_rebalanced(
    settings: Settings, worker: str, stop: threading.Event
) -> Iterator[None]:
    """Looks after the worker's group in a thread while the block runs."""
    over = threading.Event()
    thread = threading.Thread(
        target=_watch, args=(settings, worker, stop, over), name="unowned-partitions", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        over.set()


def unowned_partitions(group: Group | None, places: frozenset[Place]) -> frozenset[Place]:
    """Which of these places no member has; none while the group is not at rest."""
    if group is None or group.state != STABLE:
        return frozenset()
    return places.difference(*group.members.values())


def is_first(group: Group, instance: str) -> bool:
    """Whether this static member is the one to act: one of a group is enough.

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
        lasting = frozenset.intersection(*seen) if len(seen) == LOOKS else frozenset[Place]()
        if lasting and group is not None and is_first(group, transactional_id(settings, worker)):
            log.warning("partitions_unowned", worker=worker, places=sorted(lasting))
            _visit(settings, worker, sorted({topic for topic, _ in places}), over)
            seen = []


def _places(admin: AdminClient, settings: Settings, worker: str) -> frozenset[Place]:
    """The partitions that the worker's group consumes. Raises Transient."""
    there = cluster(admin).topics
    names = [
        topic_name(settings, topic)
        for topic in TOPICS
        if topic.dead_letters_of == f"stylecast-{worker}"
    ]
    missing = [name for name in names if name not in there]
    if missing:
        raise Transient(f"no topic {', '.join(missing)} at this moment")
    return frozenset((name, number) for name in names for number in there[name].partitions)


def _visit(settings: Settings, worker: str, topics: list[str], over: threading.Event) -> None:
    """Join until the group has given this member its place, and leave; read nothing."""
    given = threading.Event()

    def on_assign(consumer: Any, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign(partitions)
        consumer.pause(partitions)
        given.set()

    with closing(passing_consumer(settings, worker)) as visitor:
        visitor.subscribe(topics, on_assign=on_assign)
        deadline = time.monotonic() + VISIT_SECONDS
        while not given.is_set() and not over.is_set() and time.monotonic() < deadline:
            visitor.poll(0.1)
