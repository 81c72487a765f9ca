"""One factor model whose things are products, styles, and pairs of category and style.

A click counts for all three; a style's score in a category is the sum of its two inner products.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Doubles
from stylecore.style_trial.als import Factors
from stylecore.style_trial.learner import Impressions, softmax_with_floor

WIDTH = 12


class JointALS:
    """State: clicks by shopper and thing, fitted anew when probabilities are asked for."""

    def __init__(
        self, shoppers: int, products: int, categories: int, styles: int, temperature: float
    ) -> None:
        self._shape = categories, styles
        self._temperature = temperature
        self._styles_from, self._pairs_from = products, products + styles
        things = products + styles + categories * styles
        self._clicks = np.zeros((shoppers, things))
        self._factors = Factors(shoppers, things, WIDTH)

    def probabilities(self) -> Doubles:
        """Softmax of the summed scores, with the floor."""
        shoppers, things = self._factors.fit(self._clicks)
        styles = things[self._styles_from : self._pairs_from]
        pairs = things[self._pairs_from :].reshape(*self._shape, WIDTH)
        scores = np.einsum("bf,ckf->bck", shoppers, styles + pairs)
        return softmax_with_floor(scores, self._temperature)

    def learn(self, seen: Impressions) -> None:
        """Clicks alone count."""
        pair = seen.category * self._shape[1] + seen.style
        for thing in (seen.product, self._styles_from + seen.style, self._pairs_from + pair):
            np.add.at(self._clicks, (seen.shopper, thing), seen.clicked)
