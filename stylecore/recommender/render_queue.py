"""Order missing renders by expected clicks, for a budget of renders a minute.

The value of a picture is the clicks that it is expected to get in a day: the product's clicks times
the style's share in its category, plus those of shoppers who recently lacked this picture. Pictures
of campaigns come first, the campaign that starts first before the others. The clock is an argument;
every picture costs one, whatever its size.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import NamedTuple

from stylecore.recommender.engagement_prior import EngagementPrior
from stylecore.recommender.rules import Rules, decay

Pair = tuple[str, str]
"""product_id and style_id."""

WISH_HALF_LIFE = timedelta(hours=1)
WISHES_KEPT = 10_000
"""Pairs that shoppers wanted, the latest: also such as are not missing, or not yet."""


class TokenBucket:
    """A token bucket: `a_minute` renders, and at once one more than fall due in `burst`."""

    def __init__(self, a_minute: float, burst: timedelta, now: datetime) -> None:
        self._a_second = a_minute / 60
        self._most = 1.0 + self._a_second * burst.total_seconds()
        self._level = 0.0
        self._filled_at = now

    def whole(self, now: datetime) -> int:
        """Return how many renders may be ordered at `now`."""
        passed = max((now - self._filled_at).total_seconds(), 0.0)
        self._level = min(self._level + passed * self._a_second, self._most)
        self._filled_at = max(now, self._filled_at)
        return int(self._level)

    def pay(self, renders: int) -> None:
        """Pay for renders that were ordered."""
        self._level -= renders


@dataclass(frozen=True, slots=True)
class Missing:
    """A picture that is not ordered yet."""

    category: str
    starts_at: datetime | None
    """Of the campaign that it is for."""


class Waiting(NamedTuple):
    """A picture that waits: the better, the lower it sorts."""

    campaign: float
    """When its campaign starts, in seconds since 1970; infinite without one."""
    loss: float
    """Its value in clicks a day, negative."""
    pair: Pair
    wished: bool
    """Whether shoppers wanted it lately."""


class RenderQueue:
    """The missing pictures of all products, and what shoppers wanted of late."""

    def __init__(self, prior: EngagementPrior, rules: Rules) -> None:
        self._prior = prior
        self._clicks_of_a_wish = min(1.0, rules.usual_rate * rules.style_odds)
        self._missing: dict[str, dict[str, Missing]] = {}
        self._wishes: dict[Pair, tuple[float, datetime]] = {}
        self._heap: list[Waiting] = []

    def __len__(self) -> int:
        return sum(map(len, self._missing.values()))

    def put(self, product_id: str, missing: Mapping[str, Missing]) -> None:
        """Set all that a product lacks now, by style; what it lacked before is forgotten."""
        before = self._missing.pop(product_id, {})
        if missing:
            self._missing[product_id] = dict(missing)
        for style_id, picture in missing.items():
            if before.get(style_id) != picture:
                heapq.heappush(self._heap, self._unwished((product_id, style_id), picture))

    def done(self, product_id: str, style_id: str) -> None:
        """Remove a picture that was ordered."""
        self._missing.get(product_id, {}).pop(style_id, None)
        self._wishes.pop((product_id, style_id), None)

    def use_prior(self, prior: EngagementPrior) -> None:
        """Use other priors, and value everything again."""
        self._prior = prior
        heap = [
            self._unwished((product_id, style_id), picture)
            for product_id, pictures in self._missing.items()
            for style_id, picture in pictures.items()
        ]
        heapq.heapify(heap)
        self._heap = heap

    def want(self, pair: Pair, shoppers: int, at: datetime) -> None:
        """Count the distinct shoppers who wanted the picture in a window that ended `at`."""
        wanted, since = self._wishes.pop(pair, (0.0, at))
        latest = max(at, since)
        level = wanted * decay(since, latest, WISH_HALF_LIFE)
        self._wishes[pair] = (level + shoppers * decay(at, latest, WISH_HALF_LIFE), latest)
        if len(self._wishes) > WISHES_KEPT:
            del self._wishes[next(iter(self._wishes))]

    def best(self, count: int, now: datetime) -> list[Waiting]:
        """Return the pictures to order next, at most so many, the best first."""
        by_priors = list(self._lowest(count))
        for waiting in by_priors:
            heapq.heappush(self._heap, waiting)
        wished = [self._wished(pair, now) for pair in self._wishes if self._picture(pair)]
        pairs = {waiting.pair for waiting in wished}
        return sorted([*wished, *(w for w in by_priors if w.pair not in pairs)])[:count]

    def _lowest(self, count: int) -> Iterator[Waiting]:
        """Take the best from the heap, and drop entries that are out of date."""
        seen: set[Pair] = set()
        while self._heap and len(seen) < count:
            waiting = heapq.heappop(self._heap)
            picture = self._picture(waiting.pair)
            if picture and waiting.pair not in seen and self._holds(waiting, picture):
                seen.add(waiting.pair)
                yield waiting

    def _holds(self, waiting: Waiting, picture: Missing) -> bool:
        return waiting == self._unwished(waiting.pair, picture)

    def _picture(self, pair: Pair) -> Missing | None:
        return self._missing.get(pair[0], {}).get(pair[1])

    def _unwished(self, pair: Pair, picture: Missing) -> Waiting:
        product_id, style_id = pair
        clicks = self._prior.clicks_a_day(product_id)
        value = clicks * self._prior.share(picture.category, style_id)
        start = inf if picture.starts_at is None else picture.starts_at.timestamp()
        return Waiting(start, -value, pair, wished=False)

    def _wished(self, pair: Pair, now: datetime) -> Waiting:
        waiting = self._unwished(pair, self._missing[pair[0]][pair[1]])
        shoppers, since = self._wishes[pair]
        clicks = shoppers * decay(since, now, WISH_HALF_LIFE) * self._clicks_of_a_wish
        return waiting._replace(loss=waiting.loss - clicks, wished=True)
