"""A shop and its shoppers from a seed: whose favourite is which style, who likes which categories.

Shoppers are the simulator's. Where tastes lean, a favourite follows from the first category that a
shopper likes more often than by chance, as it would if prints sold better in ink and toys in pop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylecore.arrays import Bools, Doubles, Ints
from stylecore.recommender.simulator import INTEREST, click_chance, shopper

SHOPPERS, PRODUCTS, CATEGORIES, STYLES = 100, 60, 6, 10


@dataclass(frozen=True, slots=True)
class Tastes:
    """How shoppers of a shop are."""

    leaning: float = 0.0
    """0 to 1, the share whose favourite follows from a category."""
    interest: float = INTEREST
    """The chance of a click on what is seen and matches nothing."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """B shoppers, P products in C categories, K styles."""

    favourite: Ints
    """[B]"""
    likes: Bools
    """[B, C]"""
    category: Ints
    """[P]"""
    interest: float = INTEREST
    styles: int = STYLES

    def chances(self, products: Ints) -> Doubles:
        """The chance that each shopper clicks what is seen in each style, [B, n] to [B, n, K]."""
        liked = np.take_along_axis(self.likes, self.category[products], axis=1)
        matches = np.arange(self.styles) == self.favourite[:, None]
        both = (False, True)
        table = np.array([[click_chance(s, c, self.interest) for c in both] for s in both])
        chances: Doubles = table[matches[:, None, :].astype(int), liked[:, :, None].astype(int)]
        return chances


def scenario(seed: int, tastes: Tastes = Tastes()) -> Scenario:
    """SHOPPERS of the simulator with these tastes."""
    random = np.random.default_rng(seed)
    styles = [str(style) for style in range(STYLES)]
    categories = [str(category) for category in range(CATEGORIES)]
    people = [shopper(str(n), styles, categories, random) for n in range(SHOPPERS)]
    likes = np.array([[name in person.categories for name in categories] for person in people])
    favourite = np.array([int(person.style_id) for person in people])
    leads = random.permutation(STYLES)[:CATEGORIES][likes.argmax(axis=1)]
    follows = random.random(SHOPPERS) < tastes.leaning
    return Scenario(
        favourite=np.where(follows, leads, favourite),
        likes=likes,
        category=np.arange(PRODUCTS) % CATEGORIES,
        interest=tastes.interest,
    )
