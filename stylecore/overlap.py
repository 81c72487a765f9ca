"""How much of shoppers' best products two versions of the factors agree on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from schemas.events import UserState
from stylecore.alignment import features_of
from stylecore.arrays import Ints
from stylecore.catalogue import Catalogue
from stylecore.evidence import by_product, gather
from stylecore.factors import Factors
from stylecore.foldin import fold_in
from stylecore.preferences import Rules
from stylecore.rank import NONE, top_k
from stylecore.taste import histories

SHOPPERS = 500
"""A sample is enough: its error is at most .5 / sqrt(500) = .02."""
PLACES = 10


def overlap(
    states: Sequence[UserState],
    catalogue: Catalogue,
    older: Factors,
    newer: Factors,
    rules: Rules,
    now: datetime,
) -> float:
    """The mean share, 0 to 1, of each shopper's ten best products that is the same in both.

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
    """The rows of each shopper's best products, [B, PLACES]."""
    features = features_of(catalogue, factors)
    seen = gather(states, now, rules, catalogue.row_of, catalogue.column_of)
    done = by_product(seen, len(catalogue.product_ids))
    vectors = fold_in(features, histories(done, factors.alpha)).vectors
    user, product = done.user[done.resting], done.product[done.resting]
    return top_k(vectors, features, PLACES, user, product, ~catalogue.present).rows
