"""The posterior of the favourite style from clicks alone: a click speaks of every style.

Given that something was clicked, the chance that it was in style s is p_s r / (1 + p_f (r - 1)) if
s is the favourite f, and p_s / (1 + p_f (r - 1)) otherwise, with the probabilities p of the policy
and the odds r of the favourite. So a click adds log r to its own style and takes
log(1 + p_f (r - 1)) from each style f: one that is shown most of the time and is not clicked loses.
What shipped before adds the first and takes the second from the clicked style alone.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Doubles
from stylecore.recommender.style_policy import ChoiceRules, style_priors
from stylecore.style_trial.learner import Impressions, softmax_with_floor


class ClickPosterior:
    """State: log-odds by shopper and style, clicks by category, and what was drawn from."""

    def __init__(self, shoppers: int, categories: int, styles: int, odds: float) -> None:
        self._odds = odds
        self._log_odds = np.zeros((shoppers, styles))
        self._category_style = np.zeros((categories, styles))
        self._shares = np.full((shoppers, categories, styles), 1.0 / styles)

    def probabilities(self) -> Doubles:
        """Softmax of the log-odds and the category's shares, with the floor."""
        priors = style_priors(self._category_style.astype(np.float32), ChoiceRules())[:-1]
        scores = self._log_odds[:, None] + np.log(priors)[None]
        self._shares = softmax_with_floor(scores, 1.0)
        return self._shares

    def learn(self, seen: Impressions) -> None:
        """Clicks alone count."""
        own = seen.clicked
        shopper, category, style = seen.shopper[own], seen.category[own], seen.style[own]
        shares = self._shares[shopper, category]
        np.add.at(self._log_odds, shopper, -np.log1p(shares * (self._odds - 1.0)))
        np.add.at(self._log_odds, (shopper, style), np.log(self._odds))
        np.add.at(self._category_style, (category, style), 1.0)
