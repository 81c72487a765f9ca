"""Simulated shoppers: they read their lists from the topic and publish feedback.

Each waits for the list that its last click caused before it looks again, as a person does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from schemas.codec import decode
from schemas.events import Feedback, Recommendations
from schemas.topics import FEEDBACK
from stylecore.errors import StylecastError
from stylecore.recommender.recommend import EVERYONE
from stylecore.recommender.simulator import Action, Shopper, act
from workers.kafka.producer import Publisher
from workers.kafka.table import TableReader

PATIENCE_SECONDS = 60.0
WAIT_SECONDS = 0.02


@dataclass
class Visit:
    """One shopper's way through the demo."""

    shopper: Shopper
    shown: list[Recommendations] = field(default_factory=list)
    """Every list that the shopper looked at, in the order of time."""
    clicks: list[Action] = field(default_factory=list)
    waiting_for: str | None = None
    """The event whose list the shopper waits for."""
    sent_at: float = 0.0

    @property
    def hits(self) -> list[bool]:
        """Whether each list's first item was in the favourite style."""
        return [
            shown.items[0].style_id == self.shopper.style_id for shown in self.shown if shown.items
        ]


class Shopping:
    """All shoppers, the lists that they read, and how long their clicks took."""

    def __init__(
        self,
        visits: list[Visit],
        category_of: Mapping[str, str],
        publisher: Publisher,
        reader: TableReader,
        random: np.random.Generator,
    ) -> None:
        self.visits = {visit.shopper.user_id: visit for visit in visits}
        self.latencies: list[float] = []
        """Seconds from handing a click to the producer to having its list."""
        self.feedback_events = 0
        self.recommendations = 0
        self._category_of = category_of
        self._publisher = publisher
        self._reader = reader
        self._random = random
        self._lists: dict[str, Recommendations] = {}

    def wait_for_list(self, products: int) -> None:
        """Wait until the list for everyone can be read and names only what is on sale.

        Raises StylecastError where it does not come.
        """
        deadline = time.perf_counter() + PATIENCE_SECONDS
        while time.perf_counter() < deadline:
            self._read(0.1)
            items = self._lists[EVERYONE].items if EVERYONE in self._lists else []
            is_long = len(items) >= min(products, 10)
            if is_long and all(item.product_id in self._category_of for item in items):
                return
        raise StylecastError(f"no list for everyone after {PATIENCE_SECONDS:.0f} s")

    def go_on(self, looks: int, advance: Callable[[int], None]) -> None:
        """Let every shopper look so many more times; `advance` gets how many looks were taken."""
        left = dict.fromkeys(self.visits, looks)
        while left:
            ready = [user for user in left if self.visits[user].waiting_for is None]
            for user in ready:
                self._look(self.visits[user])
                left[user] -= 1
            advance(len(ready))
            left = {user: count for user, count in left.items() if count}
            self._publisher.poll()
            self._read(WAIT_SECONDS)
            self._require_answers()
        while any(visit.waiting_for for visit in self.visits.values()):
            self._read(WAIT_SECONDS)
            self._require_answers()

    def read_rest(self) -> None:
        """Count the lists that came after the last click."""
        self._read(0.5)

    def _look(self, visit: Visit) -> None:
        """Read the present list, and do what such a shopper does with it."""
        found = self._lists.get(visit.shopper.user_id) or self._lists[EVERYONE]
        visit.shown.append(found)
        actions = act(visit.shopper, found.items, self._category_of, self._random)
        for action in actions:
            event = self._publish(visit.shopper, found, action)
            if action.kind != "impression":
                visit.clicks.append(action)
                visit.waiting_for, visit.sent_at = event.event_id, time.perf_counter()

    def _publish(self, shopper: Shopper, found: Recommendations, action: Action) -> Feedback:
        self.feedback_events += 1
        now = datetime.now(UTC)
        event = Feedback(
            event_id=f"{shopper.user_id}-{self.feedback_events}",
            user_id=shopper.user_id,
            kind=action.kind,
            product_id=action.item.product_id,
            occurred_at=now,
            style_id=action.item.style_id,
            recommendation_id=found.recommendation_id,
            position=action.position,
            propensity=action.item.propensity,
            policy=found.policy,
        )
        self._publisher.send(FEEDBACK, event, now)
        return event

    def _read(self, seconds: float) -> None:
        for record in self._reader.wait(seconds):
            if record.value is None:
                continue
            found = decode(Recommendations, record.value)
            self._lists[found.user_id] = found
            self.recommendations += 1
            visit = self.visits.get(found.user_id)
            if visit is None or visit.waiting_for is None:
                continue
            if visit.waiting_for == found.caused_by:
                self.latencies.append(time.perf_counter() - visit.sent_at)
                visit.waiting_for = None

    def _require_answers(self) -> None:
        for visit in self.visits.values():
            if visit.waiting_for and time.perf_counter() - visit.sent_at > PATIENCE_SECONDS:
                raise StylecastError(
                    f"{visit.shopper.user_id} got no list for event {visit.waiting_for} "
                    f"in {PATIENCE_SECONDS:.0f} s"
                )
