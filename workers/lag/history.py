"""What the last looks saw, and what follows from it: status, time lag, time to be caught up.

A look counts as a commit of a partition, in the sense of Burrow's rules, when the group's offset
there has changed since the last look or when the group has members: a consumer that is alive and
has lag would commit. A group without members leaves no more commits, and so comes to STOP.

A partition that stands still while others of its topic move is waiting for its turn: a consumer
works off what it has fetched of the others first. Its own status is STALL, as by Burrow's rules; to
the group's it adds that only after TURN_SECONDS, for one that stands still so long is stuck.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import pairwise

from msgspec import Struct, structs

from workers.lag.group_lag import GroupLag, PartitionLag, Place, group_lag
from workers.lag.status import Commit, Status, status_of, worst

TURN_SECONDS = 300.0
"""How long a partition may wait for its turn while others of its topic move."""
ENDS = 60
"""Ends kept of a partition, as many as kafka-lag-exporter's look-up table holds."""


class End(Struct, frozen=True):
    """The end of a partition at a time in seconds."""

    time: float
    offset: int


class History:
    """The last `looks` looks at every partition of every group."""

    def __init__(self, looks: int) -> None:
        self._looks = looks
        self._commits: dict[tuple[str, Place], deque[Commit]] = {}
        self._ends: dict[Place, deque[End]] = {}
        self._moved_at: dict[tuple[str, Place], float] = {}
        """When a group's offset in a partition changed last, as far as was seen."""

    def judge(self, groups: Iterable[GroupLag], now: float) -> list[GroupLag]:
        """The groups of a new look, with what the looks before add. What has gone is forgotten."""
        groups = list(groups)
        self._forget_others(groups)
        for place, end in {part.place: part.end for g in groups for part in g.partitions}.items():
            self._ends.setdefault(place, deque(maxlen=ENDS)).append(End(now, end))
        for group in groups:
            for part in group.partitions:
                self._note(group, part, now)
        return [self._judged(group, now) for group in groups]

    def _forget_others(self, groups: Sequence[GroupLag]) -> None:
        there = {(group.group, part.place) for group in groups for part in group.partitions}
        places = {place for _, place in there}
        self._commits = {key: seen for key, seen in self._commits.items() if key in there}
        self._moved_at = {key: at for key, at in self._moved_at.items() if key in there}
        self._ends = {place: seen for place, seen in self._ends.items() if place in places}

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
        drain = self._drain_of_all(group, judged.lag, now)
        return structs.replace(judged, status=worst(statuses), drain_seconds=drain)

    def _drain_of_all(self, group: GroupLag, lag: int, now: float) -> float | None:
        """As `drain_seconds`, of all partitions of a group together."""
        firsts = [self._commits[group.group, part.place][0] for part in group.partitions]
        before = sum(commit.lag or 0 for commit in firsts)
        return drain_seconds([Commit(firsts[0].time, 0, before)], lag, now)

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
        """Stalled or slow is said after all looks only: a single one cannot tell."""
        status = status_of(commits, [end.offset for end in ends], part.lag, now)
        is_sure = len(commits) == self._looks or status is Status.STOP or not part.lag
        return status if is_sure or status is Status.REWIND else None


def time_lag(part: PartitionLag, ends: Sequence[End], now: float) -> float | None:
    """Age in seconds of the oldest unprocessed record: exact where its timestamp is known."""
    if not part.lag:
        return 0.0
    oldest = part.oldest if part.oldest is not None else interpolated_time(part.position, ends)
    return None if oldest is None else max(0.0, now - oldest)


def interpolated_time(offset: int, ends: Sequence[End]) -> float | None:
    """When the record at `offset` was written, by the ends seen, oldest first.

    Between two looks in proportion, as kafka-lag-exporter does it; before the first of them on the
    line through the first and the last. None while nothing has been seen to arrive.
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
    """Until the lag is gone when it shrinks as it did over the last looks; None: it does not."""
    if lag == 0:
        return 0.0
    before = commits[0].lag
    if before is None or before <= lag:
        return None
    return lag * (now - commits[0].time) / (before - lag)


def _rate(offset: int, time: float, offset_now: int, now: float) -> float | None:
    return max(0, offset_now - offset) / (now - time) if now > time else None
