"""Why an item is in a list, in words, from the same sums that put it there.

A past product is named when it has the largest part in the score; otherwise popularity, the
shopper's style, or that the place was drawn. The words are English; who needs others has the kind
and the product ids.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from schemas.catalog import ORIGINAL
from schemas.events import RecommendationReason
from schemas.preferences import ReasonKind
from stylecore.assortment import Assortment
from stylecore.evidence import ProductEvidence

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

KINDS: tuple[ReasonKind, ...] = ("history", "style", "popular", "explore", "new")
HISTORY, STYLE, POPULAR, EXPLORE, NEW = range(len(KINDS))
LIKED = 1.5
"""Log-odds from which a style counts as liked: about two clicks."""
LONGEST_TITLE = 120
"""Characters of a title in a sentence; the sentence itself may have 500."""


def kinds_of(
    assortment: Assortment,
    rows: Integers,
    columns: Integers,
    parts: NDArray[np.float32],
    bonus: float,
    explored: Booleans,
    affinities: NDArray[np.float64],
) -> Integers:
    """The kind of each item [B, k]; `parts` are the largest parts that past products have."""
    popular = bonus * assortment.popularity[rows]
    new = assortment.new[rows]
    in_liked_style = np.take_along_axis(affinities, columns, axis=1) >= LIKED
    kinds = np.full(rows.shape, POPULAR, dtype=np.int64)
    kinds[in_liked_style] = STYLE
    kinds[new] = NEW
    kinds[parts > np.maximum(popular, 1e-6)] = HISTORY
    kinds[explored] = np.where(new[explored], NEW, EXPLORE)
    return kinds


class Reasons:
    """The reasons of a batch; each is made once and shared by the items that have it."""

    def __init__(self, assortment: Assortment, done: ProductEvidence) -> None:
        self._assortment = assortment
        self._rows = done.product.tolist()
        self._styles = done.style.tolist()
        self._bought = done.bought.tolist()
        self._histories: dict[int, RecommendationReason] = {}
        self._fixed = {
            POPULAR: RecommendationReason(kind="popular", text="popular now"),
            EXPLORE: RecommendationReason(kind="explore", text="something different"),
            NEW: RecommendationReason(kind="new", text="new here"),
        }
        self._likes = [_of_style(style) for style in assortment.style_ids]

    def of(self, kind: int, pair: int, column: int) -> RecommendationReason:
        """The reason of an item: its kind, the evidence's pair behind it, the style's column."""
        if kind == HISTORY:
            return self._histories.get(pair) or self._of_history(pair)
        if kind == STYLE:
            return self._likes[column]
        return self._fixed[kind]

    def _of_history(self, pair: int) -> RecommendationReason:
        row, column = self._rows[pair], self._styles[pair]
        done = "bought" if self._bought[pair] else "looked at"
        title = self._assortment.titles[row][:LONGEST_TITLE] or self._assortment.product_ids[row]
        style = self._assortment.style_ids[column] if column >= 0 else ORIGINAL
        reason = self._histories[pair] = RecommendationReason(
            kind="history",
            text=f"because you {done} {title}" + ("" if style == ORIGINAL else f" in {style}"),
            because=[self._assortment.product_ids[row]],
        )
        return reason


def _of_style(style_id: str) -> RecommendationReason:
    text = "as the photo, which you like" if style_id == ORIGINAL else f"in {style_id}, as you like"
    return RecommendationReason(kind="style", text=text)
