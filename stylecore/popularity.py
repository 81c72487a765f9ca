"""How much all shoppers together did with each product and in each style, decayed.

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
from stylecore.decay import decay
from stylecore.evidence import Doubles, gather
from stylecore.preferences import Rules, style_evidence

RESCALE_AFTER = 64.0
"""Half-lives after which the stored weights are brought back to the present."""


@dataclass(frozen=True, slots=True)
class Priors:
    """Weights of products [P], log-odds of styles by category [C, K], and whose they are."""

    product_ids: tuple[str, ...]
    product_weights: NDArray[np.float32]
    categories: tuple[str, ...]
    style_ids: tuple[str, ...]
    category_style: NDArray[np.float32]


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
        """Adds an event; impressions, dismissals and unknown products add nothing."""
        row = self.catalogue.row_of.get(event.product_id)
        weight = self.rules.kind_weights.get(event.kind)
        if row is None or weight is None:
            return
        self._fit_size()
        scale = self._scale(min(event.occurred_at, now))
        self._weights[row] += weight * scale
        column = self.catalogue.column_of.get(event.style_id or "")
        if column is not None:
            self._styles[row, column] += style_evidence(event.propensity, self.rules) * scale

    def count_states(self, states: Sequence[UserState], now: datetime) -> None:
        """Adds what shoppers did before, as their states tell."""
        catalogue = self.catalogue
        seen = gather(states, now, self.rules, catalogue.row_of, catalogue.column_of)
        self._fit_size()
        scale = self._scale(now)
        np.add.at(self._weights, seen.product, seen.weight * scale)
        styled = seen.style >= 0
        cells = (seen.product[styled], seen.style[styled])
        np.add.at(self._styles, cells, seen.style_evidence[styled] * scale)

    def priors(self, now: datetime) -> Priors:
        """The present weights, by id."""
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
        """What a weight of `at` is multiplied by to be stored."""
        half_lives: float = (at - self.since) / self.rules.half_life
        if half_lives > RESCALE_AFTER:
            left = decay(self.since, at, self.rules.half_life)
            self._weights *= left
            self._styles *= left
            self.since, half_lives = at, 0.0
        scale: float = 2.0 ** max(half_lives, -RESCALE_AFTER)
        return scale

    def _fit_size(self) -> None:
        """Room for the catalogue's present size."""
        rows, columns = len(self.catalogue.product_ids), len(self.catalogue.column_of)
        more = 2 * rows if rows > self._styles.shape[0] else 0
        wider = columns if columns > self._styles.shape[1] else 0
        if more or wider:
            self._weights = np.pad(self._weights, (0, more))
            self._styles = np.pad(self._styles, ((0, more), (0, wider)))


def by_category(catalogue: Catalogue, weights: Doubles) -> NDArray[np.float32]:
    """Sums [P, K] over the products of each category to [C, K]."""
    sums = np.zeros((len(catalogue.category_code_of), weights.shape[1]), dtype=np.float64)
    sold = catalogue.present
    np.add.at(sums, catalogue.category_codes[sold], weights[sold])
    return sums.astype(np.float32)
