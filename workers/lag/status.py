"""What offsets say of a group: lag, status by Burrow's rules, time lag and drain time.

Status rules, their names and order are Burrow's (linkedin/Burrow,
core/internal/evaluator/caching.go, and its wiki page "Consumer Lag Evaluation Rules"). Burrow reads
each commit, with its time, from the offsets topic. Here a reading counts as a commit of a partition
when the group's offset has changed since the last reading or when the group has members: a consumer
that is alive and has lag would commit. A group without members leaves no more commits, and so
becomes STOP.

A transaction's end takes an offset of its own, so a group's last commit is before the end of a
partition in which no record is left; `first_record` tells the two apart.

A partition that stands still while others of its topic move is waiting for its turn: a consumer
processes what it has fetched of the others first. Its own status is STALL, by Burrow's rules; it
counts for the group only after TURN_SECONDS.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import pairwise

from msgspec import Struct, structs

from workers.kafka.records import Place

TURN_SECONDS = 300.0
"""How long a partition may stand still while others of its topic move."""
ENDS = 60
"""Ends kept of a partition, as many as in kafka-lag-exporter's look-up table."""


class Status(StrEnum):
    """Burrow's statuses, from good to bad."""

    OK = "OK"
    WARN = "WARN"
    """It moves, and its lag grows."""
    STALL = "STALL"
    """It commits, and does not move."""
    REWIND = "REWIND"
    """It went back to an earlier offset and has not caught up."""
    STOP = "STOP"
    """It does not commit."""


class Commit(Struct, frozen=True):
    """A group's commit in one partition; `time` in seconds, `lag` None where unknown."""

    time: float
    offset: int
    lag: int | None


def status_of(
    commits: Sequence[Commit],
    ends: Sequence[int],
    lag: int,
    now: float,
    allowed_lag: int = 0,
) -> Status:
    """Return the status of a partition from its commits, oldest first, and its recent ends.

    Without lag or without commits the status is OK.
    """
    if not commits or lag <= allowed_lag:
        return Status.OK
    first, last = commits[0], commits[-1]
    was_at_end = any(end <= last.offset for end in ends)  # with nothing to commit
    if now - last.time > last.time - first.time and not was_at_end:
        return Status.STOP
    if _has_rewound(commits):
        return Status.REWIND
    if any(commit.lag is not None and commit.lag <= allowed_lag for commit in commits):
        return Status.OK
    if all(before.offset == after.offset for before, after in pairwise(commits)):
        return Status.STALL
    known = [commit.lag for commit in commits if commit.lag is not None]
    never_falls = all(before <= after for before, after in pairwise(known))
    return Status.WARN if never_falls else Status.OK


def worst(statuses: Iterable[Status | None]) -> Status | None:
    """Return the worst status; None where some are unknown and the others are OK."""
    found = list(statuses)
    order = list(Status)
    known = max((status for status in found if status), key=order.index, default=None)
    return None if None in found and known in {None, Status.OK} else known or Status.OK


def _has_rewound(commits: Sequence[Commit]) -> bool:
    """Return whether the group has not caught up since its first step back."""
    for number, (before, after) in enumerate(pairwise(commits), start=1):
        if after.offset < before.offset:
            return all(commit.offset < before.offset for commit in commits[number:])
    return False


class Offsets(Struct, frozen=True):
    """The span of a partition: its first offset and the one after the last committed record."""

    start: int
    end: int


class FirstRecord(Struct, frozen=True):
    """The first record that a group has not processed; `timestamp` in seconds since the epoch."""

    offset: int
    timestamp: float | None = None


class PartitionLag(Struct, frozen=True, kw_only=True):
    """The lag of a group in one partition; `committed` None: the group has not committed."""

    topic: str
    partition: int
    committed: int | None
    start: int
    end: int
    lag: int
    oldest: float | None = None
    """Timestamp of the oldest unprocessed record, Unix seconds."""
    time_lag: float | None = None
    """Age of that record in seconds; 0 without lag."""
    drain_seconds: float | None = None
    """Seconds until the lag is gone at the present rate; None: never at this rate."""
    status: Status | None = None
    """None while there are too few readings."""
    read_rate: float | None = None
    """Offsets a second that the group read over the last readings."""
    write_rate: float | None = None
    """Offsets a second by which the partition grew."""

    @property
    def place(self) -> Place:
        """Topic and partition."""
        return Place(self.topic, self.partition)

    @property
    def position(self) -> int:
        """The next offset that the group reads."""
        return position_of(self.committed, Offsets(self.start, self.end))


class GroupLag(Struct, frozen=True, kw_only=True):
    """The lag of a group, with all partitions of the topics that it consumes."""

    group: str
    state: str
    members: int
    lag: int
    partitions: list[PartitionLag]
    time_lag: float | None = None
    """Maximum over its partitions, in seconds."""
    drain_seconds: float | None = None
    """Seconds until all partitions are caught up; None: never at this rate."""
    status: Status | None = None
    """The worst status of its partitions."""
    read_rate: float | None = None
    """Sum over its partitions, as is the next."""
    write_rate: float | None = None


def position_of(committed: int | None, offsets: Offsets) -> int:
    """Return the next offset of a group: its commit, or the start if none or an expired one."""
    return offsets.start if committed is None else max(committed, offsets.start)


def lag_of(committed: int | None, offsets: Offsets, first_record: int | None = None) -> int:
    """Return the offsets between a group's position and the end.

    `first_record` is the offset of the first record from the position on, `offsets.end` where
    there is none, None where it was not read.
    """
    position = position_of(committed, offsets)
    return max(0, offsets.end - max(position, first_record or position))


