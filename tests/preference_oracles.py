"""Oracles of the recommender: one shopper at a time, readable and slow."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from schemas.events import Feedback, UserState
from stylecore.arrays import Doubles, Floats, Ints
from stylecore.recommender.rules import Recency, Rules, decay
from stylecore.recommender.state import DISMISSED_CONFIDENCE, counts_of, dismissed_products
from stylecore.recommender.style_policy import log_odds


def product_weights(
    state: UserState, now: datetime, rules: Rules, alpha: float = 1.0
) -> tuple[list[str], list[float], list[float]]:
    """Return what the shopper thinks of products: ids, confidences c and preferences p.

    c = 1 + alpha * weight and p = 1, over all styles of a product; c = 5 and p = -1 while it is
    dismissed. Hu, Koren, Volinsky 2008, equations 1 and 2. `interactions.gather` does the same for
    a batch.
    """
    weights: dict[str, float] = {}
    for seen in state.interactions:
        weight = seen.weight * decay(seen.updated_at, now, rules.half_life)
        weights[seen.product_id] = weights.get(seen.product_id, 0.0) + weight
    dismissed = dismissed_products(state, now, rules)
    confidences = [
        DISMISSED_CONFIDENCE if product in dismissed else 1.0 + alpha * weight
        for product, weight in weights.items()
    ]
    preferences = [-1.0 if product in dismissed else 1.0 for product in weights]
    return list(weights), confidences, preferences


def newest_first(
    steps: list[tuple[Feedback, datetime]], state: UserState, now: datetime, rules: Rules
) -> list[str]:
    """Return the products that a shopper acted on and has not dismissed, the last action first.

    By the time of each product's last action; of equal times, what was delivered last comes first.
    `state` is the one after the steps, which may have forgotten products.
    """
    last: dict[tuple[str, str | None], tuple[datetime | None, int]] = {}
    for delivery, (event, arrived) in enumerate(steps):
        acted, _ = last.get((event.product_id, event.style_id), (None, 0))
        if event.kind != "dismiss":
            occurred = min(event.occurred_at, arrived)
            acted = occurred if acted is None else max(acted, occurred)
        last[event.product_id, event.style_id] = acted, delivery
    known = {seen.product_id for seen in state.interactions}
    known -= dismissed_products(state, now, rules)
    newest: dict[str, tuple[datetime, int]] = {}
    for (product, _), (acted, delivery) in last.items():
        if acted is not None and product in known:
            newest[product] = max(newest.get(product, (acted, delivery)), (acted, delivery))
    return sorted(newest, key=newest.__getitem__, reverse=True)


def recent_weights(
    steps: list[tuple[Feedback, datetime]],
    state: UserState,
    now: datetime,
    rules: Rules,
    recency: Recency,
) -> dict[str, tuple[float, float]]:
    """Return c and p of the products that count in the fold-in.

    c = 1 + scale * weight * decay^k and p = 1 of the k-th newest; c = 5 and p = -1 while dismissed.
    """
    ids, confidences, preferences = product_weights(state, now, rules, recency.scale)
    found = {}
    newest = newest_first(steps, state, now, rules)[: recency.newest]
    for product, confidence, preference in zip(ids, confidences, preferences, strict=True):
        if preference < 0:
            found[product] = confidence, preference
        elif product in newest:
            left = recency.decay ** newest.index(product)
            found[product] = 1.0 + (confidence - 1.0) * left, preference
    return found


def style_weights(state: UserState, now: datetime, rules: Rules) -> dict[str, float]:
    """Return the log-odds of one shopper by style, as `by_style` does for a batch."""
    counts = counts_of(state, now, rules)
    left = decay(counts.at, now, rules.half_life)
    rows = [(left * one.seen, left * one.acted, left * one.log_odds) for one in counts.styles]
    seen, acted, other = np.array(rows).reshape(-1, 3).T[:, None]
    (found,) = log_odds(seen, acted, other, rules).tolist()
    return {one.style_id: odds for one, odds in zip(counts.styles, found, strict=True)}


def fold_in_one(
    product_factors: Floats,
    regularization: float,
    products: Ints,
    confidences: Floats,
    preferences: Floats,
) -> Doubles:
    """Return x of one shopper straight from the equation, in double precision."""
    factors = product_factors.astype(np.float64)
    own = factors[products]
    extra = confidences.astype(np.float64) - 1.0
    left = factors.T @ factors + (own.T * extra) @ own
    right = own.T @ (confidences.astype(np.float64) * preferences)
    left += regularization * np.eye(factors.shape[1])
    return np.asarray(np.linalg.solve(left, right), dtype=np.float64)


def similarities(
    states: list[UserState], now: datetime, rules: Rules, ids: list[str], shrinkage: float
) -> Doubles:
    """Return the shrunk cosines of `item_neighbours` for all pairs of products, [P, P]."""
    table = np.zeros((len(states), len(ids)))
    for user, state in enumerate(states):
        names, confidences, preferences = product_weights(state, now, rules)
        for name, confidence, preference in zip(names, confidences, preferences, strict=True):
            if preference > 0:
                table[user, ids.index(name)] = min(confidence - 1.0, 1.0)
    norms = np.sqrt((table**2).sum(axis=0))
    found: Doubles = table.T @ table / (np.outer(norms, norms) + shrinkage)
    np.fill_diagonal(found, 0.0)
    return found
