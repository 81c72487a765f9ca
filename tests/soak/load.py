"""The load of a soak: products once, then feedback, styles and posters at a steady rate."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime
from typing import Self

from schemas.events import Feedback, PosterRequest, Style
from schemas.topics import FEEDBACK, POSTER_REQUESTS, PRODUCTS, STYLES
from workers.demo.inputs import sample_products
from workers.kafka.producer import Publisher
from workers.settings import Settings

SHOPPERS = 50
STYLE_SECONDS = 10.0
POSTER_SECONDS = 15.0


class Load:
    """Publishes what is due at a time; the same shoppers, so that states stop growing."""

    def __init__(self, settings: Settings, events_per_second: float) -> None:
        self.counts: Counter[str] = Counter()
        self._rate = events_per_second
        self._publisher = Publisher(settings, "/soak")
        self._random = random.Random(1)
        self._products = sample_products()
        by_category = Counter(product.category for product in self._products)
        self._category = min(by_category, key=lambda name: (by_category[name], name))
        for product in self._products:
            self._publisher.send(PRODUCTS, product, datetime.now(UTC))

    def go_on(self, seconds: float) -> None:
        """Publish what is due this long after the start."""
        while self.counts["events"] < seconds * self._rate:
            self._publish_click()
        while self.counts["styles"] < seconds / STYLE_SECONDS:
            self._publish_style()
        while self.counts["posters"] < seconds / POSTER_SECONDS:
            self._order_poster()
        self._publisher.poll()

    def _publish_click(self) -> None:
        now = datetime.now(UTC)
        self.counts["events"] += 1
        event = Feedback(
            event_id=f"soak-{self.counts['events']}",
            user_id=f"shopper-{self._random.randrange(SHOPPERS)}",
            kind="click",
            product_id=self._random.choice(self._products).product_id,
            style_id=self._random.choice(("original", "ink-line")),
            occurred_at=now,
        )
        self._publisher.send(FEEDBACK, event, now)

    def _publish_style(self) -> None:
        """Another seed is another picture, for every product of one category."""
        self.counts["styles"] += 1
        style = Style(
            style_id="soak",
            label="Soak",
            weights={"watercolour": 1.0},
            seed=self.counts["styles"],
            categories=[self._category],
        )
        self._publisher.send(STYLES, style, datetime.now(UTC))

    def _order_poster(self) -> None:
        """Of a photo, so that it waits for no render; one of ten posters, again and again."""
        self.counts["posters"] += 1
        request = PosterRequest(
            poster_id=f"soak-{self.counts['posters'] % 10}",
            product_id=self._products[0].product_id,
            style_id="original",
            headline=f"Week {self.counts['posters']}",
            sizes=["540x540"],
        )
        self._publisher.send(POSTER_REQUESTS, request, datetime.now(UTC))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self._publisher.flush()
