"""Rank products for a batch of shoppers: the best for each, in which style, and why.

interactions -> shopper vectors -> top-k scores -> explored places -> what of the list before stays
-> style draw -> reasons

`rank` returns arrays (`RecommendationBatch`); `items_of` makes events of them, `encode` JSON.
Pure: the same states, snapshot and time give the same lists. A share of each list, two products of
twenty, is drawn at random, one of them from the new products while there are any (`exploration`).
An item's propensity is that of its style; the product's chance of its place is not part of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from hashlib import blake2b

import numpy as np

from schemas.events import RecommendedItem, UserState
from stylecore.arrays import Bools, Doubles, Floats, Ints, Unsigned
from stylecore.recommender.catalog import ORIGINAL_COLUMN
from stylecore.recommender.explanations import choose, codes_of, kinds_of, reason_of
from stylecore.recommender.exploration import explore
from stylecore.recommender.interactions import (
    Moment,
    ProductInteractions,
    by_product,
    each,
    gather,
)
from stylecore.recommender.rules import Rules
from stylecore.recommender.shelf import (
    Arranged,
    Before,
    Candidates,
    Shelves,
    arranged,
    asked_categories,
    asked_styles,
    packed,
    unpacked,
    varied,
)
from stylecore.recommender.shopper_vectors import (
    EXPLAINING,
    neighbour_additions,
    removals,
    shopper_vectors,
)
from stylecore.recommender.snapshot import CatalogSnapshot
from stylecore.recommender.state import empty
from stylecore.recommender.style_policy import (
    ChoiceRules,
    by_style,
    propensities,
    shopper_keys,
    uniform_noise,
)
from stylecore.recommender.top_k import NONE, Ranking, top_k

SCORE_DECIMALS = 6
"""Decimals of a published score: seventeen digits would be a fifth of a list's bytes."""


@dataclass(frozen=True, slots=True)
class RecommendationBatch:
    """B shoppers' lists of k places, best first; a place whose row is NONE is no part of them."""

    rows: Ints
    """[B, k]"""
    columns: Ints
    """[B, k], the style to show."""
    scores: Doubles
    """[B, k], to SCORE_DECIMALS."""
    propensities: Doubles
    """[B, k], the style's probability."""
    reasons: Ints
    """[B, k], codes for `explanations.reason_of`."""
    explored: Bools
    """[B, k], products drawn at random."""
    unsettled: Bools
    """[B], whether changes are left for the next visit."""
    affinities: Doubles
    """[B, K], the shoppers' log-odds for each style."""

    def of(self, shoppers: Bools) -> RecommendationBatch:
        """Return the lists of these shoppers alone, [B]."""
        return RecommendationBatch(*(getattr(self, field.name)[shoppers] for field in fields(self)))


def empty_batch(shoppers: int, styles: int) -> RecommendationBatch:
    """Return lists without items."""
    whole = np.zeros((shoppers, 0), dtype=np.int64)
    none = np.zeros((shoppers, 0))
    never = np.zeros((shoppers, 0), dtype=np.bool_)
    calm = np.zeros(shoppers, dtype=np.bool_)
    likes = np.zeros((shoppers, styles))
    return RecommendationBatch(whole, whole, none, none, whole, never, calm, likes)


def joined(batches: Sequence[RecommendationBatch]) -> RecommendationBatch:
    """Return the lists of all batches, of the same snapshot and at least one, in one."""
    return RecommendationBatch(
        *(
            np.concatenate([getattr(batch, field.name) for batch in batches])
            for field in fields(RecommendationBatch)
        )
    )


def shown_in(
    batch: RecommendationBatch, snapshot: CatalogSnapshot, product_ids: Collection[str]
) -> Bools:
    """Return [B], whether a list shows any of these products."""
    rows = [snapshot.row_of[name] for name in product_ids if name in snapshot.row_of]
    return np.asarray(np.isin(batch.rows, rows).any(axis=1), dtype=np.bool_)


def items_of(snapshot: CatalogSnapshot, batch: RecommendationBatch) -> list[list[RecommendedItem]]:
    """Return the lists as events; places that hold no product are cut off."""

    def item(
        row: int, column: int, score: float, propensity: float, reason: int
    ) -> RecommendedItem:
        return RecommendedItem(
            product_id=snapshot.product_ids[row],
            style_id=snapshot.style_ids[column],
            image_uri=snapshot.images[row][column],
            score=score,
            propensity=propensity,
            reason=reason_of(snapshot, reason),
        )

    arrays = (batch.rows, batch.columns, batch.scores, batch.propensities, batch.reasons)
    return [
        [item(*place) for place in zip(*shopper, strict=True) if place[0] != NONE]
        for shopper in zip(*(array.tolist() for array in arrays), strict=True)
    ]


