"""Keep a list calm and various: what stays of the list that a shopper has, and how alike its items.

Calm: a list that is rebuilt differs from the one before in at most `Rules.changes` places,
topmost first, and in none where the shopper's hand is: the place acted on and those beside it.
Whatever may not be shown any longer leaves at once, and counts before anything else: removed
products, dismissed and bought ones, pictures of a campaign that is over. What stays keeps its
place, its style and the propensity with which that was drawn; scores and reasons are those of now.

Various: no category and no style has more than MOST_ALIKE of a list of FEW or
more places, except where the shopper asked for it (`asked_categories`, `asked_styles`), or where
there is nothing else to show. A style that has reached the bound is no arm of the places below it,
and their propensities say so.

A list is kept as bytes, ENTRY after ENTRY, with hashed ids: 21 bytes a place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stylecore.arrays import Bools, Doubles, Floats, Ints, Unsigned
from stylecore.recommender.interactions import ProductInteractions
from stylecore.recommender.snapshot import CatalogSnapshot
from stylecore.recommender.style_policy import draw
from stylecore.recommender.top_k import NONE, Ranking

ENTRY = np.dtype([("product", "<u8"), ("style", "<u8"), ("propensity", "<f4"), ("explored", "?")])
LONGEST = 200
"""Places of a list at most."""
MOST_ALIKE = 0.6
FEW = 5
"""Shorter lists have no bounds: one product more would be half of them."""
ASKED_LOG_ODDS = 4.0
"""From which a shopper asked for a style: two choices on products' pages, or some more clicks."""
ASKED_PRODUCTS, NEWEST_ASKED = 3, 20
"""Products that ask for a category, if they are MOST_ALIKE of the newest ones; and how many of
those are looked at."""


@dataclass(frozen=True, slots=True)
class Shelves:
    """The lists that B shoppers have, [B, k] each."""

    rows: Ints
    """NONE where there is no item, or one that may not be shown any longer."""
    columns: Ints
    """NONE where the product has this picture no longer."""
    propensities: Doubles
    explored: Bools
    pointed: Bools
    """Under the shopper's hand: not to be changed."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The best products for B shoppers, and what their styles are drawn from."""

    rows: Ints
    """[B, k], best first; NONE in places that no product is left for."""
    explored: Bools
    """[B, k]"""
    categories: Ints
    """[B, k], codes."""
    shares: Doubles
    """[B, k, K], the styles' probabilities."""
    noise: Doubles
    """[B, k, K], in (0, 1)."""
    asked_categories: Bools
    """[B, C], for which the bound does not hold."""
    asked_styles: Bools
    """[B, K]"""


def packed(
    snapshot: CatalogSnapshot, rows: Ints, columns: Ints, propensities: Doubles, explored: Bools
) -> list[bytes]:
    """Return each list [B, k] as bytes; places without a product are left out."""
    entries = np.zeros(rows.shape, dtype=ENTRY)
    entries["product"], entries["style"] = snapshot.product_keys[rows], snapshot.style_keys[columns]
    entries["propensity"], entries["explored"] = propensities, explored
    filled = (rows != NONE).sum(axis=1) * ENTRY.itemsize
    return [line.tobytes()[:size] for line, size in zip(entries, filled.tolist(), strict=True)]


class Before(NamedTuple):
    """The list that a shopper has, and what was acted on since."""

    shelf: bytes = b""
    product_id: str | None = None
    position: int | None = None
    """Where the storefront says that the product was; else it is looked for in the list."""


def unpacked(snapshot: CatalogSnapshot, before: Sequence[Before], items: int) -> Shelves:
    """Return the lists in the snapshot's rows and columns, cut to `items` places.

    Bytes that hold no list count as none.
    """
    size = items * ENTRY.itemsize
    shelves = (one.shelf if is_shelf(one.shelf) else b"" for one in before)
    whole = b"".join(shelf[:size].ljust(size, b"\0") for shelf in shelves)
    entries = np.frombuffer(whole, dtype=ENTRY).reshape(len(before), items)
    rows = _positions(snapshot.product_keys, snapshot.product_order, entries["product"])
    columns = _positions(snapshot.style_keys, snapshot.style_keys.argsort(), entries["style"])
    rows[~(entries["propensity"] > 0) | (earlier_alike(rows) > 0)] = NONE
    return Shelves(
        rows=rows,
        columns=columns,
        propensities=entries["propensity"].astype(np.float64),
        explored=entries["explored"].copy(),
        pointed=_pointed(snapshot, rows, before),
    )


