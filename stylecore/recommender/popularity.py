"""Popularity of products and styles over all shoppers, decayed, and the priors made from it.

Counted from shoppers' states: by a worker from the changes it makes, by the trainer from all.
A shopper counts once for a product, with at most the weight of a purchase, and once for a style,
with at most STYLE_VOTE over all products, so that one id with thousands of clicks changes no
style's share by more than .02. Memory is bounded by products and styles: the states
record which shoppers were counted. `Priors` name products, categories and styles by id, so that
they can be aligned with any catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from schemas.events import Feedback, UserState
from stylecore.arrays import Doubles, Floats, Ints
from stylecore.recommender.catalog import Catalogue
from stylecore.recommender.rules import Rules, decay
from stylecore.recommender.state import style_evidence

STYLE_VOTE = 0.4
"""The most log-odds that a shopper adds to a style; `ChoiceRules.category_prior` weighs against."""
RESCALE_AFTER = 64.0
"""Half-lives after which the stored weights are rescaled to the present."""


@dataclass(frozen=True, slots=True)
class Priors:
    """Weights of products [P], log-odds of styles by category [C, K], and whose they are."""

    product_ids: tuple[str, ...]
    product_weights: Floats
    categories: tuple[str, ...]
    style_ids: tuple[str, ...]
    category_style: Floats


class Popularity:
    """Decayed weights by product, and log-odds by product and style, in a catalogue's rows.

    Stored as they will have been at `since` and scaled when read, so that time costs nothing.
    """

    def __init__(self, catalogue: Catalogue, rules: Rules, since: datetime) -> None:
        self.catalogue = catalogue
        self.rules = rules
        self.since = since
        self._weights = np.zeros(64, dtype=np.float64)
        self._styles = np.zeros((64, 8), dtype=np.float64)

    def count(self, event: Feedback, now: datetime) -> None:
        """Add an event of any shopper; impressions, dismissals and unknown products add nothing.

        Without states, a shopper's repetitions count each time.
        """
        row = self.catalogue.row_of.get(event.product_id)
        weight = self.rules.kind_weights.get(event.kind)
        if row is None or weight is None:
            return
        self._fit_size()
        scale = self._scale(min(event.occurred_at, now))
        self._weights[row] += weight * scale
        column = self.catalogue.column_of.get(event.style_id or "")
        if column is not None:
            evidence = style_evidence(event.propensity, self.rules, event.policy)
            self._styles[row, column] += min(evidence, STYLE_VOTE) * scale

    def count_states(self, states: Sequence[UserState], now: datetime) -> None:
        """Add the interactions in shoppers' states."""
        self._scale(now)
        self._add(states, 1.0)

    def count_changes(
        self, changes: Iterable[tuple[UserState | None, UserState]], now: datetime
    ) -> None:
        """Count states as they are in place of what they were; None was not there."""
        self._scale(now)
        pairs = list(changes)
        self._add([before for before, _ in pairs if before is not None], -1.0)
        self._add([after for _, after in pairs], 1.0)

    def _add(self, states: Sequence[UserState], sign: float) -> None:
        """Add or remove the states' interactions with known products."""
        row_of, column_of = self.catalogue.row_of, self.catalogue.column_of
        seen = [
            (user, item)
            for user, state in enumerate(states)
            for item in state.interactions
            if item.product_id in row_of
        ]
        if not seen:
            return
        self._fit_size()
        users = np.array([user for user, _ in seen])
        rows = np.array([row_of[item.product_id] for _, item in seen])
        columns = np.array([column_of.get(item.style_id or "", -1) for _, item in seen])
        ages = np.array([(item.updated_at - self.since).total_seconds() for _, item in seen])
        half_lives = ages / self.rules.half_life.total_seconds()
        scales = np.exp2(np.clip(half_lives, -RESCALE_AFTER, RESCALE_AFTER))
        weights = np.array([item.weight for _, item in seen])
        most = max(self.rules.kind_weights.values(), default=0.0)
        products = users * len(self._weights) + rows
        np.add.at(self._weights, rows, sign * _at_most(products, weights, scales, most))
        styled = np.flatnonzero(columns >= 0)
        evidence = np.array([item.style_evidence for _, item in seen])[styled]
        votes = users[styled] * self._styles.shape[1] + columns[styled]
        counted = _at_most(votes, evidence, scales[styled], STYLE_VOTE)
        np.add.at(self._styles, (rows[styled], columns[styled]), sign * counted)

    def priors(self, now: datetime) -> Priors:
        """Return the present weights, by id."""
        self._fit_size()
        catalogue = self.catalogue
        products, styles = len(catalogue.product_ids), len(catalogue.column_of)
        scale = self._scale(now)
        return Priors(
            product_ids=tuple(catalogue.product_ids),
            product_weights=(self._weights[:products] / scale).astype(np.float32),
            categories=tuple(catalogue.categories),
            style_ids=tuple(catalogue.style_ids),
            category_style=by_category(catalogue, self._styles[:products, :styles] / scale),
        )

    def _scale(self, at: datetime) -> float:
        """Return what a weight of `at` is multiplied by to be stored."""
        half_lives: float = (at - self.since) / self.rules.half_life
        if half_lives > RESCALE_AFTER:
            left = decay(self.since, at, self.rules.half_life)
            self._weights *= left
            self._styles *= left
            self.since, half_lives = at, 0.0
        scale: float = 2.0 ** max(half_lives, -RESCALE_AFTER)
        return scale

    def _fit_size(self) -> None:
        """Make room for the catalogue's present size."""
        rows, columns = len(self.catalogue.product_ids), len(self.catalogue.column_of)
        more = 2 * rows if rows > self._styles.shape[0] else 0
        wider = columns if columns > self._styles.shape[1] else 0
        if more or wider:
            self._weights = np.pad(self._weights, (0, more))
            self._styles = np.pad(self._styles, ((0, more), (0, wider)))


def _at_most(groups: Ints, weights: Doubles, scales: Doubles, most: float) -> Doubles:
    """Return weights [N] times scales, smaller where those of a group are together over `most` at
    the largest scale among them.
    """
    _, group = np.unique(groups, return_inverse=True)
    scaled = weights * scales
    sums = np.bincount(group, scaled)
    largest = np.zeros(len(sums))
    np.maximum.at(largest, group, scales)
    bounds = most * largest
    left = bounds / (np.maximum(sums, bounds) + np.finfo(np.float64).tiny)
    return np.asarray(scaled * left[group], dtype=np.float64)


def by_category(catalogue: Catalogue, weights: Doubles) -> Floats:
    """Sum [P, K] over the products of each category to [C, K]."""
    sums = np.zeros((len(catalogue.category_code_of), weights.shape[1]), dtype=np.float64)
    sold = catalogue.present
    np.add.at(sums, catalogue.category_codes[sold], weights[sold])
    return sums.astype(np.float32)