def group_lag(group: str, state: str, members: int, partitions: Iterable[PartitionLag]) -> GroupLag:
    """Return the group with its partitions in order, and their sums and maxima."""
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


class End(Struct, frozen=True):
    """The end of a partition at a time (Unix seconds)."""

    time: float
    offset: int


class History:
    """The last `looks` readings of every partition of every group."""

    def __init__(self, looks: int) -> None:
        self._looks = looks
        self._commits: dict[tuple[str, Place], deque[Commit]] = {}
        self._ends: dict[Place, deque[End]] = {}
        self._moved_at: dict[tuple[str, Place], float] = {}
        """When a group's offset in a partition was last seen to change."""

    def judge(self, groups: Iterable[GroupLag], now: float) -> list[GroupLag]:
        """Return the groups of a new reading with status, time lag and rates from the last ones.

        Groups and partitions that are gone are dropped from the history.
        """
        groups = list(groups)
        there = {(group.group, part.place) for group in groups for part in group.partitions}
        places = {place for _, place in there}
        self._commits = {key: seen for key, seen in self._commits.items() if key in there}
        self._moved_at = {key: at for key, at in self._moved_at.items() if key in there}
        self._ends = {place: seen for place, seen in self._ends.items() if place in places}
        for place, end in {part.place: part.end for g in groups for part in g.partitions}.items():
            self._ends.setdefault(place, deque(maxlen=ENDS)).append(End(now, end))
        for group in groups:
            for part in group.partitions:
                self._note(group, part, now)
        return [self._judged(group, now) for group in groups]

    def _note(self, group: GroupLag, part: PartitionLag, now: float) -> None:
        key = group.group, part.place
        commits = self._commits.setdefault(key, deque(maxlen=self._looks))
        has_moved = not commits or commits[-1].offset != part.position
        if has_moved:
            self._moved_at[key] = now
        if has_moved or group.members:
            commits.append(Commit(now, part.position, part.lag))

    def _judged(self, group: GroupLag, now: float) -> GroupLag:
        parts = [self._judged_part(group, part, now) for part in group.partitions]
        judged = group_lag(group.group, group.state, group.members, parts)
        moving = {part.topic for part in parts if part.read_rate}
        waiting = {
            part.place
            for part in parts
            if part.status is Status.STALL
            and part.topic in moving
            and now - self._moved_at[group.group, part.place] < TURN_SECONDS
        }
        if not waiting:
            return judged
        statuses = [Status.OK if part.place in waiting else part.status for part in parts]
        # The partitions take turns, so that only their sum drains at a rate.
        firsts = [self._commits[group.group, part.place][0] for part in group.partitions]
        together = Commit(firsts[0].time, 0, sum(commit.lag or 0 for commit in firsts))
        drain = drain_seconds([together], judged.lag, now)
        return structs.replace(judged, status=worst(statuses), drain_seconds=drain)

    def _judged_part(self, group: GroupLag, part: PartitionLag, now: float) -> PartitionLag:
        commits = list(self._commits[group.group, part.place])
        ends = list(self._ends[part.place])
        first = ends[-self._looks :][0]
        return structs.replace(
            part,
            time_lag=time_lag(part, ends, now),
            drain_seconds=drain_seconds(commits, part.lag, now),
            status=self._status(commits, ends[-self._looks :], part, now),
            read_rate=_rate(commits[0].offset, commits[0].time, part.position, now),
            write_rate=_rate(first.offset, first.time, part.end, now),
        )

    def _status(
        self, commits: Sequence[Commit], ends: Sequence[End], part: PartitionLag, now: float
    ) -> Status | None:
        """Return the status, None for STALL and WARN until there are enough readings."""
        status = status_of(commits, [end.offset for end in ends], part.lag, now)
        is_sure = len(commits) == self._looks or status is Status.STOP or not part.lag
        return status if is_sure or status is Status.REWIND else None


def time_lag(part: PartitionLag, ends: Sequence[End], now: float) -> float | None:
    """Return the age of the oldest unprocessed record in seconds, interpolated if unknown."""
    if not part.lag:
        return 0.0
    oldest = part.oldest if part.oldest is not None else interpolated_time(part.position, ends)
    return None if oldest is None else max(0.0, now - oldest)


def interpolated_time(offset: int, ends: Sequence[End]) -> float | None:
    """Return when the record at `offset` was written, from the ends seen, oldest first.

    Linear between two readings, as in kafka-lag-exporter; before the first of them on the line
    through the first and the last. None while the partition has not grown.
    """
    for before, after in pairwise(ends):
        if before.offset <= offset < after.offset:
            share = (offset - before.offset) / (after.offset - before.offset)
            return before.time + share * (after.time - before.time)
    first, last = ends[0], ends[-1]
    if last.offset == first.offset:
        return None
    seconds_an_offset = (last.time - first.time) / (last.offset - first.offset)
    return first.time + (offset - first.offset) * seconds_an_offset


def drain_seconds(commits: Sequence[Commit], lag: int, now: float) -> float | None:
    """Return the seconds until the lag is gone at the rate of the commits; None: it grows."""
    if lag == 0:
        return 0.0
    before = commits[0].lag
    if before is None or before <= lag:
        return None
    return lag * (now - commits[0].time) / (before - lag)


def _rate(offset: int, time: float, offset_now: int, now: float) -> float | None:
    return max(0, offset_now - offset) / (now - time) if now > time else None
