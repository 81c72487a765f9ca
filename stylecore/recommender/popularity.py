"""Popularity of products and styles over all shoppers, decayed, and the priors made from it.

Counted from shoppers' states: by a worker from the changes it makes, by the trainer from all.
A shopper counts once for a product and a style, with at most the weight of a purchase, so that one
id with thousands of clicks changes little. Memory is bounded by products and styles: the states
record which shoppers were counted. `Priors` name products, categories and styles by id, so that
they can be aligned with any catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from schemas.events import Feedback, Interaction, UserState
from stylecore.arrays import Doubles, Floats
from stylecore.recommender.catalog import Catalogue
from stylecore.recommender.rules import Rules, decay
from stylecore.recommender.state import style_evidence

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
            self._styles[row, column] += style_evidence(event.propensity, self.rules) * scale

    def count_states(self, states: Sequence[UserState], now: datetime) -> None:
        """Add the interactions in shoppers' states."""
        self._scale(now)
        self._add([item for state in states for item in state.interactions], 1.0)

    def count_changes(
        self, changes: Iterable[tuple[UserState | None, UserState]], now: datetime
    ) -> None:
        """Count states as they are in place of what they were; None was not there."""
        self._scale(now)
        gone: list[Interaction] = []
        new: list[Interaction] = []
        for before, after in changes:
            old = () if before is None else before.interactions
            # What an event leaves alone stays the same object.
            kept = {id(item) for item in old} & {id(item) for item in after.interactions}
            gone += [item for item in old if id(item) not in kept]
            new += [item for item in after.interactions if id(item) not in kept]
        self._add(gone, -1.0)
        self._add(new, 1.0)

    def _add(self, seen: Sequence[Interaction], sign: float) -> None:
        """Add or remove interactions with known products."""
        row_of, column_of = self.catalogue.row_of, self.catalogue.column_of
        seen = [item for item in seen if item.product_id in row_of]
        if not seen:
            return
        self._fit_size()
        most = max(self.rules.kind_weights.values(), default=0.0)
        rows = np.array([row_of[item.product_id] for item in seen])
        columns = np.array([column_of.get(item.style_id or "", -1) for item in seen])
        ages = np.array([(item.updated_at - self.since).total_seconds() for item in seen])
        half_lives = ages / self.rules.half_life.total_seconds()
        scales = sign * np.exp2(np.clip(half_lives, -RESCALE_AFTER, RESCALE_AFTER))
        weights = np.minimum([item.weight for item in seen], most)
        np.add.at(self._weights, rows, weights * scales)
        evidence = np.array([item.style_evidence for item in seen])
        styled = columns >= 0
        cells = (rows[styled], columns[styled])
        np.add.at(self._styles, cells, (evidence * scales)[styled])

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


def by_category(catalogue: Catalogue, weights: Doubles) -> Floats:
    """Sum [P, K] over the products of each category to [C, K]."""
    sums = np.zeros((len(catalogue.category_code_of), weights.shape[1]), dtype=np.float64)
    sold = catalogue.present
    np.add.at(sums, catalogue.category_codes[sold], weights[sold])
    return sums.astype(np.float32)
