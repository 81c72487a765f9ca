"""How much all shoppers together did with each product in each style, decayed.

Counted by an instance from the feedback that it sees, and fitted by the trainer from all states;
either way it becomes `Priors`, which name products, categories and styles by id, so that they
can be aligned with any catalogue. Who did it is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from schemas.events import Feedback, UserState
from stylecore.catalogue import Catalogue
from stylecore.evidence import Doubles, gather
from stylecore.preferences import Rules, decay

RESCALE_AFTER = 64.0
"""Half-lives after which the stored weights are brought back to the present."""


@dataclass(frozen=True, slots=True)
class Priors:
    """Weights of products [P] and of styles by category [C, K], with the ids they belong to."""

    product_ids: tuple[str, ...]
    product_weights: NDArray[np.float32]
    categories: tuple[str, ...]
    style_ids: tuple[str, ...]
    category_style: NDArray[np.float32]


class Popularity:
    """Decayed weights by product and style, aligned with a catalogue's rows and columns.

    Stored as they will have been at `since` and scaled when read, so that time costs nothing.
    """

    def __init__(self, catalogue: Catalogue, rules: Rules, since: datetime) -> None:
        self.catalogue = catalogue
        self.rules = rules
        self.since = since
        self._weights = np.zeros((64, 9), dtype=np.float64)

    def count(self, event: Feedback, now: datetime) -> None:
        """Adds an event; impressions, dismissals and unknown products add nothing."""
        row = self.catalogue.row_of.get(event.product_id)
        weight = self.rules.kind_weights.get(event.kind)
        if row is None or weight is None:
            return
        column = self.catalogue.column_of.get(event.style_id or "", -1)
        self._fit_size()
        self._weights[row, column] += weight * self._scale(min(event.occurred_at, now))

    def count_states(self, states: Sequence[UserState], now: datetime) -> None:
        """Adds what shoppers did before, as their states tell."""
        catalogue = self.catalogue
        evidence = gather(states, now, self.rules, catalogue.row_of, catalogue.column_of)
        self._fit_size()
        cells = (evidence.product, evidence.style)
        np.add.at(self._weights, cells, evidence.weight * self._scale(now))

    def priors(self, now: datetime) -> Priors:
        """The present weights, by id."""
        self._fit_size()
        catalogue = self.catalogue
        products, styles = len(catalogue.product_ids), len(catalogue.style_ids)
        weights = self._weights[:products] / self._scale(now)
        return Priors(
            product_ids=tuple(catalogue.product_ids),
            product_weights=weights.sum(axis=1).astype(np.float32),
            categories=tuple(catalogue.categories),
            style_ids=tuple(catalogue.style_ids),
            category_style=by_category(catalogue, weights[:, :styles]).astype(np.float32),
        )

    def _scale(self, at: datetime) -> float:
        """What a weight of `at` is multiplied by to be stored."""
        half_lives: float = (at - self.since) / self.rules.half_life
        if half_lives > RESCALE_AFTER:
            self._weights *= decay(self.since, at, self.rules)
            self.since, half_lives = at, 0.0
        scale: float = 2.0 ** max(half_lives, -RESCALE_AFTER)
        return scale

    def _fit_size(self) -> None:
        """Room for the catalogue's present size; the last column is of unknown styles."""
        rows, columns = len(self.catalogue.product_ids), len(self.catalogue.column_of) + 1
        if rows <= self._weights.shape[0] and columns <= self._weights.shape[1]:
            return
        grown = np.zeros((max(2 * rows, 64), max(2 * columns, 9)), dtype=np.float64)
        old_rows, old_columns = self._weights.shape
        grown[:old_rows, : old_columns - 1] = self._weights[:, :-1]
        grown[:old_rows, -1] = self._weights[:, -1]
        self._weights = grown


def by_category(catalogue: Catalogue, weights: Doubles) -> Doubles:
    """Sums [P, K] over the products of each category to [C, K]."""
    sums = np.zeros((len(catalogue.category_code_of), weights.shape[1]), dtype=np.float64)
    sold = catalogue.present
    np.add.at(sums, catalogue.category_codes[sold], weights[sold])
    return sums