EVERYONE = "*"
PIECE_BYTES = 2**26
"""Of memory for shoppers that are ranked at a time, by estimate."""
HISTORY_VECTORS = 20
"""Products of a history whose vectors are held at a time, about."""
POPULARITY_BONUS = 0.05
"""Added to the score of the most popular product, 0 to one without interactions; scores reach about
1."""


def recommend(
    states: Sequence[UserState],
    snapshot: CatalogSnapshot,
    now: datetime,
    rules: Rules,
    choice_rules: ChoiceRules,
    items: int = 20,
) -> list[list[RecommendedItem]]:
    """Return a list for each shopper, best first, in the order of the states.

    Shorter than `items` where there is less to show. Products in a cool-down are left out.
    """
    return items_of(snapshot, rank(states, snapshot, now, rules, choice_rules, items))


def rank(
    states: Sequence[UserState],
    snapshot: CatalogSnapshot,
    now: Moment,
    rules: Rules,
    choice_rules: ChoiceRules,
    items: int = 20,
    before: Sequence[Before] | None = None,
) -> RecommendationBatch:
    """Return the lists of `recommend` as arrays; each shopper may have a time of its own.

    Of the list that a shopper has `before`, at most `rules.changes` places change.
    Shoppers are ranked in pieces of some PIECE_BYTES, so that memory is bounded for any batch.
    """
    if not states or not snapshot.present.any():
        return empty_batch(len(states), len(snapshot.style_ids))
    moments, had = each(now, len(states)), before or [Before()] * len(states)
    return joined(
        [
            _rank_piece(
                states[piece], snapshot, moments[piece], rules, choice_rules, items, had[piece]
            )
            for piece in _pieces(states, snapshot.features.shape[1], items)
        ]
    )


def _pieces(states: Sequence[UserState], width: int, items: int) -> Iterator[slice]:
    """Cut the shoppers into runs that take some PIECE_BYTES of memory, or are one shopper.

    Most is taken by the vectors of listed products, of the newest products and of the shoppers
    without one of these, and by the histories that these are made from.
    """
    lengths = np.array([len(state.interactions) for state in states])
    vectors = items + EXPLAINING * (1 + np.minimum(lengths, HISTORY_VECTORS))
    totals = np.cumsum(8 * width * vectors + EXPLAINING * 128 * lengths)
    first = 0
    while first < len(states):
        before = totals[first - 1] if first else 0
        end = max(first + 1, int(np.searchsorted(totals, before + PIECE_BYTES, side="right")))
        yield slice(first, end)
        first = end


def _rank_piece(
    states: Sequence[UserState],
    snapshot: CatalogSnapshot,
    now: Moment,
    rules: Rules,
    choice_rules: ChoiceRules,
    items: int,
    before: Sequence[Before],
) -> RecommendationBatch:
    seen = gather(states, now, rules, snapshot.row_of, snapshot.column_of)
    interactions = by_product(seen, len(snapshot.product_ids))
    vectors = shopper_vectors(snapshot, interactions)
    scoring = _Scoring(snapshot, vectors, interactions)
    shoppers = shopper_keys([state.user_id for state in states], now, snapshot.version)
    places = round(choice_rules.exploration * items)
    asked = asked_categories(snapshot, interactions)
    best, explored = _ranked(snapshot, scoring, shoppers, asked, items, places)
    affinities = by_style(states, now, rules, snapshot.column_of)
    actions = np.array([len(state.recent_events) for state in states], dtype=np.uint64)
    shares, noise = _styled(snapshot, best.rows, affinities, shoppers, actions, choice_rules)
    fresh = Candidates(
        rows=best.rows,
        explored=explored,
        categories=snapshot.category_codes[best.rows],
        shares=shares,
        noise=noise,
        asked_categories=asked,
        asked_styles=asked_styles(affinities),
    )
    width = best.rows.shape[1]
    shelves = unpacked(snapshot, before, width)
    shown = arranged(snapshot, scoring.showable(shelves), fresh, rules.changes)
    ranking = Ranking(rows=shown.rows, scores=scoring.scores_of(shown, best))
    found = removals(snapshot, interactions, vectors, shown.rows)
    pairs, parts = choose(snapshot, interactions, found, ranking, shown.columns, shown.explored)
    kinds = kinds_of(snapshot, shown.rows, shown.columns, pairs, shown.explored, affinities)
    return RecommendationBatch(
        rows=shown.rows,
        columns=shown.columns,
        scores=ranking.scores.astype(np.float64).round(SCORE_DECIMALS),
        propensities=shown.propensities,
        reasons=codes_of(snapshot, interactions, kinds, pairs, parts, shown.columns),
        explored=shown.explored,
        unsettled=shown.unsettled,
        affinities=affinities,
    )


def shelves_of(snapshot: CatalogSnapshot, batch: RecommendationBatch) -> list[bytes]:
    """Return each list as `Before.shelf` takes it."""
    return packed(snapshot, batch.rows, batch.columns, batch.propensities, batch.explored)


