"""What the shop sends during a storm: products, styles, jobs and feedback, some of them bad.

Each job of the platform is ordered twice, besides what the planner doubles.
A seed gives the same events in the same order; their times are those of the sending.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError

from schemas.events import Feedback, Product, Style, StyleDefinition, StyleRequest, StylizeJob
from schemas.topics import FEEDBACK, JOBS, PRODUCTS, STYLES
from stylecore.errors import Transient
from workers.demo.inputs import sample_products
from workers.kafka.producer import Publisher
from workers.kafka.records import Output
from workers.settings import Settings

GENERATOR_STYLES = ("watercolour", "ink-line")
SHOPPERS = 150
KINDS = ("impression", "impression", "click", "click", "cart", "purchase", "dismiss")
BAD_SHARE, REPEATED_SHARE, FORGOTTEN_SHARE = 0.01, 0.02, 0.002
BAD_JOBS = 4
"""Whose photo is not there."""


class Load:
    """Publishes what is due at a share of the storm's time."""

    def __init__(
        self, settings: Settings, *, seed: int, products: int, styles: int, orders: int, events: int
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.products = sample_products()[:products]
        self.styles = [_style(number) for number in range(styles)]
        self.missing_photo = str(Path(settings.store.uri).parent / "no-such-photo.jpg")
        self._events = events
        self._random = random.Random(seed)
        self._publisher = Publisher(settings, "/chaos")
        self.acknowledged: set[tuple[int, int]] = set()
        """Partitions and offsets that the broker gave to feedback."""
        self._failed: KafkaError | None = None
        self._last: Feedback | None = None
        jobs = [
            _job(number, self.products, self.missing_photo if number < BAD_JOBS else None)
            for number in range(orders)
        ]
        self._jobs = [job for job in jobs for _ in range(2)]
        self._random.shuffle(self._jobs)

    def open_shop(self) -> None:
        """The products, before anything else, and one record of each other kind.

        A publisher asks the broker when it meets a topic for the first time: it must be there.
        """
        for product in self.products:
            self._publisher.send(PRODUCTS, product, datetime.now(UTC))
        self._publisher.flush()
        self.go_on(1e-9)
        self._publisher.flush()

    def go_on(self, share: float) -> None:
        """Publish what is due when this share of the time has gone; styles in its first half."""
        due = {
            "events": share * self._events,
            "styles": 2 * share * len(self.styles),
            "jobs": share * len(self._jobs),
        }
        while self.counts["events"] < min(due["events"], self._events):
            self._send_feedback()
        while self.counts["styles"] < min(due["styles"], len(self.styles)):
            self._send(STYLES, self.styles[self.counts["styles"]])
            self.counts["styles"] += 1
        while self.counts["jobs"] < min(due["jobs"], len(self._jobs)):
            self._send(JOBS, self._jobs[self.counts["jobs"]])
            self.counts["jobs"] += 1
        self._publisher.poll()

    def close(self) -> None:
        """Wait until the broker has all."""
        self._publisher.flush()
        if self._failed is not None:
            raise Transient(f"feedback was not delivered: {self._failed.str()}")

    def _send(self, topic: Any, event: Any) -> None:
        self._publisher.send(topic, event, datetime.now(UTC))

    def _send_feedback(self) -> None:
        number = self.counts["events"]
        self.counts["events"] += 1
        draw = self._random.random()
        user_id = f"shopper-{self._random.randrange(SHOPPERS)}"
        if draw < BAD_SHARE / 2:
            self._send_raw(user_id, b'{"event_id": "bad-%d"' % number)
        elif draw < BAD_SHARE:
            self._send_event(self._feedback(number, user_id, "no-such-product"))
        elif draw < BAD_SHARE + FORGOTTEN_SHARE:
            self._send_raw(user_id, None)
        elif draw < BAD_SHARE + FORGOTTEN_SHARE + REPEATED_SHARE and self._last is not None:
            self._send_event(self._last)
        else:
            product = self._random.choice(self.products).product_id
            self._last = self._feedback(number, user_id, product)
            self._send_event(self._last)

    def _send_raw(self, user_id: str, value: bytes | None) -> None:
        topic = self._publisher.topic(FEEDBACK)
        output = Output(topic=topic, key=user_id.encode(), value=value)
        self._publisher.send_raw(output, self._told)

    def _send_event(self, event: Feedback) -> None:
        self._publisher.send(FEEDBACK, event, datetime.now(UTC), self._told)

    def _told(self, error: KafkaError | None, message: Any) -> None:
        if error is not None:
            self._failed = error
        elif message.offset() is not None:  # a repeat that the broker knew already has none
            self.acknowledged.add((message.partition(), message.offset()))

    def _feedback(self, number: int, user_id: str, product_id: str) -> Feedback:
        kind: Any = self._random.choice(KINDS)
        seen = kind == "impression"
        return Feedback(
            event_id=f"event-{number}",
            user_id=user_id,
            kind=kind,
            product_id=product_id,
            style_id=self._random.choice(("original", *GENERATOR_STYLES)),
            occurred_at=datetime.now(UTC),
            recommendation_id=f"list-{number // 500}" if seen else None,
            position=number % 10 if seen else None,
        )


def _style(number: int) -> Style:
    first, second = GENERATOR_STYLES
    share = (number + 1) / 10
    return Style(
        style_id=f"blend-{number}",
        label=f"Blend {number}",
        weights={first: share, second: 1 - share},
        seed=number,
    )


def _job(number: int, products: list[Product], photo: str | None) -> StylizeJob:
    """A platform's own order, of another photo than the product's if one is given."""
    product = products[number % len(products)]
    definition = StyleDefinition(weights={GENERATOR_STYLES[number % 2]: 1.0}, seed=1000 + number)
    unknown = StyleDefinition(weights={"no-such-style": 1.0})
    styles = [StyleRequest(style_id=f"own-{number}", definition=definition)]
    if number % 3 == 0:
        styles.append(StyleRequest(style_id=f"unknown-{number}", definition=unknown))
    return StylizeJob(
        job_id=f"own-job-{number}",
        product_id=product.product_id,
        image_uri=photo or product.image_uri,
        styles=styles,
        reason="request",
        requested_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
