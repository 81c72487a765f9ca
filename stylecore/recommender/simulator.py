"""Simulated shoppers with hidden tastes, for the demo and for measuring what is learnt.

A shopper reads a list from the top with decreasing attention, prefers one style strongly and two
categories moderately, and clicks accordingly. The simulation shares no arithmetic with the
recommender; they interact by lists and actions alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from schemas.events import FeedbackKind, RecommendedItem

EXAMINED = 0.85
"""Probability of looking at the next place after one (the cascade of a browsing shopper)."""
INTEREST = 0.04
"""Chance of a click on what is seen and matches nothing."""
STYLE_FACTOR = 7.0
CATEGORY_FACTOR = 2.5
"""What a match of the style and of the category multiply the chance by."""
CART_CHANCE, PURCHASE_CHANCE = 0.3, 0.4
"""Of a click that becomes a cart, and of a cart that becomes a purchase."""
DISMISS_CHANCE = 0.02
"""Of what is seen, matches nothing and was not clicked."""
MOST_CLICKS = 0.95


@dataclass(frozen=True, slots=True)
class Shopper:
    """What the recommender has to find out."""

    user_id: str
    style_id: str
    """The favourite style."""
    categories: frozenset[str]
    """The liked ones."""


class Action(NamedTuple):
    """Something that a shopper did with the item at a position of the list."""

    kind: FeedbackKind
    item: RecommendedItem
    position: int


def shopper(
    user_id: str, styles: Sequence[str], categories: Sequence[str], random: np.random.Generator
) -> Shopper:
    """Return a shopper with a favourite among the styles and up to two liked categories."""
    liked = random.choice(len(categories), size=min(2, len(categories)), replace=False)
    return Shopper(
        user_id=user_id,
        style_id=styles[int(random.integers(len(styles)))],
        categories=frozenset(categories[place] for place in liked.tolist()),
    )


def act(
    shopper: Shopper,
    items: Sequence[RecommendedItem],
    category_of: Mapping[str, str],
    random: np.random.Generator,
) -> list[Action]:
    """Simulate what a shopper does with a list: an impression of each item seen, more of some."""
    actions = []
    for position, item in enumerate(items):
        actions.append(Action("impression", item, position))
        matches = (
            item.style_id == shopper.style_id,
            category_of[item.product_id] in shopper.categories,
        )
        actions += [Action(kind, item, position) for kind in _reaction(*matches, random)]
        if random.random() > EXAMINED:
            break
    return actions


def click_chance(style_matches: bool, category_matches: bool, interest: float = INTEREST) -> float:
    """Return the chance that an item is clicked once it is seen."""
    chance = interest
    chance *= STYLE_FACTOR if style_matches else 1.0
    chance *= CATEGORY_FACTOR if category_matches else 1.0
    return min(chance, MOST_CLICKS)


def _reaction(
    style_matches: bool, category_matches: bool, random: np.random.Generator
) -> list[FeedbackKind]:
    if random.random() < click_chance(style_matches, category_matches):
        if random.random() >= CART_CHANCE:
            return ["click"]
        return (
            ["click", "cart", "purchase"]
            if random.random() < PURCHASE_CHANCE
            else ["click", "cart"]
        )
    if not (style_matches or category_matches) and random.random() < DISMISS_CHANCE:
        return ["dismiss"]
    return []


def hit_rates(favourites: Sequence[Sequence[bool]]) -> tuple[float, float]:
    """Return how often the first item was in the favourite style, in each shopper's first and last
    fifth of lists, which are in the order of time. 0 where there are none.
    """
    starts: list[bool] = []
    ends: list[bool] = []
    for hits in favourites:
        fifth = max(1, len(hits) // 5)
        starts += hits[:fifth]
        ends += hits[-fifth:]
    return (float(np.mean(starts)), float(np.mean(ends))) if starts and ends else (0.0, 0.0)


def hit_curve(favourites: Sequence[Sequence[bool]], parts: int = 10) -> list[float]:
    """Return the same over each of `parts` equal stretches of every shopper's lists, in order.

    Shoppers with fewer lists than stretches are left out; empty where none are left.
    """
    long = [hits for hits in favourites if len(hits) >= parts]
    stretches = [np.array_split(np.array(hits, dtype=np.float64), parts) for hits in long]
    pooled = (np.concatenate(part) for part in zip(*stretches, strict=True))
    return [float(part.mean()) for part in pooled]
