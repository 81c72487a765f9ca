"""What an order of rendering earns under a budget: the clicks of the same visitors with it.

A visitor is likelier to click where the picture in the favourite style exists; who misses it is
told as demand. All orders meet the same visitors with the same luck.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np

from stylecore.budget import Bucket, Missing, Pair, Queue
from stylecore.budget_scene import Scene, category_of
from stylecore.liking import NO_PRIORS, Liking
from stylecore.preferences import Rules

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Order(Protocol):
    """Which missing picture is drawn next."""

    def want(self, pair: Pair, shoppers: int, at: datetime) -> None:
        """Shoppers missed the picture."""

    def next(self, count: int, now: datetime) -> Sequence[Pair]:
        """The pictures to draw now; they are drawn then."""


class ByValue:
    """The planner's order, with or without the priors and the demand."""

    def __init__(self, scene: Scene, priors: bool = True, demand: bool = True) -> None:
        self._queue = Queue(Liking(scene.priors if priors else NO_PRIORS), Rules())
        self._demand = demand
        for product_id in dict.fromkeys(product_id for product_id, _ in scene.pairs):
            missing = {s: Missing(category_of(p), None) for p, s in scene.pairs if p == product_id}
            self._queue.put(product_id, missing)

    def want(self, pair: Pair, shoppers: int, at: datetime) -> None:
        """Shoppers missed the picture."""
        if self._demand:
            self._queue.want(pair, shoppers, at)

    def next(self, count: int, now: datetime) -> Sequence[Pair]:
        """The pictures to draw now; they are drawn then."""
        pairs = [waiting.pair for waiting in self._queue.best(count, now)]
        for pair in pairs:
            self._queue.done(*pair)
        return pairs


class Fixed:
    """An order that is known beforehand."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._left = iter(pairs)

    def want(self, pair: Pair, shoppers: int, at: datetime) -> None:
        """Nobody listens."""

    def next(self, count: int, now: datetime) -> Sequence[Pair]:
        """The next ones."""
        del now
        return [pair for _, pair in zip(range(count), self._left, strict=False)]


ORDERS: Mapping[str, Callable[[Scene, np.random.Generator], Order]] = {
    "value": lambda scene, _: ByValue(scene),
    "value, no demand": lambda scene, _: ByValue(scene, demand=False),
    "value, no priors": lambda scene, _: ByValue(scene, priors=False),
    "first come": lambda scene, _: Fixed(scene.pairs),
    "random": lambda scene, random: Fixed(
        [scene.pairs[n] for n in random.permutation(len(scene.pairs))]
    ),
}


def clicks(scene: Scene, order: Order) -> int:
    """How many visitors click when this order is kept."""
    drawn: set[Pair] = set()
    bucket = Bucket(scene.shop.renders_a_minute, MINUTE, START)
    found = 0
    for minute, visits in enumerate(scene.visits, start=1):
        now = START + minute * MINUTE
        chances = {True: scene.shop.chance_in_favourite, False: scene.shop.chance}
        found += sum(luck < chances[pair in drawn] for pair, luck in visits)
        for pair, shoppers in Counter(p for p, _ in visits if p not in drawn).items():
            order.want(pair, shoppers, now)
        pairs = order.next(bucket.whole(now), now)
        bucket.pay(len(pairs))
        drawn.update(pairs)
    return found
