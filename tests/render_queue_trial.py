"""A made-up shop whose pictures are all missing, and its visitors, to try orders of rendering in.

Each visitor looks at a product and has a favourite style by the taste of its category. Taste and
appeal are hidden: what is known are the actions of the time before, and of the products that are
new not even those. Who draws what is not known here.

What an order of rendering earns under a budget: the clicks of the same visitors with it.

A visitor is likelier to click where the picture in the favourite style exists; who misses it is
told as demand. All orders meet the same visitors with the same luck.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np

from stylecore.arrays import Doubles
from stylecore.recommender.engagement_prior import NO_PRIORS, EngagementPrior
from stylecore.recommender.popularity import Priors
from stylecore.recommender.render_queue import Missing, Pair, RenderQueue, TokenBucket
from stylecore.recommender.rules import Rules

EVIDENCE = 1.8
"""Log-odds of a past action for its style."""


@dataclass(frozen=True, slots=True)
class Shop:
    """The sizes and rates of a trial; chances are of a click at a visit."""

    products: int = 300
    categories: int = 6
    styles: int = 9
    new: float = 0.3
    past_actions: int = 2000
    minutes: int = 60
    visits_a_minute: int = 120
    renders_a_minute: int = 15
    chance: float = 0.05
    chance_in_favourite: float = 0.35


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens, whatever is drawn: who visits, and what is known from before."""

    shop: Shop
    priors: Priors
    pairs: list[Pair]
    """All that is missing, as it came: product after product."""
    visits: list[list[tuple[Pair, float]]]
    """By minute: the product and the favourite style, and the luck, 0 to 1."""


def category_of(product_id: str) -> str:
    """The category that the trial gives a product."""
    return product_id.split("-", maxsplit=1)[0]


def scene_of(shop: Shop, random: np.random.Generator) -> Scene:
    """A shop and its visitors, drawn."""
    styles = [f"style-{number}" for number in range(shop.styles)]
    codes = np.arange(shop.products) % shop.categories
    products = [f"category{code}-{number}" for number, code in enumerate(codes.tolist())]
    appeal = random.permutation(1.0 / np.arange(1, shop.products + 1) ** 0.8)
    appeal /= appeal.sum()
    taste = random.dirichlet(np.full(shop.styles, 0.5), shop.categories)
    visits = [_visits(shop, products, styles, appeal, taste, random) for _ in range(shop.minutes)]
    return Scene(
        shop=shop,
        priors=_priors(shop, products, styles, appeal, taste, random),
        pairs=[(product_id, style_id) for product_id in products for style_id in styles],
        visits=visits,
    )


def _visits(
    shop: Shop,
    products: list[str],
    styles: list[str],
    appeal: Doubles,
    taste: Doubles,
    random: np.random.Generator,
) -> list[tuple[Pair, float]]:
    rows = random.choice(shop.products, shop.visits_a_minute, p=appeal).tolist()
    return [
        (
            (products[row], styles[random.choice(shop.styles, p=taste[row % shop.categories])]),
            random.random(),
        )
        for row in rows
    ]


def _priors(
    shop: Shop,
    products: list[str],
    styles: list[str],
    appeal: Doubles,
    taste: Doubles,
    random: np.random.Generator,
) -> Priors:
    """What the trainer would have counted from the actions of the time before."""
    actions = random.poisson(shop.past_actions * appeal)
    actions[random.random(shop.products) < shop.new] = 0
    codes = np.arange(shop.products) % shop.categories
    by_category = np.bincount(codes, weights=actions, minlength=shop.categories)
    counts = [random.multinomial(int(n), taste[code]) for code, n in enumerate(by_category)]
    return Priors(
        product_ids=tuple(products),
        product_weights=actions.astype(np.float32),
        categories=tuple(f"category{code}" for code in range(shop.categories)),
        style_ids=tuple(styles),
        category_style=(EVIDENCE * np.array(counts)).astype(np.float32),
    )


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
        self._queue = RenderQueue(EngagementPrior(scene.priors if priors else NO_PRIORS), Rules())
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
    bucket = TokenBucket(scene.shop.renders_a_minute, MINUTE, START)
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
