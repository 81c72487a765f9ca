"""Demand for missing renders: distinct shoppers by product and style, counted over a window.

The counts are advice for the planner; those not flushed before an instance ends are lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np

from schemas.events import StyleDemand
from stylecore.recommender.recommend import RecommendationBatch
from stylecore.recommender.snapshot import CatalogSnapshot
from stylecore.recommender.top_k import NONE

MOST_PAIRS = 200


class Demand:
    """The pairs of product and style that were wanted since `since`, and by whom."""

    def __init__(self, since: datetime) -> None:
        self._since = since
        self._wanted: dict[tuple[str, str], set[str]] = defaultdict(set)

    def want(self, user_id: str, product_ids: Iterable[str], style_id: str) -> None:
        """Note that a shopper would like these products in the style."""
        for product_id in product_ids:
            self._wanted[product_id, style_id].add(user_id)

    def want_lacking(
        self, user_ids: Sequence[str], snapshot: CatalogSnapshot, batch: RecommendationBatch
    ) -> None:
        """Note that each shopper would like the products of the list in the favourite style, where
        they lack it and it may be shown.
        """
        favourites = batch.affinities.argmax(axis=1)
        likes = batch.affinities.max(axis=1) > 0
        lacking = snapshot.lacking[batch.rows, favourites[:, None]]
        places = np.nonzero(lacking & (batch.rows != NONE) & likes[:, None])
        rows = batch.rows[places].tolist()
        for shopper, row in zip(places[0].tolist(), rows, strict=True):
            style_id = snapshot.style_ids[favourites[shopper]]
            self.want(user_ids[shopper], (snapshot.product_ids[row],), style_id)

    def flush(self, now: datetime) -> list[StyleDemand]:
        """Return the pairs wanted most, at most MOST_PAIRS, and reset the counts."""
        most = sorted(self._wanted.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:MOST_PAIRS]
        window_start, self._since = self._since, now
        self._wanted.clear()
        return [
            StyleDemand(
                product_id=product_id,
                style_id=style_id,
                wanted=len(shoppers),
                window_start=window_start,
                window_end=now,
            )
            for (product_id, style_id), shoppers in most
        ]
