"""Interaction histories of a batch of shoppers as flat arrays in the catalogue's rows and columns.

`gather` makes one pass over the histories; everything after it is vectorised. `by_product` sums the
styles of a product. Interactions with products that are not in the catalogue are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, repeat

import numpy as np

from schemas.events import Interaction, UserState
from stylecore.arrays import Bools, Doubles, Ints
from stylecore.recommender.rules import Rules, in_cool_down

UNRANKED = np.iinfo(np.int64).max

Moment = datetime | Sequence[datetime]
"""The present of a batch: one time for all of its shoppers, or one for each."""


def each(now: Moment, count: int) -> Sequence[datetime]:
    """Return the time of each of `count` shoppers. Raises ValueError for another number."""
    if isinstance(now, datetime):
        return [now] * count
    if len(now) != count:
        raise ValueError(f"{count} shoppers have {len(now)} times")
    return now


@dataclass(frozen=True, slots=True)
class Interactions:
    """N interactions of `users` shoppers, in the order of shoppers and of their histories."""

    users: int
    user: Ints
    """[N], the shopper's position in the batch."""
    product: Ints
    """[N], the product's row."""
    style: Ints
    """[N], the style's column; -1 where it is not known."""
    weight: Doubles
    """[N], decayed to `now`."""
    style_evidence: Doubles
    """[N], log-odds for the style, decayed to `now`."""
    dismissed: Bools
    """[N], dismissed and in the cool-down."""
    excluded: Bools
    """[N], dismissed or purchased, and in the cool-down: not to be offered."""
    bought: Bools
    """[N], purchased at any time."""
    carted: Bools
    """[N], in the cart at any time."""


@dataclass(frozen=True, slots=True)
class ProductInteractions:
    """The same by product: M pairs of shopper and product, sorted by both."""

    starts: Ints
    """[B + 1]: shopper b has the pairs starts[b] to starts[b + 1]."""
    user: Ints
    product: Ints
    weight: Doubles
    """[M], over all styles."""
    style: Ints
    """[M], the style with the most weight; -1 where it is not known."""
    rank: Ints
    """[M], 0 for the product that its shopper acted on last; UNRANKED where dismissed or not acted
    on."""
    dismissed: Bools
    excluded: Bools
    bought: Bools
    carted: Bools


def gather(
    states: Sequence[UserState],
    now: Moment,
    rules: Rules,
    row_of: Mapping[str, int],
    column_of: Mapping[str, int],
) -> Interactions:
    """Return the histories of the shoppers as arrays, weights decayed to `now`."""
    counts = [len(state.interactions) for state in states]
    times = list(chain.from_iterable(map(repeat, each(now, len(states)), counts)))
    seen = [interaction for state in states for interaction in state.interactions]
    product = np.array([row_of.get(item.product_id, -1) for item in seen], dtype=np.int64)
    style = np.array([column_of.get(item.style_id or "", -1) for item in seen], dtype=np.int64)
    known = product >= 0
    shares = _decays(seen, times, rules)
    dismissed = _cooling([item.dismissed_at for item in seen], times, rules)
    purchases = [item.purchased_at for item in seen]
    return Interactions(
        users=len(states),
        user=np.repeat(np.arange(len(states)), counts)[known],
        product=product[known],
        style=style[known],
        weight=(shares * np.array([item.weight for item in seen]))[known],
        style_evidence=(shares * np.array([item.style_evidence for item in seen]))[known],
        dismissed=dismissed[known],
        excluded=(dismissed | _cooling(purchases, times, rules))[known],
        bought=np.array([at is not None for at in purchases], dtype=np.bool_)[known],
        carted=np.array([item.carted_at is not None for item in seen], dtype=np.bool_)[known],
    )