def is_shelf(shelf: bytes) -> bool:
    """Return whether these bytes can be a list."""
    return len(shelf) % ENTRY.itemsize == 0 and len(shelf) <= LONGEST * ENTRY.itemsize


def _positions(keys: Unsigned, order: Ints, asked: Unsigned) -> Ints:
    """Return where in `keys` those asked for are, of the shape of `asked`; NONE if nowhere."""
    if not len(keys):
        return np.full(asked.shape, NONE, dtype=np.int64)
    place = np.minimum(np.searchsorted(keys, asked, sorter=order), len(keys) - 1)
    found = order[place]
    return np.where(keys[found] == asked, found, NONE)


def _pointed(snapshot: CatalogSnapshot, rows: Ints, before: Sequence[Before]) -> Bools:
    """Return [B, k], the place that each shopper acted on and those beside it."""
    product = [snapshot.row_of.get(one.product_id or "", NONE) for one in before]
    place = [NONE if one.position is None else one.position for one in before]
    places = np.array(place, dtype=np.int64)[:, None]
    here = (rows == np.array(product, dtype=np.int64)[:, None]) & (rows != NONE) & (places == NONE)
    here |= np.arange(rows.shape[1]) == places
    beside: Bools = here.copy()
    beside[:, 1:] |= here[:, :-1]
    beside[:, :-1] |= here[:, 1:]
    return beside


def most_alike(length: Ints) -> Ints:
    """Return how many items of lists of these lengths may be of one category or style."""
    bound = np.floor(MOST_ALIKE * length + 1e-9).astype(np.int64)
    return np.where(length < FEW, length, bound)


def asked_styles(affinities: Doubles) -> Bools:
    """Return which styles each shopper asked for, [B, K], by the log-odds for them."""
    asked: Bools = affinities >= ASKED_LOG_ODDS
    return asked


def asked_categories(snapshot: CatalogSnapshot, interactions: ProductInteractions) -> Bools:
    """Return which categories each shopper asked for, [B, C], by the newest products."""
    newest = interactions.rank < NEWEST_ASKED
    counts = np.zeros((len(interactions.starts) - 1, int(snapshot.category_codes.max()) + 1))
    codes = snapshot.category_codes[interactions.product[newest]]
    np.add.at(counts, (interactions.user[newest], codes), 1)
    most = MOST_ALIKE * counts.sum(axis=1, keepdims=True)
    return np.asarray((counts >= ASKED_PRODUCTS) & (counts >= most), dtype=np.bool_)


def varied(
    snapshot: CatalogSnapshot,
    best: Ranking,
    users: Floats,
    excluded: Ints,
    asked: Bools,
    drawn: int,
) -> Ranking:
    """Return lists [B, k] without too many products of one category, of which `drawn` are kept free
    for places that are drawn at random.

    Where one has too many, its lowest places go to the best of other categories, among their most
    popular products. excluded: position * P + row of each product that a shopper must not get.
    """
    length = (best.rows != NONE).sum(axis=1)
    bound = most_alike(length)
    strict = np.maximum(bound - drawn, 1)
    if not len(over := np.flatnonzero(_surplus(snapshot, best.rows, strict, asked).any(axis=1))):
        return best
    more = _others(snapshot, best.rows[over], users[over], over, excluded)
    rows = np.hstack([best.rows[over], more.rows])
    scores = np.hstack([best.scores[over], more.scores])
    worse = 3 * (rows == NONE)
    for most in (strict, bound):
        worse += _surplus(snapshot, rows, most[over], asked[over])
    order = np.argsort(worse, axis=1, kind="stable")[:, : best.rows.shape[1]]
    found = Ranking(rows=best.rows.copy(), scores=best.scores.copy())
    found.rows[over] = np.take_along_axis(rows, order, axis=1)
    found.scores[over] = np.take_along_axis(scores, order, axis=1)
    return found


def _surplus(snapshot: CatalogSnapshot, rows: Ints, bound: Ints, asked: Bools) -> Bools:
    """Return which products [B, n] are too many of their category, the first ones not."""
    codes = snapshot.category_codes[rows]
    allowed = np.take_along_axis(asked, codes, axis=1) | (rows == NONE)
    surplus: Bools = (earlier_alike(codes) >= bound[:, None]) & ~allowed
    return surplus


