"""Candidates by products of bytes, which are fast, off by a known amount, and so never too few."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stylecore.arrays import Floats, Unsigned
from stylecore.rank.bits import WORD, packed, positions
from stylecore.rank.bounds import reached_by
from stylecore.rank.pairs import MOST_CELLS, Pairs
from stylecore.rank.quantized import Prepared, QuantizedUsers, quantized
from stylecore.rank.ranking import Masks
from stylecore.rank.ties import without_surplus

BLOCK_BYTES = 2**20
"""Of the products that stand in memory at once: few enough for the processor's cache."""
FEWEST = 16
"""Users at once however many products there are: the table of bytes is read for each block."""
LOWEST = np.int32(-(2**30))
"""A masked product's; any product of bytes is above it, and sums with it stay in 32 bits."""


def candidates(users: Floats, products: Prepared, k: int, masks: Masks) -> Iterator[Pairs]:
    """Pairs that hold the k best products of each user, some users at a time; 1 <= k <= P.

    At least k products reach the bound less the error; what is under that by more than the error
    again is none of the k best.
    """
    masks = without_surplus(masks, products.ties, k)
    near = quantized(users, products)
    slack = np.minimum(np.ceil(2 * near.errors), -LOWEST).astype(np.int32)
    hits = np.empty((len(users), products.columns // WORD), dtype=np.uint64)
    for block, scores in _blocks(near, products, masks):
        bounds = np.maximum(reached_by(scores, k) - slack[block], LOWEST + 1)
        hits[block] = packed(scores >= bounds[:, None])
    for piece in _pieces(hits):
        yield _pairs(hits[piece])


def _blocks(
    near: QuantizedUsers, products: Prepared, masks: Masks
) -> Iterator[tuple[slice, NDArray[np.int32]]]:
    """Some users at a time, and their products of bytes [.., columns]; what is masked is LOWEST.

    The next block is written over the one before.
    """
    columns, count = products.columns, len(near.bytes)
    blocks = -(-count // max(FEWEST, BLOCK_BYTES // (4 * columns)))
    rows = -(-count // blocks)
    left = np.zeros((rows, near.bytes.shape[1]), dtype=np.uint8)
    room = np.empty((rows, columns), dtype=np.int32)
    multiply = products.product.into(left, room)
    masked = masks.users * columns + masks.products
    firsts = range(0, count, rows)
    ends = np.searchsorted(masks.users, [*firsts, count]).tolist()
    for number, first in enumerate(firsts):
        block = slice(first, min(first + rows, count))
        left[: block.stop - first] = near.bytes[block]
        multiply()
        room.ravel()[masked[ends[number] : ends[number + 1]] - first * columns] = LOWEST
        room[:, len(products.vectors) :] = LOWEST
        if len(masks.absent):
            room[:, masks.absent] = LOWEST
        yield block, room[: block.stop - first]


def _pieces(hits: Unsigned) -> Iterator[slice]:
    """Users one after another whose table of candidates has at most MOST_CELLS."""
    counts = np.bitwise_count(hits).sum(axis=1, dtype=np.int64).tolist()
    first, widest = 0, 0
    for user, count in enumerate(counts):
        widest = max(widest, count)
        if user > first and widest * (user + 1 - first) > MOST_CELLS:
            yield slice(first, user)
            first, widest = user, count
    yield slice(first, len(counts))


def _pairs(hits: Unsigned) -> Pairs:
    """Where the words [B, columns / 64] have bits."""
    found = positions(hits)
    starts = np.arange(len(hits) + 1) * hits.shape[1] * WORD
    counts = np.diff(np.searchsorted(found, starts))
    return Pairs(counts=counts, products=found - np.repeat(starts[:-1], counts))
