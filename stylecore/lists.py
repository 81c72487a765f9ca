"""A batch of shoppers' lists as arrays, and as the events that people and tests read.

How the lists come about is not known here; `list_encoder` writes the same as JSON, faster.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields

import numpy as np

from schemas.events import RecommendedItem
from stylecore.arrays import Bools, Doubles, Ints
from stylecore.assortment import Assortment
from stylecore.rank import NONE
from stylecore.reasons import reason_of

SCORE_DECIMALS = 6
"""Scores are told to so many: seventeen digits would be a fifth of a list's bytes."""


@dataclass(frozen=True, slots=True)
class Lists:
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
    """[B, k], codes for `reasons.reason_of`."""
    affinities: Doubles
    """[B, K], the shoppers' log-odds for each style."""

    def of(self, shoppers: Bools) -> Lists:
        """The lists of these shoppers alone, [B]."""
        return Lists(*(getattr(self, field.name)[shoppers] for field in fields(self)))


def empty_lists(shoppers: int, styles: int) -> Lists:
    """Lists without a place."""
    whole = np.zeros((shoppers, 0), dtype=np.int64)
    none = np.zeros((shoppers, 0))
    return Lists(whole, whole, none, none, whole, np.zeros((shoppers, styles)))


def shown_in(lists: Lists, assortment: Assortment, product_ids: Collection[str]) -> Bools:
    """[B], whether a list shows any of these products."""
    rows = [assortment.row_of[name] for name in product_ids if name in assortment.row_of]
    return np.asarray(np.isin(lists.rows, rows).any(axis=1), dtype=np.bool_)


def items_of(assortment: Assortment, lists: Lists) -> list[list[RecommendedItem]]:
    """The lists as events; places that hold no product are cut off."""

    def item(
        row: int, column: int, score: float, propensity: float, reason: int
    ) -> RecommendedItem:
        return RecommendedItem(
            product_id=assortment.product_ids[row],
            style_id=assortment.style_ids[column],
            image_uri=assortment.images[row][column],
            score=score,
            propensity=propensity,
            reason=reason_of(assortment, reason),
        )

    arrays = (lists.rows, lists.columns, lists.scores, lists.propensities, lists.reasons)
    return [
        [item(*place) for place in zip(*shopper, strict=True) if place[0] != NONE]
        for shopper in zip(*(array.tolist() for array in arrays), strict=True)
    ]
