"""Reasons for recommended items, derived from the same sums as their scores.

Another past product is named when the score falls by at least LEAST_SHARE without it (`removals`),
of near-equals one of the same category or style, and MOST_NAMED times in a list at most. Otherwise
the reason is the shopper's style, popularity, or that the place was explored. Texts are English;
for other languages an item carries the kind of reason and the product ids.
"""

from __future__ import annotations

import numpy as np

from schemas.catalog import ORIGINAL
from schemas.events import RecommendationReason
from schemas.preferences import ReasonKind
from stylecore.arrays import Bools, Doubles, Floats, Ints
from stylecore.recommender.interactions import ProductInteractions
from stylecore.recommender.shopper_vectors import Removals
from stylecore.recommender.snapshot import CatalogSnapshot
from stylecore.recommender.top_k import NONE, Ranking

KINDS: tuple[ReasonKind, ...] = ("history", "style", "popular", "explore", "new")
HISTORY, STYLE, POPULAR, EXPLORE, NEW = range(len(KINDS))
LEAST_SHARE = 0.1
"""Of the score that a product has to carry to be a reason."""
LEAST_SCORE = 1e-6
MOST_NAMED = 3
NEAR = 1.25
"""What makes up for another category and style: a product that carries so much more."""
LOOKED, CARTED, BOUGHT = range(3)
DONE = ("looked at", "put in the cart", "bought")
LIKED = 1.5
"""Log-odds from which a style counts as liked: about two clicks."""
TENTHS = 10
LONGEST_TITLE = 120
"""Characters of a title in a sentence; the sentence itself may have 500."""


def choose(
    snapshot: CatalogSnapshot,
    interactions: ProductInteractions,
    found: Removals,
    ranking: Ranking,
    columns: Ints,
    explored: Bools,
) -> tuple[Ints, Floats]:
    """Return the pair behind each item [B, k], NONE where none carries enough, and its share."""
    least = np.maximum(ranking.scores, LEAST_SCORE)
    if not len(interactions.product):
        return np.full_like(ranking.rows, NONE), np.zeros_like(ranking.scores)
    shares = found.drops / least.reshape(*least.shape, 1)
    possible = (shares >= LEAST_SHARE) & (found.pairs >= 0)[:, None, :]
    possible &= ((ranking.rows != NONE) & ~explored)[:, :, None]
    past, codes = interactions.product[found.pairs], snapshot.category_codes
    possible &= past[:, None, :] != ranking.rows[:, :, None]  # no product is its own reason
    akin = codes[past][:, None, :] == codes[ranking.rows][:, :, None]
    akin |= interactions.style[found.pairs][:, None, :] == columns[:, :, None]
    strengths = np.where(possible, found.drops * np.where(akin, NEAR, 1.0), 0.0)
    chosen = np.full(ranking.rows.shape, NONE, dtype=np.int64)
    named = np.zeros(found.pairs.shape, dtype=np.int64)
    everyone = np.arange(len(named))
    for place in range(ranking.rows.shape[1]):
        left = np.where(named < MOST_NAMED, strengths[:, place], 0.0)
        best = left.argmax(axis=1)
        is_named = left[everyone, best] > 0
        named[everyone, best] += is_named
        chosen[is_named, place] = best[is_named]
    place_of = np.maximum(chosen, 0)
    pairs = np.where(chosen == NONE, NONE, np.take_along_axis(found.pairs, place_of, axis=1))
    share = np.take_along_axis(shares, place_of[:, :, None], axis=2)[:, :, 0]
    return pairs, np.minimum(share, 1.0).astype(np.float32)


def kinds_of(
    snapshot: CatalogSnapshot,
    rows: Ints,
    columns: Ints,
    pairs: Ints,
    explored: Bools,
    affinities: Doubles,
) -> Ints:
    """Return each item's kind [B, k]; `pairs` are the past products behind the items, or NONE."""
    new = snapshot.new[rows]
    in_liked_style = np.take_along_axis(affinities, columns, axis=1) >= LIKED
    kinds = np.full(rows.shape, POPULAR, dtype=np.int64)
    kinds[in_liked_style] = STYLE
    kinds[new] = NEW
    kinds[pairs != NONE] = HISTORY
    kinds[explored] = np.where(new[explored], NEW, EXPLORE)
    return kinds


def codes_of(
    snapshot: CatalogSnapshot,
    interactions: ProductInteractions,
    kinds: Ints,
    pairs: Ints,
    shares: Floats,
    columns: Ints,
) -> Ints:
    """Return a number for each item's reason, [B, k], equal for equal ones; `reason_of` reads it.

    `pairs` are the positions in `interactions` of the past products behind the items, `shares`
    their parts in the scores, `columns` the items' styles. Shares are rounded to tenths, so that
    there are few different reasons.
    """
    styles = len(snapshot.style_ids)
    codes = np.array([0, 0, POPULAR, EXPLORE, NEW])[kinds]
    liked = kinds == STYLE
    codes[liked] = len(KINDS) + columns[liked]
    known = kinds == HISTORY
    behind = pairs[known]
    past = interactions.product[behind] * (styles + 1) + interactions.style[behind] + 1
    tenths = np.clip(np.rint(TENTHS * shares[known]), 1, TENTHS).astype(np.int64) - 1
    done = np.where(interactions.carted[behind], CARTED, LOOKED)
    done[interactions.bought[behind]] = BOUGHT
    codes[known] = len(KINDS) + styles + TENTHS * (len(DONE) * past + done) + tenths
    return codes


def reason_of(snapshot: CatalogSnapshot, code: int) -> RecommendationReason:
    """Decode a reason."""
    if code < len(KINDS):
        return _FIXED[code]
    code -= len(KINDS)
    if code < len(snapshot.style_ids):
        name = snapshot.style_ids[code]
        label = snapshot.style_labels[code]
        text = "as the photo, which you like" if name == ORIGINAL else f"in {label}, as you like"
        return RecommendationReason(kind="style", text=text)
    past, tenths = divmod(code - len(snapshot.style_ids), TENTHS)
    past, done = divmod(past, len(DONE))
    row, style = divmod(past, len(snapshot.style_ids) + 1)
    return _of_history(snapshot, row, style - 1, DONE[done], (tenths + 1) / TENTHS)


def _of_history(
    snapshot: CatalogSnapshot, row: int, column: int, done: str, share: float
) -> RecommendationReason:
    title = snapshot.titles[row][:LONGEST_TITLE] or snapshot.product_ids[row]
    style = snapshot.style_ids[column] if column >= 0 else ORIGINAL
    return RecommendationReason(
        kind="history",
        text=f"because you {done} {title}"
        + ("" if style == ORIGINAL else f" in {snapshot.style_labels[column]}"),
        because=[snapshot.product_ids[row]],
        style_id=style,
        share=share,
    )


_FIXED = {
    POPULAR: RecommendationReason(kind="popular", text="popular now"),
    EXPLORE: RecommendationReason(kind="explore", text="something different"),
    NEW: RecommendationReason(kind="new", text="new here"),
}
