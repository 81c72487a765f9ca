"""Refit the factors to all but the last hour, judge them on that hour, and place new products.

1. The last hour is held out (`hold_out`); the rest is fitted, starting from the parent (`als`).
2. Parent and refit predict that hour; the caller decides what follows from a worse one.
3. Every product on sale gets a row: products with few interactions by category, photo and their
   feedback, that of the last hour included (`cold_start`).
4. The lists that both versions give are compared: the share of the best products in common.

Held out are whole interactions touched since the hour began, since states keep one sum a product.
Parent and refit rank the products that both were fitted to, from each shopper's earlier
interactions. The measure is Recall@10; 1 / log2(1 + rank) over the whole ranking separated narrower
fits worse, in units of its own error. New products, the popularity bonus and explored places are
not judged.

Popularity and style priors come from all feedback. Between refits a product that joins is served at
its category's mean (`snapshot`). Time and memory grow with the number of interactions, not with
shoppers x products: `tests/benchmarks/bench_refit.py` has the figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from msgspec import structs

from schemas.events import UserState
from stylecore.arrays import Doubles, Ints
from stylecore.recommender.als import FitSettings, fit_unnamed
from stylecore.recommender.catalog import Catalogue
from stylecore.recommender.cold_start import EmbeddingOf, complete
from stylecore.recommender.factors import Encoded, Factors, encoded
from stylecore.recommender.foldin import whitening
from stylecore.recommender.interactions import by_product, gather
from stylecore.recommender.item_neighbours import additions_of
from stylecore.recommender.rules import Rules
from stylecore.recommender.shopper_vectors import fold_in_shoppers, scores_of_new
from stylecore.recommender.snapshot import features_of, neighbours_of
from stylecore.recommender.top_k import NONE, products_of, top_k

HELD_OUT = timedelta(hours=1)
MOST_HELD_OUT = 0.2
"""Share of all interactions: a young shop's last hour may be all that there is."""


@dataclass(frozen=True)
class HeldOut:
    """S shoppers did something since; `before` is everyone as of then."""

    since: datetime
    before: list[UserState]
    shoppers: list[UserState]
    """[S], as they were before."""
    wanted: list[frozenset[str]]
    """[S], the products that each came to since, without dismissed ones and those known before."""


def start_of_held_out(
    states: Sequence[UserState], learned_until: datetime | None, now: datetime
) -> datetime:
    """Return an hour ago, or later where that would hold out too much or what the parent learned.

    So neither the parent nor the refit has seen what they are compared on.
    """
    times = [item.updated_at.timestamp() for state in states for item in state.interactions]
    latest = np.quantile(times, 1.0 - MOST_HELD_OUT) if times else 0.0
    bounds = [now - HELD_OUT, datetime.fromtimestamp(float(latest), UTC)]
    return min(now, max([*bounds, learned_until] if learned_until else bounds))


def hold_out(states: Sequence[UserState], since: datetime) -> HeldOut:
    """Return the states as they were at `since`, and what came after."""
    before, shoppers, wanted = [], [], []
    for state in states:
        if all(item.updated_at <= since for item in state.interactions):
            before.append(state)
            continue
        earlier = as_of(state, since)
        before.append(earlier)
        came_to = {
            item.product_id
            for item in state.interactions
            if item.updated_at > since and item.dismissed_at is None
        }
        if products := frozenset(came_to - {item.product_id for item in earlier.interactions}):
            shoppers.append(earlier)
            wanted.append(products)
    return HeldOut(since=since, before=before, shoppers=shoppers, wanted=wanted)


def as_of(state: UserState, since: datetime) -> UserState:
    """Return the state with what its shopper last did until `since`."""
    kept = tuple(item for item in state.interactions if item.updated_at <= since)
    return structs.replace(state, interactions=kept)


LEAST_SHOPPERS = 10
"""Fewer prove nothing."""
MOST_SHOPPERS = 5000
"""More cost time and make the error no smaller than it has to be."""
PLACES = 10
BLOCK = 256
ERRORS = 2.0
"""A refit is worse when it is behind by so many standard errors. Of refits that are just as good
as their parents, chance then keeps back one in forty; with one error it would be one in six."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Means over the same shoppers; `error` is the standard error of the paired difference."""

    shoppers: int
    parent_recall: float
    refit_recall: float
    error: float

    @property
    def is_worse(self) -> bool:
        """Whether the refit is behind its parent by more than chance explains."""
        return self.refit_recall - self.parent_recall < -ERRORS * self.error

    def as_metrics(self) -> dict[str, float]:
        """Return the figures by name, for the log and the announcement."""
        return {
            "held_out_shoppers": float(self.shoppers),
            "held_out_recall_at_10": round(self.refit_recall, 5),
            "held_out_recall_at_10_parent": round(self.parent_recall, 5),
            "held_out_recall_at_10_error": round(self.error, 5),
        }


@dataclass(frozen=True, slots=True)
class _Task:
    """S shoppers and the pairs of shopper and product, a row of the judged, to be foreseen."""

    held_out: HeldOut
    row_of: dict[str, int]
    """Of the judged products."""
    shopper: Ints
    product: Ints


def compare(parent: Factors, refit: Factors, held_out: HeldOut, rules: Rules) -> Comparison | None:
    """Compare both on the held-out time; None where fewer than LEAST_SHOPPERS can be judged."""
    task = _task(parent, refit, held_out)
    judged = np.unique(task.shopper)
    if len(judged) < LEAST_SHOPPERS:
        return None
    older, newer = (_recalls(task, _ranks(factors, task, rules)) for factors in (parent, refit))
    difference = newer - older
    return Comparison(
        shoppers=len(judged),
        parent_recall=float(older.mean()),
        refit_recall=float(newer.mean()),
        error=float(difference.std(ddof=1) / np.sqrt(len(judged))),
    )


