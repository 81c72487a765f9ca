"""Click rates by shopper and style, smoothed by the category's, the shop's, and the overall rate.

Each level is drawn to the one above it by as many pretended impressions as its prior says (the mean
of a beta posterior). Impressions are needed.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Doubles
from stylecore.style_trial.learner import Impressions, softmax_with_floor

SHOP_PRIOR = 50.0
"""Impressions that the level above counts as for a category's and a style's rate."""
FIRST_RATE = 0.05
"""The overall rate before anything was seen, as SHOP_PRIOR impressions."""


class Rates:
    """State: impressions and clicks by shopper and style, and by category and style."""

    def __init__(
        self, shoppers: int, categories: int, styles: int, prior: float, temperature: float
    ) -> None:
        self._prior, self._temperature = prior, temperature
        self._by_shopper = np.zeros((2, shoppers, styles))
        self._by_category = np.zeros((2, categories, styles))

    def probabilities(self) -> Doubles:
        """Softmax of the logarithms of the rates, with the floor."""
        return softmax_with_floor(np.log(self._rates()), self._temperature)

    def learn(self, seen: Impressions) -> None:
        """Every impression counts."""
        for table, row in ((self._by_shopper, seen.shopper), (self._by_category, seen.category)):
            np.add.at(table[0], (row, seen.style), 1.0)
            np.add.at(table[1], (row, seen.style), seen.clicked)

    def _rates(self) -> Doubles:
        """[B, C, K]"""
        by_style = self._by_category.sum(axis=1)
        overall = _smoothed(by_style.sum(axis=1), FIRST_RATE, SHOP_PRIOR)
        style = _smoothed(by_style, overall, SHOP_PRIOR)
        category = _smoothed(self._by_category, style, SHOP_PRIOR)
        return _smoothed(self._by_shopper[:, :, None, :], category, self._prior)


def _smoothed(table: Doubles, above: Doubles | float, prior: float) -> Doubles:
    """(clicks + prior above) / (impressions + prior); `table` holds impressions, then clicks."""
    rates: Doubles = (table[1] + prior * above) / (table[0] + prior)
    return rates
