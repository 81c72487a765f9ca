"""Encode a batch of recommendations as JSON, byte for byte as `recommend.items_of` gives it.

This is the worker's hot path. The constant parts of an item (picture and reason) are encoded once
and cached, numbers are encoded a batch at a time, and a list is joined from these parts; no object
is made for an item. An encoder belongs to one snapshot.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec
import numpy as np

from stylecore.arrays import Doubles, Ints
from stylecore.recommender.explanations import reason_of
from stylecore.recommender.recommend import RecommendationBatch
from stylecore.recommender.snapshot import CatalogSnapshot
from stylecore.recommender.top_k import NONE

MOST_KEPT = 300_000
"""Encoded parts of each kind; some 150 bytes each."""
PARTS = 5
"""Of an item: picture, score, the name of the next field, propensity, reason."""

_encode = msgspec.json.Encoder().encode


class _Picture(msgspec.Struct, frozen=True, gc=False):
    """The first fields of `RecommendedItem`, in its order."""

    product_id: str
    style_id: str
    image_uri: str


class ListEncoder:
    """Encodes lists of one snapshot."""

    def __init__(self, snapshot: CatalogSnapshot) -> None:
        self.snapshot = snapshot
        # Not of methods: in a cycle a snapshot and its file of factors would wait for the
        # collector, which comes seldom.
        self._pictures = _Kept(partial(_picture, snapshot))
        self._reasons = _Kept(partial(_reason, snapshot))

    def encode(self, batch: RecommendationBatch) -> list[bytes]:
        """Return a JSON array of items for each shopper, [B]."""
        filled = batch.rows != NONE
        items = int(filled.sum())
        if not items:
            return [b"[]"] * len(batch.rows)
        pictures = batch.rows * len(self.snapshot.style_ids) + batch.columns
        parts = [b',"propensity":'] * (PARTS * items)
        parts[0::PARTS] = self._pictures.of(pictures[filled])
        parts[1::PARTS] = _numbers(batch.scores[filled])
        parts[3::PARTS] = _numbers(batch.propensities[filled])
        parts[4::PARTS] = self._reasons.of(batch.reasons[filled])
        ends = (PARTS * np.cumsum(filled.sum(axis=1))).tolist()
        starts = [0, *ends[:-1]]
        # Each item opens with a comma: the first one's makes way for the bracket.
        return [
            b"[" + b"".join(parts[start:end])[1:] + b"]"
            for start, end in zip(starts, ends, strict=True)
        ]


class _Kept(dict[int, bytes]):
    """Encoded parts by code, made when first asked for."""

    def __init__(self, make: Callable[[int], bytes]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, code: int) -> bytes:
        made = self[code] = self._make(code)
        return made

    def of(self, codes: Ints) -> list[bytes]:
        """Return the parts of the codes [N]."""
        if len(self) > MOST_KEPT:
            self.clear()
        return list(map(self.__getitem__, codes.tolist()))


def _picture(shelf: CatalogSnapshot, code: int) -> bytes:
    row, column = divmod(code, len(shelf.style_ids))
    picture = _Picture(shelf.product_ids[row], shelf.style_ids[column], shelf.images[row][column])
    return b"," + _encode(picture)[:-1] + b',"score":'


def _reason(shelf: CatalogSnapshot, code: int) -> bytes:
    return b',"reason":' + _encode(reason_of(shelf, code)) + b"}"


def _numbers(values: Doubles) -> list[bytes]:
    """Return each number as JSON; [N], at least one."""
    return _encode(values.tolist())[1:-1].split(b",")