def earlier_alike(codes: Ints) -> Ints:
    """Return how many of the same code stand further left, [B, n]."""
    order = np.argsort(codes, axis=1, kind="stable")
    ordered = np.take_along_axis(codes, order, axis=1)
    places = np.broadcast_to(np.arange(codes.shape[1]), codes.shape)
    begins = np.diff(ordered, axis=1, prepend=0) != 0  # the first begins at 0 anyway
    firsts = np.maximum.accumulate(np.where(begins, places, 0), axis=1)
    earlier = np.empty(codes.shape, dtype=np.int64)
    np.put_along_axis(earlier, order, places - firsts, axis=1)
    return earlier


def _others(
    snapshot: CatalogSnapshot, rows: Ints, users: Floats, shoppers: Ints, excluded: Ints
) -> Ranking:
    """Return the products of `snapshot.various` that are not in the lists, the best k first."""
    pool = snapshot.various
    scores = users @ snapshot.ranked.of(pool).T
    taken = (pool == rows[:, :, None]).any(axis=1)
    taken |= np.isin(shoppers[:, None] * len(snapshot.product_ids) + pool, excluded)
    scores[taken] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")
    found = np.take_along_axis(scores, order, axis=1)
    return Ranking(rows=np.where(np.isneginf(found), NONE, pool[order]), scores=found)


@dataclass(frozen=True, slots=True)
class Arranged:
    """The lists to be shown, [B, k] each."""

    rows: Ints
    columns: Ints
    propensities: Doubles
    explored: Bools
    sources: Ints
    """Place among the candidates; NONE for what stays and is none of them."""
    unsettled: Bools
    """[B], whether something is left for the next visit."""


def arranged(
    snapshot: CatalogSnapshot, shelves: Shelves, fresh: Candidates, changes: int
) -> Arranged:
    """Return the shelves with what is fresh in at most `changes` places, and in those that are
    empty; an empty shelf becomes the fresh list, within the bounds.
    """
    work = _Arranging(snapshot, shelves, fresh, changes)
    for place in range(fresh.rows.shape[1]):
        work.arrange(place)
    return work.result()


