"""What ships: the posterior of the favourite style from impressions and actions (`affinity`).

The product's own arithmetic in arrays. As in the product, impressions count of those who have
acted before, a first click counts by its propensity, and a list stays until its shopper acts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stylecore.arrays import Doubles
from stylecore.recommender.rules import Rules
from stylecore.recommender.state import style_evidence
from stylecore.recommender.style_policy import ChoiceRules, log_odds, propensities, style_priors
from stylecore.style_trial.learner import FLOOR, Impressions


class Counts:
    """State: seen, acted on and first clicked, by shopper and style; evidence by category."""

    def __init__(
        self, shoppers: int, categories: int, styles: int, rules: Rules, choice_rules: ChoiceRules
    ) -> None:
        self._rules, self._choice_rules = rules, replace(choice_rules, exploration=FLOOR)
        self._seen, self._acted, self._first = np.zeros((3, shoppers, styles))
        self._known = np.zeros(shoppers, dtype=np.bool_)
        self._category_style = np.zeros((categories, styles))
        self._shares = np.full((shoppers, categories, styles), 1.0 / styles)
        self._due = np.ones(shoppers, dtype=np.bool_)

    def probabilities(self) -> Doubles:
        """As recommend() draws with, every picture there; anew for those who acted."""
        affinities = log_odds(self._seen, self._acted, self._first, self._rules)[self._due]
        priors = style_priors(self._category_style.astype(np.float32), self._choice_rules)[:-1]
        shape = (len(affinities), *priors.shape)
        there = np.ones(shape, dtype=np.bool_)
        self._shares[self._due] = propensities(
            affinities, np.broadcast_to(priors, shape), there, self._choice_rules
        )
        self._due[:] = False
        return self._shares

    def learn(self, seen: Impressions) -> None:
        """Take in impressions and clicks, in one go for the round."""
        evidence = [style_evidence(propensity, self._rules) for propensity in seen.propensity]
        known, place = self._known[seen.shopper], (seen.shopper, seen.style)
        np.add.at(self._seen, place, known)
        np.add.at(self._acted, place, known & seen.clicked)
        np.add.at(self._first, place, np.where(seen.clicked & ~known, evidence, 0.0))
        pair = (seen.category, seen.style)
        np.add.at(self._category_style, pair, np.where(seen.clicked, evidence, 0.0))
        self._known[seen.shopper[seen.clicked]] = True
        self._due[seen.shopper[seen.clicked]] = True
