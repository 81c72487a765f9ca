"""Products with the same vector: of each such group only the lower rows can be among the k best.

After a catalogue's import most products stand at the few means of their categories, so that whole
categories have one score. A shopper who may not see m of a group gets none beyond its first k + m.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylecore.arrays import Floats, Ints, Unsigned
from stylecore.rank.ranking import Masks

FEWEST = 64
"""Smaller groups are ranked as they are."""


@dataclass(frozen=True, slots=True)
class Ties:
    """G groups of products with the same vector."""

    rows: Ints
    """[T], the rows of all groups, a group after the other and ascending in each."""
    group: Ints
    """[T], 0 to G - 1."""
    group_of: Ints
    """[P], -1 where a product is in no group."""


def ties(vectors: Floats) -> Ties:
    """The groups of at least FEWEST products among vectors [P, D]."""
    keys = _hashes(vectors)
    _, first, group, counts = np.unique(
        keys, return_index=True, return_inverse=True, return_counts=True
    )
    is_tied = counts[group] >= FEWEST
    # Different vectors may have one hash: who differs from the first is in no group.
    candidates = np.flatnonzero(is_tied)
    alike = (vectors[candidates] == vectors[first[group[candidates]]]).all(axis=1)
    rows = candidates[alike]
    rows = rows[np.argsort(group[rows], kind="stable")]
    _, dense = np.unique(group[rows], return_inverse=True)
    group_of = np.full(len(vectors), -1, dtype=np.int64)
    group_of[rows] = dense
    return Ties(rows=rows, group=dense.astype(np.int64), group_of=group_of)


def without_surplus(masks: Masks, tied: Ties, k: int) -> Masks:
    """The masks, with the products of each group that cannot be among the k best as absent ones."""
    if not len(tied.rows):
        return masks
    groups = int(tied.group[-1]) + 1
    present = ~np.isin(tied.rows, masks.absent, assume_unique=True)
    rows, group = tied.rows[present], tied.group[present]
    starts = np.searchsorted(group, np.arange(groups))
    place = np.arange(len(rows)) - starts[group]
    surplus = rows[place >= k + _most_masked(masks, tied.group_of, groups)[group]]
    return Masks(
        users=masks.users,
        products=masks.products,
        absent=np.concatenate([masks.absent, surplus]),
    )


def _most_masked(masks: Masks, group_of: Ints, groups: int) -> Ints:
    """[G], how many products of each group any one user must not get, at most."""
    most = np.zeros(groups, dtype=np.int64)
    group = group_of[masks.products]
    inside = group >= 0
    cells, counts = np.unique(masks.users[inside] * groups + group[inside], return_counts=True)
    np.maximum.at(most, cells % groups, counts)
    return most


def _hashes(vectors: Floats) -> Unsigned:
    """64 bits of each vector [P, D]: equal ones for equal vectors, different ones as a rule."""
    bits = np.ascontiguousarray(vectors + np.float32(0)).view(np.uint32)  # adding turns -0 into 0
    random = np.random.default_rng(0)
    hashes = np.zeros(len(vectors), dtype=np.uint64)
    for column in range(vectors.shape[1]):
        factor = random.integers(2**64, dtype=np.uint64) | np.uint64(1)
        hashes += bits[:, column] * factor
        hashes ^= hashes >> np.uint64(29)
    return hashes
