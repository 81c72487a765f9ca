"""The plan of a storm: what is done to whom and when. A seed repeats it.

Nothing here touches a process; a plan is a list of acts, spread over the storm's time with jitter,
so that kills, restarts and rebalances overlap.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

STYLIZE = ("stylize-a", "stylize-b")
PREFERENCES = ("preferences-a", "preferences-b", "preferences-c")
PLANNER = ("planner-a",)
SLOTS = STYLIZE + PREFERENCES + PLANNER

SESSION_SECONDS = 4
TRANSACTION_SECONDS = 4
AWAY_SECONDS = SESSION_SECONDS + 3.0
"""Longer than the broker waits for a member, and for a transaction that is open."""

POINTS = {
    "stylize": ("blob stored", "stored", "produced", "offsets sent", "committed"),
    "preferences": ("restoring", "stored", "produced", "offsets sent", "committed"),
}
"""Where a worker can be struck from inside, see chaos.points; the planner has no transactions."""
PAUSE_POINTS = ("stored", "produced", "offsets sent")

Kind = Literal["kill", "end", "restart", "crash", "rebalance", "pause"]
"""end is SIGTERM to a worker, restart and crash are SIGTERM and SIGKILL to the broker."""


class Act(Struct, frozen=True, kw_only=True):
    """One blow; `at` and `away` in seconds, `point` None for any moment."""

    at: float
    kind: Kind
    slot: str = ""
    point: str | None = None
    away: float = 0.0


class Storm(Struct, frozen=True, kw_only=True):
    """How much is done; `seconds` is the time over which it is spread."""

    seed: int
    kills: int
    restarts: int
    rebalances: int
    pauses: int
    """Processes stopped beyond their session."""
    seconds: float

    @property
    def ends(self) -> int:
        """SIGTERMs, besides those of the rebalances."""
        return max(1, self.kills // 10)


def plan(storm: Storm) -> list[Act]:
    """The acts in the order of their times."""
    rng = random.Random(storm.seed)
    acts = [
        *(_kill(at, rng) for at in _times(storm.kills, storm.seconds, rng)),
        *(
            Act(at=at, kind="end", slot=rng.choice(SLOTS))
            for at in _times(storm.ends, storm.seconds, rng)
        ),
        *(
            Act(at=at, kind=rng.choice(("restart", "crash")), away=rng.choice((0.0, 1.0, 3.0)))
            for at in _times(storm.restarts, storm.seconds, rng)
        ),
        *(
            Act(at=at, kind="rebalance", slot=rng.choice(STYLIZE + PREFERENCES), away=AWAY_SECONDS)
            for at in _times(storm.rebalances, storm.seconds, rng)
        ),
        *(_pause(at, rng) for at in _times(storm.pauses, storm.seconds, rng)),
    ]
    return sorted(acts, key=lambda act: act.at)


def worker_of(slot: str) -> str:
    """The worker of a slot, whose other part names the instance."""
    return slot.partition("-")[0]


def _times(count: int, seconds: float, rng: random.Random) -> Iterator[float]:
    """One moment in each of `count` equal spans."""
    for number in range(count):
        yield (number + rng.random()) * seconds / count


def _kill(at: float, rng: random.Random) -> Act:
    """Three of four are told where to strike."""
    slot = rng.choice(STYLIZE + PREFERENCES + PLANNER)
    points = POINTS.get(worker_of(slot), ())
    return Act(
        at=at,
        kind="kill",
        slot=slot,
        point=rng.choice(points) if rng.random() < 0.75 and points else None,
    )


def _pause(at: float, rng: random.Random) -> Act:
    slot = rng.choice(STYLIZE + PREFERENCES)
    return Act(at=at, kind="pause", slot=slot, point=rng.choice(PAUSE_POINTS), away=AWAY_SECONDS)
