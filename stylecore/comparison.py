"""Whether a refit foresees what shoppers did next as well as its parent does.

Both rank the products that both were fitted to, for each shopper of the held-out time, from what
that shopper had done before. The measure is Recall@10, of the places that are looked at; beside
1 / log2(1 + rank) over the whole ranking it told narrower fits apart by more of its own errors.
New products are not judged, and popularity's bonus and the explored places of a served list are
left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stylecore.arrays import Doubles, Floats, Ints
from stylecore.evidence import ProductEvidence, by_product, gather
from stylecore.factors import Factors
from stylecore.foldin import fold_in, whitening
from stylecore.held_out import HeldOut
from stylecore.preferences import Rules
from stylecore.taste import histories

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
        """The figures by name, for the log and the announcement."""
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
    """Both on the held-out time; None where fewer than LEAST_SHOPPERS can be judged."""
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
    """The rank of each pair's product, 1 the best, among the judged that are new to the shopper."""
    held_out = task.held_out
    white = whitening(factors.fitted_factors, factors.regularization)
    features = white.whiten(factors.fitted_factors)
    own_row_of = {name: row for row, name in enumerate(factors.product_ids[: factors.fitted])}
    judged = features[[own_row_of[product] for product in task.row_of]]
    ranks = np.empty(len(task.shopper), dtype=np.int64)
    for first in range(0, len(held_out.shoppers), BLOCK):
        shoppers = held_out.shoppers[first : first + BLOCK]
        pairs = slice(*np.searchsorted(task.shopper, (first, first + BLOCK)))
        if pairs.start == pairs.stop:
            continue
        done = by_product(gather(shoppers, held_out.since, rules, own_row_of, {}), len(own_row_of))
        scores = fold_in(features, histories(done, factors.alpha)).vectors @ judged.T
        _leave_out(scores, done, factors, task.row_of)
        shopper, product = task.shopper[pairs] - first, task.product[pairs]
        own = scores[shopper, product][:, None]
        ranks[pairs] = 1 + (scores[shopper] > own).sum(axis=1)
    return ranks


def _leave_out(
    scores: Floats, done: ProductEvidence, factors: Factors, row_of: dict[str, int]
) -> None:
    """What a shopper has done anything with is not ranked."""
    judged = np.array([row_of.get(name, -1) for name in factors.product_ids], dtype=np.int64)
    rows = judged[done.product]
    scores[done.user[rows >= 0], rows[rows >= 0]] = -np.inf


def _recalls(task: _Task, ranks: Ints) -> Doubles:
    """Recall@10 of each shopper who can be judged."""
    _, shopper, counts = np.unique(task.shopper, return_inverse=True, return_counts=True)
    recalls: Doubles = np.bincount(shopper, ranks <= PLACES) / np.minimum(counts, PLACES)
    return recalls