def by_product(interactions: Interactions, products: int) -> ProductInteractions:
    """Return the interactions summed over styles; `products` is the number of rows."""
    cells = interactions.user * products + interactions.product
    keys, pair = np.unique(cells, return_inverse=True)
    user, product = np.divmod(keys, max(products, 1))
    style = np.full(len(keys), -1, dtype=np.int64)
    lightest_first = np.argsort(interactions.weight, kind="stable")
    style[pair[lightest_first]] = interactions.style[lightest_first]
    dismissed = _any(pair, interactions.dismissed, len(keys))
    return ProductInteractions(
        starts=np.searchsorted(user, np.arange(interactions.users + 1)),
        user=user,
        product=product,
        weight=np.bincount(pair, interactions.weight, minlength=len(keys)).astype(np.float64),
        style=style,
        rank=_ranks(interactions, pair, dismissed),
        dismissed=dismissed,
        excluded=_any(pair, interactions.excluded, len(keys)),
        bought=_any(pair, interactions.bought, len(keys)),
        carted=_any(pair, interactions.carted, len(keys)),
    )


def only(interactions: ProductInteractions, rows: Ints) -> ProductInteractions:
    """Return the interactions about these products, whose rows become 0, 1, 2, ..."""
    place = np.full(
        max(interactions.product.max(initial=0), rows.max(initial=0)) + 1, -1, dtype=np.int64
    )
    place[rows] = np.arange(len(rows))
    kept = np.flatnonzero(place[interactions.product] >= 0)
    starts = np.searchsorted(interactions.user[kept], np.arange(len(interactions.starts)))
    found = taken(interactions, kept, interactions.user[kept], starts)
    return replace(found, product=place[found.product])


def taken(
    interactions: ProductInteractions, pairs: Ints, user: Ints, starts: Ints
) -> ProductInteractions:
    """Return these pairs as those of other shoppers: `user` [n] and `starts` as they have them."""
    return ProductInteractions(
        starts=starts,
        user=user,
        product=interactions.product[pairs],
        weight=interactions.weight[pairs],
        style=interactions.style[pairs],
        rank=interactions.rank[pairs],
        dismissed=interactions.dismissed[pairs],
        excluded=interactions.excluded[pairs],
        bought=interactions.bought[pairs],
        carted=interactions.carted[pairs],
    )


def _ranks(interactions: Interactions, pair: Ints, dismissed: Bools) -> Ints:
    """Return the rank of each pair [M]; histories are in the order of actions, the newest last."""
    acted = np.flatnonzero((interactions.weight > 0) & ~dismissed[pair])
    newest = np.full(len(dismissed), -1, dtype=np.int64)
    newest[pair[acted]] = acted  # of a product in several styles, the last one stays
    ranked = newest >= 0
    counted = np.zeros(len(interactions.user) + 1, dtype=np.int64)
    counted[newest[ranked] + 1] = 1
    counted = counted.cumsum()
    ends = np.searchsorted(interactions.user, interactions.user[newest[ranked]], side="right")
    ranks = np.full(len(dismissed), UNRANKED, dtype=np.int64)
    ranks[ranked] = counted[ends] - counted[newest[ranked] + 1]
    return ranks


def _any(cells: Ints, flags: Bools, size: int) -> Bools:
    found = np.zeros(size, dtype=np.bool_)
    found[cells[flags]] = True
    return found


def _decays(seen: Sequence[Interaction], times: Sequence[datetime], rules: Rules) -> Doubles:
    """Return what is left of each interaction at its shopper's time: 2^(-age / half-life)."""
    ages = np.array(
        [(now - item.updated_at).total_seconds() for item, now in zip(seen, times, strict=True)],
        dtype=np.float64,
    )
    half_lives = np.maximum(ages, 0.0) / rules.half_life.total_seconds()
    left: Doubles = np.exp2(-half_lives)
    return left


def _cooling(since: Sequence[datetime | None], times: Sequence[datetime], rules: Rules) -> Bools:
    """Return whether each dismissal or purchase is in its cool-down at its shopper's time."""
    return np.array(
        [
            at is not None and in_cool_down(at, now, rules)
            for at, now in zip(since, times, strict=True)
        ],
        dtype=np.bool_,
    )
