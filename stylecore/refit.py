"""A refit: fitted to all but the last hour, judged on that hour, new products placed.

1. The last hour is set aside (`held_out`), the rest is fitted from the parent (`fit`).
2. Parent and refit foresee that hour (`comparison`); who calls decides what a worse one deserves.
3. Every product on sale gets a row: those that hardly anybody touched are placed by category,
   looks and what feedback they have, the last hour's too (`placement`).
4. The lists that both versions give are compared (`overlap`).

Popularity and style priors are of all feedback. Between refits a product that joins is served at
its category's mean (`assortment`). Where states come from and who is told is not known here.

Time and memory grow with the number of interactions, not with shoppers x products; a figure and
the plan for ten times as much: `tests/benchmarks/bench_refit.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.events import UserState
from stylecore.artifact import Encoded, encoded
from stylecore.catalogue import Catalogue
from stylecore.comparison import Comparison, compare
from stylecore.factors import Factors
from stylecore.fit import FitSettings, fit_unnamed
from stylecore.held_out import HeldOut, hold_out, start_of_held_out
from stylecore.newcomers import EmbeddingOf
from stylecore.overlap import overlap
from stylecore.placement import complete
from stylecore.preferences import Rules


@dataclass(frozen=True)
class Refit:
    """The new factors and how they stand beside their parent's; None where there is none, or too
    little happened in the last hour to tell.
    """

    artifact: Encoded
    comparison: Comparison | None
    overlap: float | None

    @property
    def factors(self) -> Factors:
        """The new factors."""
        return self.artifact.factors

    @property
    def is_worse(self) -> bool:
        """Whether the parent is the better one to keep."""
        return self.comparison is not None and self.comparison.is_worse

    def as_metrics(self) -> dict[str, float]:
        """The figures by name, for the log and the announcement."""
        figures = {
            "products": float(len(self.factors.product_ids)),
            "products_fitted": float(self.factors.fitted),
            "factors": float(self.factors.product_factors.shape[1]),
        }
        if self.overlap is not None:
            figures["overlap_at_10"] = round(self.overlap, 4)
        return figures | (self.comparison.as_metrics() if self.comparison else {})


def refit(
    states: Sequence[UserState],
    catalogue: Catalogue,
    parent: Factors | None,
    embedding_of: EmbeddingOf,
    settings: FitSettings,
    rules: Rules,
    now: datetime,
) -> Refit | None:
    """The refit of all states; None where there is too little to fit (`FitSettings`).

    The first fit of a shop, without a parent, learns everything and is compared with nothing.
    """
    held_out = _set_aside(states, parent, now)
    fitted = fit_unnamed(held_out.before, catalogue, parent, settings, rules, now)
    if fitted is None:
        return None
    artifact = encoded(
        complete(fitted, states, catalogue, embedding_of, rules, held_out.since, now)
    )
    factors = artifact.factors
    return Refit(
        artifact=artifact,
        comparison=None if parent is None else compare(parent, fitted, held_out, rules),
        overlap=None if parent is None else overlap(states, catalogue, parent, factors, rules, now),
    )


def _set_aside(states: Sequence[UserState], parent: Factors | None, now: datetime) -> HeldOut:
    if parent is None:
        return HeldOut(since=now, before=list(states), shoppers=[], wanted=[])
    return hold_out(states, start_of_held_out(states, parent.learned_until, now))
