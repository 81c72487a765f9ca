"""What shipped before: log-odds by propensity for the shopper, times the category's shares.

The arithmetic of `preferences.style_evidence` and `style_choice` in arrays: impressions are not
needed, and a style counts once a product.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stylecore.arrays import Doubles
from stylecore.recommender.rules import Rules
from stylecore.recommender.state import style_evidence
from stylecore.recommender.style_policy import ChoiceRules, propensities, style_priors
from stylecore.style_trial.learner import FLOOR, Impressions


class LogOdds:
    """State: evidence by shopper, product and style, and its sums by category."""

    def __init__(
        self,
        shoppers: int,
        products: int,
        categories: int,
        styles: int,
        rules: Rules,
        choice_rules: ChoiceRules,
    ) -> None:
        self._rules, self._choice_rules = rules, replace(choice_rules, exploration=FLOOR)
        self._evidence = np.zeros((shoppers, products, styles))
        self._category_style = np.zeros((categories, styles))

    def probabilities(self) -> Doubles:
        """As `stylecore.recommender.recommend` draws with, every picture there."""
        affinities = self._evidence.sum(axis=1)
        priors = style_priors(self._category_style.astype(np.float32), self._choice_rules)[:-1]
        shape = (len(affinities), *priors.shape)
        there = np.ones(shape, dtype=np.bool_)
        return propensities(affinities, np.broadcast_to(priors, shape), there, self._choice_rules)

    def learn(self, seen: Impressions) -> None:
        """Clicks alone count."""
        for at in np.flatnonzero(seen.clicked).tolist():
            evidence = style_evidence(float(seen.propensity[at]), self._rules)
            cell = seen.shopper[at], seen.product[at], seen.style[at]
            self._evidence[cell] = max(self._evidence[cell], evidence)
            self._category_style[seen.category[at], seen.style[at]] += evidence
