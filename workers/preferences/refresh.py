"""Lists that are outdated, and refreshed a few at a time.

A list is outdated when the edition has changed (the factor version and the running campaigns), or
when a product in it has another picture. Shoppers who act get a new list at once; the refresh is
for the others, and bounded, so that feedback is processed beside it.

While a shopper's visit lasts, a list changes only so far (`stylecore.recommender.shelf`). When the
visit is over, that is, some time after the last action, the list is made as a whole.

Pictures come one by one, thousands in an import. They are collected until the refresh before is
done and some seconds have passed, so that a refresh writes each shopper at most one list however
many pictures came, and only lists that show one of the products.

The rest of a refresh is in memory only: after a restart it starts again where the edition or a
picture is young, for all shoppers who have not acted since.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from schemas.events import UserState
from stylecore.recommender.catalog import EVER
from workers.preferences.state import UserStates
from workers.telemetry import log

AT_REST, BESIDE_FEEDBACK = 500, 50
"""Shoppers refreshed in an idle turn, and beside a batch of feedback."""
YOUNG = timedelta(hours=1)
"""A refresh of an edition or picture younger than this may be unfinished at a restart."""

Place = tuple[int, str]
"""Partition number and shopper."""


class ListRefresh:
    """The shoppers whose lists are still to be refreshed."""

    def __init__(self, states: UserStates) -> None:
        self._states = states
        self._edition: str | None = None
        self._began = datetime.max.replace(tzinfo=UTC)
        self._left: deque[Place] = deque()
        self._in_hand: list[Place] = []
        self._looked_at: datetime | None = None
        self._visits: dict[Place, datetime] = {}
        """When each shopper whose list is to be made as a whole has acted, the earliest first."""
        self._ended: dict[Place, datetime] = {}
        """Of the lists in hand, those of visits that are over."""
        self.redrawn: frozenset[str] | None = None
        """The products with new pictures in a refresh for these; None in one for an edition."""

    def start_for_edition(self, edition: str, now: datetime) -> None:
        """Start with all shoppers where the edition has changed."""
        if self._edition not in (None, edition):
            self._left = deque(self._states.places())
            self._began, self.redrawn = now, None
            log.info("list_refresh_started", edition=edition, shoppers=len(self._left))
        self._edition = edition

    def start_for_pictures(
        self, take_redrawn: Callable[[datetime], set[str]], now: datetime, pause: timedelta
    ) -> None:
        """Start with all shoppers where products have other pictures, once the refresh before is
        done and `pause` has passed.

        `take_redrawn` returns the products with pictures since a time; at first, the young ones.
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

    def note_visits(self, places: Iterable[Place], now: datetime) -> None:
        """Note that these shoppers have acted and that more of their lists is to change."""
        for place in places:
            self._visits.pop(place, None)
            self._visits[place] = now

    def take_ended(self, count: int, since: datetime) -> list[tuple[int, UserState]]:
        """Return shoppers, at most `count`, who have not acted since that time."""
        found: list[tuple[int, UserState]] = []
        for place, at in list(itertools.islice(self._visits.items(), count)):
            if at > since:
                break
            del self._visits[place]
            state = self._states.known(*place)
            if state is not None and not self._states.is_in_hand(*place):
                found.append((place[0], state))
                self._ended[place] = at
        return found

    def resume(self, numbers: Sequence[int], renewed_at: datetime, now: datetime) -> None:
        """Add the shoppers of new partitions, where the edition of `renewed_at` is young, and their
        visits that are.
        """
        young = [
            (state.recent_events[-1].at, place)
            for place in self._states.places(numbers)
            if (state := self._states.known(*place)) is not None
            and state.recent_events
            and now - state.recent_events[-1].at < YOUNG
        ]
        for at, place in sorted(young):
            self.note_visits([place], at)
        if now - renewed_at < YOUNG:
            self._began, self.redrawn = min(self._began, now), None
            self._left.extend(self._states.places(numbers))

    def take(self, count: int) -> list[tuple[int, UserState]]:
        """Return the next shoppers, at most `count`, with their partitions.

        Shoppers of the batch in hand wait: their list must not be replaced by one without cause.
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
            events = state.recent_events if state is not None else []
            if state is not None and not (events and events[-1].at >= self._began):
                found.append((place[0], state))
                self._in_hand.append(place)
        return found

    def skip(self, shoppers: Iterable[tuple[int, UserState]]) -> None:
        """Leave out these shoppers, whose lists have not changed."""
        done = {(number, state.user_id) for number, state in shoppers}
        self._in_hand = [place for place in self._in_hand if place not in done]

    def committed(self) -> None:
        """Note that the lists in hand are in the topic."""
        self._in_hand.clear()
        self._ended.clear()

    def aborted(self) -> None:
        """Return the lists in hand to those that are left."""
        self._left.extendleft(reversed(self._in_hand))
        self._in_hand.clear()
        self._visits = self._ended | self._visits
        self._ended = {}
