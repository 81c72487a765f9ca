"""Reasons for recommended items, derived from the same sums as their scores.

A past product is named when it has the largest part in the score; otherwise the reason is
popularity, the shopper's style, or that the place was explored. Texts are English; for other
languages an item carries the kind of reason and the product ids.
"""

from __future__ import annotations

import numpy as np

from schemas.catalog import ORIGINAL
from schemas.events import RecommendationReason
from schemas.preferences import ReasonKind
from stylecore.arrays import Bools, Doubles, Floats, Ints
from stylecore.recommender.interactions import ProductInteractions
from stylecore.recommender.snapshot import CatalogSnapshot

KINDS: tuple[ReasonKind, ...] = ("history", "style", "popular", "explore", "new")
HISTORY, STYLE, POPULAR, EXPLORE, NEW = range(len(KINDS))
LIKED = 1.5
"""Log-odds from which a style counts as liked: about two clicks."""
TENTHS = 10
LONGEST_TITLE = 120
"""Characters of a title in a sentence; the sentence itself may have 500."""


def kinds_of(
    snapshot: CatalogSnapshot,
    rows: Ints,
    columns: Ints,
    parts: Floats,
    bonus: float,
    explored: Bools,
    affinities: Doubles,
) -> Ints:
    """Return each item's kind [B, k]; `parts` are past products' largest parts in the scores."""
    popular = bonus * snapshot.popularity[rows]
    new = snapshot.new[rows]
    in_liked_style = np.take_along_axis(affinities, columns, axis=1) >= LIKED
    kinds = np.full(rows.shape, POPULAR, dtype=np.int64)
    kinds[in_liked_style] = STYLE
    kinds[new] = NEW
    kinds[parts > np.maximum(popular, 1e-6)] = HISTORY
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
    codes[known] = len(KINDS) + styles + TENTHS * (2 * past + interactions.bought[behind]) + tenths
    return codes


def reason_of(snapshot: CatalogSnapshot, code: int) -> RecommendationReason:
    """Decode a reason."""
    if code < len(KINDS):
        return _FIXED[code]
    code -= len(KINDS)
    if code < len(snapshot.style_ids):
        name = snapshot.style_ids[code]
        text = "as the photo, which you like" if name == ORIGINAL else f"in {name}, as you like"
        return RecommendationReason(kind="style", text=text)
    past, tenths = divmod(code - len(snapshot.style_ids), TENTHS)
    past, bought = divmod(past, 2)
    row, style = divmod(past, len(snapshot.style_ids) + 1)
    return _of_history(snapshot, row, style - 1, bool(bought), (tenths + 1) / TENTHS)


def _of_history(
    snapshot: CatalogSnapshot, row: int, column: int, bought: bool, share: float
) -> RecommendationReason:
    done = "bought" if bought else "looked at"
    title = snapshot.titles[row][:LONGEST_TITLE] or snapshot.product_ids[row]
    style = snapshot.style_ids[column] if column >= 0 else ORIGINAL
    return RecommendationReason(
        kind="history",
        text=f"because you {done} {title}" + ("" if style == ORIGINAL else f" in {style}"),
        because=[snapshot.product_ids[row]],
        style_id=style,
        share=share,
    )


_FIXED = {
    POPULAR: RecommendationReason(kind="popular", text="popular now"),
    EXPLORE: RecommendationReason(kind="explore", text="something different"),
    NEW: RecommendationReason(kind="new", text="new here"),
}
