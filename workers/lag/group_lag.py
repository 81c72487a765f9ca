"""How far a group is behind, from offsets alone: what a partition's numbers mean.

A transaction's end takes an offset of its own, so the last commit of a group lies before the end
of a partition in which no record is left; `first_record` is what tells the two apart. Where the
offsets come from, and what was seen before, are not known here.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from workers.lag.status import Status, worst


class Place(Struct, frozen=True, order=True):
    """A partition of a topic, by its name on the cluster."""

    topic: str
    partition: int


class Offsets(Struct, frozen=True):
    """The span of a partition: its first offset and the one after the last committed record."""

    start: int
    end: int


class FirstRecord(Struct, frozen=True):
    """The first record that a group has not processed; `timestamp` in seconds since the epoch."""

    offset: int
    timestamp: float | None = None


class PartitionLag(Struct, frozen=True, kw_only=True):
    """A partition as a group sees it; `committed` None: the group has not committed there yet."""

    topic: str
    partition: int
    committed: int | None
    start: int
    end: int
    lag: int
    oldest: float | None = None
    """When the oldest unprocessed record was written, in seconds since the epoch."""
    time_lag: float | None = None
    """Age of that record in seconds; 0 without lag."""
    drain_seconds: float | None = None
    """Until the lag is gone at the rate of the last looks; None: never at this rate."""
    status: Status | None = None
    """None while too few looks were made to tell."""
    read_rate: float | None = None
    """Offsets a second that the group went on over the last looks."""
    write_rate: float | None = None
    """Offsets a second by which the partition grew."""

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(self.topic, self.partition)

    @property
    def position(self) -> int:
        """Where the group goes on."""
        return position_of(self.committed, Offsets(self.start, self.end))


class GroupLag(Struct, frozen=True, kw_only=True):
    """A group with all partitions of the topics that it consumes, by topic and partition."""

    group: str
    state: str
    members: int
    lag: int
    partitions: list[PartitionLag]
    time_lag: float | None = None
    """The longest of its partitions, in seconds."""
    drain_seconds: float | None = None
    """Until the last of its partitions is caught up; None: never at this rate."""
    status: Status | None = None
    """The worst of its partitions."""
    read_rate: float | None = None
    """Of all its partitions, as is the next."""
    write_rate: float | None = None


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
    """The group with its partitions in order, and what they say together."""
    ordered = sorted(partitions, key=lambda part: part.place)
    drains = [part.drain_seconds for part in ordered]
    times = [part.time_lag for part in ordered if part.time_lag is not None]
    return GroupLag(
        group=group,
        state=state,
        members=members,
        lag=sum(part.lag for part in ordered),
        partitions=ordered,
        time_lag=max(times, default=None),
        drain_seconds=None if None in drains else max(filter(None, drains), default=0.0),
        status=worst(part.status for part in ordered),
        read_rate=_summed(part.read_rate for part in ordered),
        write_rate=_summed(part.write_rate for part in ordered),
    )


def _summed(rates: Iterable[float | None]) -> float | None:
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known else None
