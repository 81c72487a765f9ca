"""Estimate clicks from one version of the priors: of a product by its weight, and their split over
styles by its category.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import log

import numpy as np

from stylecore.recommender.popularity import Priors
from stylecore.recommender.rules import Rules
from stylecore.recommender.style_policy import ChoiceRules, style_priors

NO_PRIORS = Priors(
    product_ids=(),
    product_weights=np.zeros(0, dtype=np.float32),
    categories=(),
    style_ids=(),
    category_style=np.zeros((0, 0), dtype=np.float32),
)
FIRST = 3
"""Styles in which a new product is drawn before the others."""


class EngagementPrior:
    """The expected clicks of products, and the shares of styles in categories."""

    def __init__(self, priors: Priors = NO_PRIORS, rules: Rules | None = None) -> None:
        rules = rules or Rules()
        weights = np.maximum(priors.product_weights.astype(np.float64), 0.0)
        a_day = log(2) / (rules.half_life.total_seconds() / 86_400)
        touched = weights[weights > 0]
        self._usual_clicks = float(touched.mean() * a_day) if len(touched) else 1.0
        self._clicks = dict(zip(priors.product_ids, (weights * a_day).tolist(), strict=True))
        self._row_of = {category: row for row, category in enumerate(priors.categories)}
        self._column_of = {style_id: column for column, style_id in enumerate(priors.style_ids)}
        shares = np.zeros((1, 0))
        if priors.style_ids:
            shares = style_priors(priors.category_style, ChoiceRules())
        self._shares: list[list[float]] = shares.tolist()
        self.is_known = bool((priors.category_style > 0).any())
        """Whether any style has been clicked yet."""

    def clicks_a_day(self, product_id: str) -> float:
        """Return the clicks that its decayed weight implies; the mean for products without any."""
        return self._clicks.get(product_id) or self._usual_clicks

    def share(self, category: str, style_id: str) -> float:
        """Return the style's share of a category's clicks, 0 to 1: the whole shop's for an unknown
        category, an equal one for an unknown style.
        """
        column = self._column_of.get(style_id)
        if column is None:
            return 1.0 / (len(self._column_of) + 1)
        return self._shares[self._row_of.get(category, -1)][column]

    def favourites(self, category: str, style_ids: Iterable[str], most: int = FIRST) -> list[str]:
        """Return the styles of these that a category likes most; none while nothing is known."""
        if not self.is_known:
            return []
        order = sorted(style_ids, key=lambda style_id: (-self.share(category, style_id), style_id))
        return order[:most]
