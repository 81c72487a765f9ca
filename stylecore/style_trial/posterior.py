"""The posterior of the favourite style, from clicks and from what was seen and not clicked.

With chance q of a click in any style and r q in the favourite, an impression in style s moves the
log-odds of s by log r when clicked and by log((1 - r q) / (1 - q)) when not (Bayes' rule). What was
chosen why does not matter then, so no propensity is needed; impressions are.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Doubles
from stylecore.recommender.style_policy import ChoiceRules, style_priors
from stylecore.style_trial.learner import Impressions, softmax_with_floor


class Posterior:
    """State: log-odds by shopper and style; clicks by category and style."""

    def __init__(
        self, shoppers: int, categories: int, styles: int, odds: float, chance: float
    ) -> None:
        self._clicked = float(np.log(odds))
        self._passed = float(np.log((1.0 - odds * chance) / (1.0 - chance)))
        self._log_odds = np.zeros((shoppers, styles))
        self._category_style = np.zeros((categories, styles))

    def probabilities(self) -> Doubles:
        """Softmax of the log-odds and the category's shares, with the floor."""
        priors = style_priors(self._category_style.astype(np.float32), ChoiceRules())[:-1]
        return softmax_with_floor(self._log_odds[:, None] + np.log(priors)[None], 1.0)

    def learn(self, seen: Impressions) -> None:
        """Every impression counts."""
        moves = np.where(seen.clicked, self._clicked, self._passed)
        np.add.at(self._log_odds, (seen.shopper, seen.style), moves)
        np.add.at(self._category_style, (seen.category, seen.style), np.maximum(moves, 0.0))
