"""A factor model of shoppers and styles alone: what was clicked in which style, by ALS."""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Doubles
from stylecore.style_trial.als import Factors
from stylecore.style_trial.learner import Impressions, softmax_with_floor

WIDTH = 6


class StyleALS:
    """State: clicks by shopper and style, fitted anew when probabilities are asked for."""

    def __init__(self, shoppers: int, categories: int, styles: int, temperature: float) -> None:
        self._categories, self._temperature = categories, temperature
        self._clicks = np.zeros((shoppers, styles))
        self._factors = Factors(shoppers, styles, WIDTH)

    def probabilities(self) -> Doubles:
        """The same in each category."""
        shoppers, styles = self._factors.fit(self._clicks)
        shares = softmax_with_floor(shoppers @ styles.T, self._temperature)
        return np.repeat(shares[:, None], self._categories, axis=1)

    def learn(self, seen: Impressions) -> None:
        """Clicks alone count."""
        np.add.at(self._clicks, (seen.shopper, seen.style), seen.clicked)