def list_for_everyone(
    snapshot: CatalogSnapshot,
    now: datetime,
    rules: Rules,
    choice_rules: ChoiceRules,
    items: int = 20,
) -> list[RecommendedItem]:
    """Return the list under `*`, for unknown shoppers: by popularity and style priors."""
    return recommend([empty(EVERYONE)], snapshot, now, rules, choice_rules, items)[0]


def recommendation_id(user_id: str, partition: int, offset: int, version: str) -> str:
    """Return the id of the list that the feedback at the offset caused; replays repeat it."""
    text = f"{user_id}/{partition}/{offset}/{version}"
    return blake2b(text.encode(), digest_size=12).hexdigest()


class _Scoring:
    """How the products score for a batch of shoppers, and which they must not get."""

    def __init__(
        self, snapshot: CatalogSnapshot, vectors: Floats, interactions: ProductInteractions
    ) -> None:
        # Popularity gives a bonus, which also orders products with equal scores otherwise.
        bonus = np.full((len(vectors), 1), POPULARITY_BONUS, dtype=np.float32)
        self._snapshot = snapshot
        self.users = np.hstack([vectors, bonus])
        self.excluded_users = interactions.user[interactions.excluded]
        self.excluded_products = interactions.product[interactions.excluded]
        self.excluded = self.excluded_users * len(snapshot.present) + self.excluded_products
        self.on_top = neighbour_additions(snapshot, interactions)

    def plain(self, user: Ints, rows: Ints) -> Floats:
        """Return the scores of pairs without neighbours, [N]."""
        scores: Floats = (self.users[user] * self._snapshot.ranked.of(rows)).sum(axis=1)
        return scores

    def scores_of(self, shown: Arranged, best: Ranking) -> Floats:
        """Return the scores of the shown products, [B, k]: those of `best` where they are in it."""
        scores = np.take_along_axis(best.scores, np.maximum(shown.sources, 0), axis=1)
        scores[shown.rows == NONE] = -np.inf
        user, place = np.nonzero((shown.sources == NONE) & (shown.rows != NONE))
        rows = shown.rows[user, place]
        scores[user, place] = self.plain(user, rows)
        if self.on_top is not None and len(user):
            products = len(self._snapshot.present)
            keys, asked = (
                self.on_top.users * products + self.on_top.products,
                user * products + rows,
            )
            order = asked.argsort()
            at = np.minimum(np.searchsorted(asked, keys, sorter=order), len(asked) - 1)
            hit = asked[order[at]] == keys
            added = np.bincount(order[at[hit]], self.on_top.weights[hit], minlength=len(asked))
            scores[user, place] += added.astype(np.float32)
        return scores

    def showable(self, shelves: Shelves) -> Shelves:
        """Return the shelves without products that may not be shown any longer, and pictures."""
        present, available = self._snapshot.present, self._snapshot.available
        pairs = np.arange(len(shelves.rows))[:, None] * len(present) + shelves.rows
        gone = (shelves.rows == NONE) | ~present[shelves.rows] | np.isin(pairs, self.excluded)
        lost = (shelves.columns == NONE) | ~available[shelves.rows, shelves.columns]
        return replace(
            shelves,
            rows=np.where(gone, NONE, shelves.rows),
            columns=np.where(lost, NONE, shelves.columns),
        )


def _ranked(
    snapshot: CatalogSnapshot,
    scoring: _Scoring,
    shoppers: Unsigned,
    asked: Bools,
    items: int,
    places: int,
) -> tuple[Ranking, Bools]:
    """Rank the best products, various ones, explore the last places, and say which those are."""
    masked = (scoring.excluded_users, scoring.excluded_products)
    best = top_k(scoring.users, snapshot.ranked, items, *masked, scoring.on_top)
    best = varied(snapshot, best, scoring.users, scoring.excluded, asked, places)
    rows, explored = explore(
        best.rows, places, shoppers, snapshot.present, snapshot.new_products, scoring.excluded
    )
    scores = best.scores.copy()
    scores[explored] = scoring.plain(np.nonzero(explored)[0], rows[explored])
    return Ranking(rows=rows, scores=scores), explored


def _styled(
    snapshot: CatalogSnapshot,
    rows: Ints,
    affinities: Doubles,
    shoppers: Unsigned,
    actions: Unsigned,
    rules: ChoiceRules,
) -> tuple[Doubles, Doubles]:
    """Return the probabilities of the styles of each product, and what to draw them with."""
    available = snapshot.available[rows]
    available[rows == NONE, ORIGINAL_COLUMN] = True  # some arm, for the place is cut off later
    priors = snapshot.style_priors[snapshot.category_codes[rows]]
    noise = uniform_noise(shoppers, actions, snapshot.product_keys[rows], snapshot.style_keys)
    return propensities(affinities, priors, available, rules), noise
