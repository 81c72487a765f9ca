"""Shoppers whose list is of an older edition, brought to the new one a few at a time.

An edition is a factor version and the campaigns that run.

Who acts gets a new list at once; the sweep is for the others, and bounded, so that the feedback
goes on beside it. Memory holds what is left of it: after a restart it goes on where the edition
is young, for all who have not acted since. What is in a list is not known here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from schemas.events import UserState
from workers.telemetry import log
from workers.user_states import UserStates

AT_REST, BESIDE_FEEDBACK = 500, 50
"""Shoppers in a turn without feedback, and beside a batch of it."""
YOUNG = timedelta(hours=1)
"""An edition this young may not have reached everybody when an instance starts."""

Place = tuple[int, str]
"""A partition's number and a shopper."""


class Sweep:
    """What is left of the sweep to the present edition."""

    def __init__(self, states: UserStates) -> None:
        self._states = states
        self._edition: str | None = None
        self._began = datetime.max.replace(tzinfo=UTC)
        self._left: deque[Place] = deque()
        self._in_hand: list[Place] = []

    def to_edition(self, edition: str, now: datetime) -> None:
        """Begin anew with all shoppers where the edition is another than before."""
        if self._edition not in (None, edition):
            self._left = deque(self._states.places())
            self._began = now
            log.info("sweep", edition=edition, shoppers=len(self._left))
        self._edition = edition

    def go_on(self, numbers: Iterable[int], renewed_at: datetime, now: datetime) -> None:
        """Take in the shoppers of new partitions, where the edition of `renewed_at` is young."""
        if now - renewed_at < YOUNG:
            self._began = min(self._began, now)
            self._left.extend(self._states.places(numbers))

    def take(self, count: int) -> list[tuple[int, UserState]]:
        """At most so many of the shoppers left, with their partitions.

        Who is in the batch in hand waits: its list must not be covered by one without its cause.
        """
        found: list[tuple[int, UserState]] = []
        for _ in range(len(self._left)):
            if len(found) == count:
                break
            place = self._left.popleft()
            if self._states.is_in_hand(*place):
                self._left.append(place)
                continue
            state = self._states.known(*place)
            if state is not None and not _acted_since(state, self._began):
                found.append((place[0], state))
                self._in_hand.append(place)
        return found

    def committed(self) -> None:
        """The lists in hand are in the topic."""
        self._in_hand.clear()

    def aborted(self) -> None:
        """The lists in hand come again."""
        self._left.extendleft(reversed(self._in_hand))
        self._in_hand.clear()


def _acted_since(state: UserState, began: datetime) -> bool:
    return bool(state.recent_events) and state.recent_events[-1].at >= began
