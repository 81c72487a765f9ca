"""Partitions that nobody owns although their group is at rest: a member comes and goes for them.

A static member that restarts in the middle of a cooperative rebalance is handed its last assignment
without a new one: what it had given up, and nobody was given yet, then waits until somebody joins
or leaves. Kafka's own remedy is the next rebalance, so this makes one. Whose records they are, and
what becomes of them, is not known here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.topics import TOPICS
from stylecore.errors import Permanent, Transient
from workers.admin import admin_client, cluster
from workers.clients import passing_consumer
from workers.groups import STABLE, Group, find_group
from workers.records import Place
from workers.settings import Settings
from workers.telemetry import log
from workers.topics import group_id, topic_name, transactional_id

LOOK_SECONDS = 3.0
LOOKS = 3
"""So often in a row the same partitions have no owner: longer than a rebalance takes a breath."""
VISIT_SECONDS = 20.0
"""A visitor that has not been given its place by then goes all the same."""


@contextmanager
def looked_after(settings: Settings, worker: str, stop: threading.Event) -> Iterator[None]:
    """Looks after the worker's group in a thread while the block runs."""
    over = threading.Event()
    thread = threading.Thread(
        target=_watch, args=(settings, worker, stop, over), name="orphans", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        over.set()


def orphans_of(group: Group | None, places: frozenset[Place]) -> frozenset[Place]:
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
            log.warning("the group is not looked after", worker=worker, why=str(problem))
            return
        seen = [*seen, orphans_of(group, places)][-LOOKS:]
        lasting = frozenset.intersection(*seen) if len(seen) == LOOKS else frozenset[Place]()
        if lasting and group is not None and is_first(group, transactional_id(settings, worker)):
            log.warning("partitions without an owner", worker=worker, places=sorted(lasting))
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
