"""Shoppers whose list is out of date, brought up to date a few at a time.

A list is out of date when the edition is another one (a factor version and the campaigns that run),
or when products have other pictures than before. Who acts gets a new list at once; the sweep is for
the others, and bounded, so that the feedback goes on beside it.

Pictures come one by one, thousands in an import. They are gathered until the sweep before is done
and some seconds have passed, so that a sweep writes a shopper at most one list however many came,
and only where one of the products is in it.

Memory holds what is left of it: after a restart it goes on where the edition or a picture is young,
for all who have not acted since. What is in a list is not known here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from schemas.events import UserState
from stylecore.recommender.catalog import EVER
from workers.preferences.state import UserStates
from workers.telemetry import log

AT_REST, BESIDE_FEEDBACK = 500, 50
"""Shoppers in a turn without feedback, and beside a batch of it."""
YOUNG = timedelta(hours=1)
"""An edition this young may not have reached everybody when an instance starts."""

Place = tuple[int, str]
"""A partition's number and a shopper."""


class ListRefresh:
    """What is left of the sweep to the present edition."""

    def __init__(self, states: UserStates) -> None:
        self._states = states
        self._edition: str | None = None
        self._began = datetime.max.replace(tzinfo=UTC)
        self._left: deque[Place] = deque()
        self._in_hand: list[Place] = []
        self._looked_at: datetime | None = None
        self.redrawn: frozenset[str] | None = None
        """In a sweep for pictures, the products that have others; None in one for an edition."""

    def start_for_edition(self, edition: str, now: datetime) -> None:
        """Begin anew with all shoppers where the edition is another than before."""
        if self._edition not in (None, edition):
            self._left = deque(self._states.places())
            self._began, self.redrawn = now, None
            log.info("list_refresh_started", edition=edition, shoppers=len(self._left))
        self._edition = edition

    def start_for_pictures(
        self, take_redrawn: Callable[[datetime], set[str]], now: datetime, pause: timedelta
    ) -> None:
        """Begin with all shoppers where products have other pictures, when the sweep before is
        done and `pause` has passed. `take_redrawn` gives the products with pictures since a time:
        at the start, the young ones.
        """
        since = now - YOUNG if self._looked_at is None else EVER
        is_due = self._looked_at is None or now - self._looked_at >= pause
        if self._left or self._in_hand or not is_due or not self._states.owns_any:
            return
        redrawn = take_redrawn(since)
        self._looked_at = now
        if redrawn:
            self._left = deque(self._states.places())
            self._began, self.redrawn = now, frozenset(redrawn)
            log.debug("picture_refresh_started", products=len(redrawn), shoppers=len(self._left))

    def resume(self, numbers: Iterable[int], renewed_at: datetime, now: datetime) -> None:
        """Take in the shoppers of new partitions, where the edition of `renewed_at` is young."""
        if now - renewed_at < YOUNG:
            self._began, self.redrawn = min(self._began, now), None
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

    def skip(self, shoppers: Iterable[tuple[int, UserState]]) -> None:
        """These shoppers' lists need not be written: nothing in them has changed."""
        done = {(number, state.user_id) for number, state in shoppers}
        self._in_hand = [place for place in self._in_hand if place not in done]

    def committed(self) -> None:
        """The lists in hand are in the topic."""
        self._in_hand.clear()

    def aborted(self) -> None:
        """The lists in hand come again."""
        self._left.extendleft(reversed(self._in_hand))
        self._in_hand.clear()


def _acted_since(state: UserState, began: datetime) -> bool:
    return bool(state.recent_events) and state.recent_events[-1].at >= began
