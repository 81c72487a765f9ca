"""How far a group is behind, from offsets alone: what a partition's numbers mean.

A transaction's end takes an offset of its own, so the last commit of a group lies before the end
of a partition in which no record is left; `first_record` is what tells the two apart. Seconds of
lag, and where the offsets come from, are not known here.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct


class Place(Struct, frozen=True, order=True):
    """A partition of a topic, by its name on the cluster."""

    topic: str
    partition: int


class Offsets(Struct, frozen=True):
    """The span of a partition: its first offset and the one after the last committed record."""

    start: int
    end: int


class PartitionLag(Struct, frozen=True, kw_only=True):
    """A partition as a group sees it; `committed` None: the group has not committed there yet."""

    topic: str
    partition: int
    committed: int | None
    start: int
    end: int
    lag: int


class GroupLag(Struct, frozen=True, kw_only=True):
    """A group with all partitions of the topics that it consumes, by topic and partition."""

    group: str
    state: str
    members: int
    lag: int
    partitions: list[PartitionLag]


def position_of(committed: int | None, offsets: Offsets) -> int:
    """Where a group goes on: at its commit, at the start without one or when that has expired."""
    return offsets.start if committed is None else max(committed, offsets.start)


def lag_of(committed: int | None, offsets: Offsets, first_record: int | None = None) -> int:
    """Offsets between a group's position and the end.

    `first_record` is the offset of the first record from the position on, `offsets.end` where
    there is none, None where nobody has looked.
    """
    position = position_of(committed, offsets)
    return max(0, offsets.end - max(position, first_record or position))


def group_lag(group: str, state: str, members: int, partitions: Iterable[PartitionLag]) -> GroupLag:
    """The group with its partitions in order and their lag summed."""
    ordered = sorted(partitions, key=lambda part: (part.topic, part.partition))
    total = sum(part.lag for part in ordered)
    return GroupLag(group=group, state=state, members=members, lag=total, partitions=ordered)
