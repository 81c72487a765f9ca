"""Distances of pictures to sets of pictures, unbiased by the size of the set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Rows = NDArray[np.int_]


def squared_distances(a: Floats, b: Floats) -> Floats:
    """[len(a), len(b)] squared Euclidean distances of rows."""
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T
    return np.asarray(squares.clip(min=0))


def to_set(to_members: Floats, among_members: Floats) -> Floats:
    """Distance of each of N pictures to the true mean of a set of n.

    d^2(x, S) = mean_i |x - s_i|^2 - 1/2 mean_{i != j} |s_i - s_j|^2: the distance to a small set's
    own mean would be too large by its variance / n. `to_members` [N, n] and `among_members` [n, n]
    are squared.
    """
    count = len(among_members)
    within = among_members.sum() / (count * (count - 1))
    return np.asarray(np.sqrt((to_members.mean(axis=1) - within / 2).clip(min=1e-6)))


def to_sets(to_all: Floats, among_all: Floats, sets: Sequence[Rows]) -> Floats:
    """[N, K] distances to K sets of columns of the squared `to_all` [N, M]."""
    columns = [to_set(to_all[:, rows], among_all[np.ix_(rows, rows)]) for rows in sets]
    return np.stack(columns, axis=1)


def to_set_without_own(pictures: Floats, members: Floats) -> Floats:
    """[N] distances to the set [N, D], of each picture without the member of its own row."""
    to_members, among = squared_distances(pictures, members), squared_distances(members, members)
    everyone = np.arange(len(members))
    distances = []
    for row, own in zip(to_members, everyone, strict=True):
        rest = np.delete(everyone, own)
        distances.append(to_set(row[None, rest], among[np.ix_(rest, rest)])[0])
    return np.array(distances)


def share_of_first(distances: Floats, own: Rows) -> Floats:
    """[N] 1 where the own column of [N, K] is the smallest, 1 / k where k tie, else 0."""
    tied = distances <= distances.min(axis=1, keepdims=True) + 1e-5
    return np.asarray(tied[np.arange(len(own)), own] / tied.sum(axis=1))
