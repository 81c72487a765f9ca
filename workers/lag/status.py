"""Burrow's rules: what the commits of the last looks say of a partition.

Rules, names and order are Burrow's (linkedin/Burrow, core/internal/evaluator/caching.go, and its
wiki page "Consumer Lag Evaluation Rules"). Burrow reads every commit from the topic that holds
them, with its time; what a look counts as a commit is history's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import pairwise

from msgspec import Struct


class Status(StrEnum):
    """From good to bad."""

    OK = "OK"
    WARN = "WARN"
    """It works, and falls behind all the same."""
    STALL = "STALL"
    """It commits, and does not move."""
    REWIND = "REWIND"
    """It went back and has not come to where it was."""
    STOP = "STOP"
    """It does not commit any more."""


class Commit(Struct, frozen=True):
    """A group's commit in one partition; `time` in seconds, `lag` None where it was not known."""

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
    """The status of a partition from its commits, oldest first, and recent ends of the partition.

    A partition without lag is never in error; without commits nothing can be said against it.
    """
    if not commits or lag <= allowed_lag:
        return Status.OK
    if _has_stopped(commits, now) and not _was_at_the_end(commits, ends):
        return Status.STOP
    if _has_rewound(commits):
        return Status.REWIND
    if any(commit.lag is not None and commit.lag <= allowed_lag for commit in commits):
        return Status.OK
    if all(before.offset == after.offset for before, after in pairwise(commits)):
        return Status.STALL
    if _lag_never_falls(commits):
        return Status.WARN
    return Status.OK


def worst(statuses: Iterable[Status | None]) -> Status | None:
    """The worst that is known; None where some are not known and the others are well."""
    found = list(statuses)
    order = list(Status)
    known = max((status for status in found if status), key=order.index, default=None)
    return None if None in found and known in {None, Status.OK} else known or Status.OK


def _has_stopped(commits: Sequence[Commit], now: float) -> bool:
    """Whether the last commit is longer ago than all commits took."""
    return now - commits[-1].time > commits[-1].time - commits[0].time


def _was_at_the_end(commits: Sequence[Commit], ends: Sequence[int]) -> bool:
    """Whether the group had nothing to commit until lately."""
    return any(end <= commits[-1].offset for end in ends)


def _has_rewound(commits: Sequence[Commit]) -> bool:
    """Whether the first step back has not been made good since."""
    for number, (before, after) in enumerate(pairwise(commits), start=1):
        if after.offset < before.offset:
            return all(commit.offset < before.offset for commit in commits[number:])
    return False


def _lag_never_falls(commits: Sequence[Commit]) -> bool:
    known = [commit.lag for commit in commits if commit.lag is not None]
    return all(before <= after for before, after in pairwise(known))
