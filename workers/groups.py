"""Consumer groups as the brokers know them: their state, and who owns which partitions.

By librdkafka's old call (rd_kafka_list_groups): in 2.16 the newer one, describe_consumer_groups,
ends the process with an assertion (rd_kafka_enq_once_del_source_return) when the broker goes away
while it waits for the group's coordinator. The old one does not know groups of the KIP-848 protocol
and tells them as dead, without members.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from confluent_kafka.admin import AdminClient
from msgspec import Struct

from workers.admin import TIMEOUT_SECONDS, answer
from workers.records import Place

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