def _task(parent: Factors, refit: Factors, held_out: HeldOut) -> _Task:
    both = set(parent.product_ids[: parent.fitted]) & set(refit.product_ids[: refit.fitted])
    row_of = {product: row for row, product in enumerate(sorted(both))}
    step = -(-len(held_out.shoppers) // MOST_SHOPPERS) or 1
    sample = replace(held_out, shoppers=held_out.shoppers[::step], wanted=held_out.wanted[::step])
    pairs = [
        (shopper, row_of[product])
        for shopper, wanted in enumerate(sample.wanted)
        for product in sorted(wanted & both)
    ]
    found = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return _Task(sample, row_of, found[:, 0], found[:, 1])


def _ranks(factors: Factors, task: _Task, rules: Rules) -> Ints:
    """Rank each pair's product, 1 the best, among the judged that are new to the shopper."""
    held_out = task.held_out
    white = whitening(factors.fitted_factors, factors.regularization)
    features = white.whiten(factors.product_factors)
    own_row_of = {name: row for row, name in enumerate(factors.product_ids)}
    judged = np.array([own_row_of[product] for product in task.row_of], dtype=np.int64)
    ranks = np.empty(len(task.shopper), dtype=np.int64)
    for first in range(0, len(held_out.shoppers), BLOCK):
        shoppers = held_out.shoppers[first : first + BLOCK]
        pairs = slice(*np.searchsorted(task.shopper, (first, first + BLOCK)))
        if pairs.start == pairs.stop:
            continue
        interactions = by_product(
            gather(shoppers, held_out.since, rules, own_row_of, {}), len(own_row_of)
        )
        scores = scores_of_new(factors, features, interactions, judged)
        shopper, product = task.shopper[pairs] - first, task.product[pairs]
        wanted = scores[shopper, product][:, None]
        ranks[pairs] = 1 + (scores[shopper] > wanted).sum(axis=1)
    return ranks


def _recalls(task: _Task, ranks: Ints) -> Doubles:
    """Return Recall@10 of each shopper with held-out products among the judged ones."""
    _, shopper, counts = np.unique(task.shopper, return_inverse=True, return_counts=True)
    recalls: Doubles = np.bincount(shopper, ranks <= PLACES) / np.minimum(counts, PLACES)
    return recalls


SHOPPERS = 500
"""A sample is enough: its error is at most .5 / sqrt(500) = .02."""


def overlap(
    states: Sequence[UserState],
    catalogue: Catalogue,
    older: Factors,
    newer: Factors,
    rules: Rules,
    now: datetime,
) -> float:
    """Return the mean share, 0 to 1, of each shopper's ten best products that is the same in both.

    Over a sample of shoppers with a history; 1 where there are none. Taste alone, without
    popularity's bonus.
    """
    known = [state for state in states if state.interactions]
    sample = known[:: max(1, len(known) // SHOPPERS)][:SHOPPERS]
    if not sample:
        return 1.0
    tops = [_best(sample, catalogue, factors, rules, now) for factors in (older, newer)]
    shares = [
        len(set(one) & set(other) - {NONE}) / max(1, len(set(one) - {NONE}))
        for one, other in zip(tops[0].tolist(), tops[1].tolist(), strict=True)
    ]
    return float(np.mean(shares))


def _best(
    states: Sequence[UserState], catalogue: Catalogue, factors: Factors, rules: Rules, now: datetime
) -> Ints:
    """Return the rows of each shopper's best products, [B, PLACES]."""
    features = features_of(catalogue, factors)
    seen = gather(states, now, rules, catalogue.row_of, catalogue.column_of)
    interactions = by_product(seen, len(catalogue.product_ids))
    vectors = fold_in_shoppers(features, interactions, factors.recency)
    on_top = additions_of(
        neighbours_of(catalogue, factors), interactions, factors.blend, factors.recency.decay
    )
    user, product = (
        interactions.user[interactions.excluded],
        interactions.product[interactions.excluded],
    )
    products = products_of(features, ~catalogue.present)
    return top_k(vectors, products, PLACES, user, product, on_top).rows


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
        """Return the figures by name, for the log and the announcement."""
        figures = {
            "products": float(len(self.factors.product_ids)),
            "products_fitted": float(self.factors.fitted),
            "factors": float(self.factors.product_factors.shape[1]),
        }
        figures |= self.factors.figures
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
    figures: Mapping[str, float] | None = None,
) -> Refit | None:
    """Return the refit of all states; None where there is too little to fit (`FitSettings`).

    `figures` are those of the choice of the settings, for the artifact.

    The first fit of a shop, without a parent, learns everything and is compared with nothing.
    """
    held_out = (
        HeldOut(since=now, before=list(states), shoppers=[], wanted=[])
        if parent is None
        else hold_out(states, start_of_held_out(states, parent.learned_until, now))
    )
    fitted = fit_unnamed(held_out.before, catalogue, parent, settings, rules, now)
    if fitted is None:
        return None
    made = complete(fitted, states, catalogue, embedding_of, rules, held_out.since, now)
    artifact = encoded(replace(made, figures=figures or {}))
    factors = artifact.factors
    return Refit(
        artifact=artifact,
        comparison=None if parent is None else compare(parent, fitted, held_out, rules),
        overlap=None if parent is None else overlap(states, catalogue, parent, factors, rules, now),
    )