class _Arranging:
    """The lists while they are arranged, place after place, all shoppers at once."""

    def __init__(
        self, snapshot: CatalogSnapshot, shelves: Shelves, fresh: Candidates, changes: int
    ) -> None:
        self._fresh, self._everyone = fresh, np.arange(len(fresh.rows))
        self._codes = snapshot.category_codes
        self._pointed = shelves.pointed
        self._choice = draw(fresh.shares, fresh.noise)
        self.rows, self.columns = shelves.rows.copy(), shelves.columns.copy()
        self.propensities, self.explored = shelves.propensities.copy(), shelves.explored.copy()
        same = shelves.rows[:, :, None] == fresh.rows[:, None, :]
        same &= (fresh.rows != NONE)[:, None, :]
        self.sources = np.where(same.any(axis=2), same.argmax(axis=2), NONE)
        self._waits = ~same.any(axis=1) & (fresh.rows != NONE)
        self._without_style = (self.rows != NONE) & (self.columns == NONE)
        self.rows[self._without_style & (self.sources == NONE)] = NONE
        self._without_style &= self.rows != NONE
        empty = (self.rows == NONE) | self._without_style
        self._left = np.maximum(changes - empty.sum(axis=1), 0)
        self._bound = most_alike((fresh.rows != NONE).sum(axis=1))
        self.unsettled = np.zeros(len(fresh.rows), dtype=np.bool_)
        self._categories = np.zeros(fresh.asked_categories.shape, dtype=np.int64)
        self._styles = np.zeros(fresh.asked_styles.shape, dtype=np.int64)
        user, place = np.nonzero(~empty)
        np.add.at(self._styles, (user, self.columns[user, place]), 1)
        user, place = np.nonzero(self.rows != NONE)
        np.add.at(self._categories, (user, self._codes[self.rows[user, place]]), 1)

    def arrange(self, place: int) -> None:
        """Fill or change a place, or leave it."""
        row, source = self.rows[:, place], self.sources[:, place]
        comes = np.where(source == NONE, self._entering(row), source)
        column, propensity = self._drawn(comes, place)
        exists = comes != NONE
        must = exists & ((row == NONE) | self._without_style[:, place])
        differs = exists & ~must & ((source == NONE) | (column != self.columns[:, place]))
        may = differs & (self._left > 0) & ~self._pointed[:, place]
        self.unsettled |= differs & ~may
        self._left -= may
        self._put(place, comes, column, propensity, np.flatnonzero(may | must))

    def _entering(self, row: Ints) -> Ints:
        """Return the best candidate that waits and may take the place of the row, [B]; NONE where
        none may. An empty place is filled whatever the bound says.
        """
        first = self._waits.argmax(axis=1)
        found = np.where(self._waits[self._everyone, first], first, NONE)
        for user in np.flatnonzero((found != NONE) & ~self._has_room(self._everyone, found, row)):
            waiting = np.flatnonzero(self._waits[user])
            allowed = waiting[self._has_room(np.full(len(waiting), user), waiting, row)]
            if len(allowed):
                found[user] = allowed[0]
            elif row[user] != NONE:
                found[user] = NONE
        return found

    def _has_room(self, user: Ints, candidate: Ints, row: Ints) -> Bools:
        """Return whether the bound allows each candidate [N] in place of its user's row."""
        fresh, row = self._fresh, row[user]
        category = fresh.categories[user, candidate]
        others = self._categories[user, category] - ((row != NONE) & (self._codes[row] == category))
        room: Bools = (others < self._bound[user]) | fresh.asked_categories[user, category]
        return room

    def _drawn(self, comes: Ints, place: int) -> tuple[Ints, Doubles]:
        """Return the styles of these candidates [B] in the place, and their propensities; of those
        below the bound of a style, drawn from the others.
        """
        fresh, everyone = self._fresh, self._everyone
        column = self._choice.columns[everyone, comes]
        propensity = self._choice.propensities[everyone, comes]
        counts = self._styles
        styled = np.flatnonzero(self._has_style(place))
        counts[styled, self.columns[styled, place]] -= 1
        barred = (counts >= self._bound[:, None]) & ~fresh.asked_styles
        user = np.flatnonzero(barred.any(axis=1))
        if len(user):
            shares = fresh.shares[user, comes[user]]
            barred = barred[user] & ((shares > 0) & ~barred[user]).any(axis=1, keepdims=True)
            shares[barred] = 0.0
            shares /= shares.sum(axis=1, keepdims=True)
            found = draw(shares[:, None], fresh.noise[user, comes[user]][:, None])
            column[user], propensity[user] = found.columns[:, 0], found.propensities[:, 0]
        counts[styled, self.columns[styled, place]] += 1
        return column, propensity

    def _put(self, place: int, comes: Ints, column: Ints, propensity: Doubles, users: Ints) -> None:
        """Give the place to the candidates of these shoppers."""
        styled = users[self._has_style(place)[users]]
        self._styles[styled, self.columns[styled, place]] -= 1
        filled = users[self.rows[users, place] != NONE]
        self._categories[filled, self._codes[self.rows[filled, place]]] -= 1
        comes = comes[users]
        self.rows[users, place] = self._fresh.rows[users, comes]
        self.columns[users, place] = column[users]
        self.propensities[users, place] = propensity[users]
        self.explored[users, place] = self._fresh.explored[users, comes]
        self.sources[users, place] = comes
        self._waits[users, comes] = False
        self._categories[users, self._fresh.categories[users, comes]] += 1
        self._styles[users, column[users]] += 1

    def _has_style(self, place: int) -> Bools:
        styled: Bools = (self.rows[:, place] != NONE) & ~self._without_style[:, place]
        return styled

    def result(self) -> Arranged:
        """Return the lists; places that stay empty stand last."""
        order = np.argsort(self.rows == NONE, axis=1, kind="stable")
        rows, columns, sources, propensities, explored = (
            np.take_along_axis(one, order, axis=1)
            for one in (
                self.rows,
                np.maximum(self.columns, 0),
                self.sources,
                self.propensities,
                self.explored,
            )
        )
        moved = (rows != self._fresh.rows).any(axis=1)
        return Arranged(
            rows=rows,
            columns=columns,
            propensities=propensities,
            explored=explored,
            sources=sources,
            unsettled=self.unsettled | moved,
        )
