"""The budget of renders: what waits, how many may be ordered now, and for which reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import NamedTuple, Self

from schemas.events import Product, Style, StyleDemand
from schemas.images import Reason
from stylecore.recommender.catalog import in_window
from stylecore.recommender.engagement_prior import EngagementPrior
from stylecore.recommender.render_queue import Missing, RenderQueue, TokenBucket, Waiting
from stylecore.recommender.rules import Rules
from workers.settings import Settings

BURST = timedelta(seconds=5)
"""How much budget a late timer may catch up with."""
WORKER = "planner"


class Order(NamedTuple):
    """Pictures of one product that are ordered together."""

    product_id: str
    reason: Reason
    style_ids: tuple[str, ...]


class RenderBudget:
    """A queue of missing pictures, and a token bucket of renders."""

    def __init__(self, a_minute: float, usual_rate: float, clock: Callable[[], datetime]) -> None:
        self.a_minute = a_minute
        self.queue = RenderQueue(EngagementPrior(), Rules(usual_rate=usual_rate))
        self._bucket = TokenBucket(a_minute, BURST, clock())
        self._clock = clock

    @classmethod
    def of(cls, settings: Settings, clock: Callable[[], datetime]) -> Self | None:
        """Return the budget of the settings, None without one."""
        a_minute = settings.planner.renders_per_minute
        return None if a_minute is None else cls(a_minute, settings.preferences.usual_rate, clock)

    def enqueue(
        self, product_id: str, product: Product | None, missing: Sequence[Style], lead: timedelta
    ) -> None:
        """Queue all that a product lacks now; a campaign counts from `lead` before its start."""
        category, now = "" if product is None else product.category, self._clock()
        starts = {
            style.style_id: style.campaign.starts_at
            for style in missing
            if style.campaign is not None and in_window(style, now, lead)
        }
        waiting = {s.style_id: Missing(category, starts.get(s.style_id)) for s in missing}
        self.queue.put(product_id, waiting)

    def want(self, demand: StyleDemand) -> None:
        """Count the shoppers who wanted a picture."""
        self.queue.want((demand.product_id, demand.style_id), demand.wanted, demand.window_end)

    def best(self, count: int) -> list[Waiting]:
        """Return the next pictures, the best first."""
        return self.queue.best(count, self._clock())

    def orders(self) -> Iterator[Order]:
        """Yield the best pictures that the budget allows now, by product and reason."""
        together: dict[tuple[str, Reason], list[str]] = defaultdict(list)
        for waiting in self.best(self._bucket.whole(self._clock())):
            product_id, style_id = waiting.pair
            together[product_id, reason_of(waiting)].append(style_id)
        for (product_id, reason), style_ids in together.items():
            yield Order(product_id, reason, tuple(style_ids))

    def done(self, order: Order) -> None:
        """Take a sent order from queue and budget."""
        self._bucket.pay(len(order.style_ids))
        for style_id in order.style_ids:
            self.queue.done(order.product_id, style_id)


def reason_of(waiting: Waiting) -> Reason:
    """Return why a picture is ordered: a near campaign, demand, or a new product or style."""
    if isfinite(waiting.campaign):
        return "campaign"
    return "demand" if waiting.wished else "launch"
