"""What is asked of a ranking and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylecore.arrays import Bools, Floats, Ints

NONE = -1
"""Stands for the row where a shopper has fewer than k products left; the score is then -inf."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Best first; what is left over at the end of a row holds NONE and -inf."""

    rows: Ints
    """[B, k]"""
    scores: Floats
    """[B, k]"""


def joined(parts: list[Ranking]) -> Ranking:
    """The rankings of users one part after another; at least one part."""
    if len(parts) == 1:
        return parts[0]
    return Ranking(
        rows=np.concatenate([part.rows for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
    )


@dataclass(frozen=True, slots=True)
class Masks:
    """What must not be shown: user users[i] does not get products[i], nobody an absent one."""

    users: Ints
    """[M], ascending."""
    products: Ints
    """[M]"""
    absent: Ints
    """The rows of products that nobody gets."""

    def between(self, first: int, last: int) -> tuple[Ints, Ints]:
        """The pairs of the users first to last - 1, those counted from 0."""
        part = slice(*np.searchsorted(self.users, (first, last)))
        return self.users[part] - first, self.products[part]


def masks(users: Ints, products: Ints, absent: Bools | None, shape: tuple[int, int]) -> Masks:
    """The pairs in the order of the users; `shape` is the number of users and of products.

    Raises ValueError where a pair names a user or a product outside of the shape.
    """
    for name, rows, limit in (("user", users, shape[0]), ("product", products, shape[1])):
        if len(rows) and not 0 <= rows.min() <= rows.max() < limit:
            raise ValueError(f"a mask names {name} {rows.min()} to {rows.max()} of {limit}")
    if len(users) != len(products) or (absent is not None and len(absent) != shape[1]):
        raise ValueError("masks have as many users as products, and absent one entry a product")
    if len(users) and (users[1:] < users[:-1]).any():
        order = np.argsort(users, kind="stable")
        users, products = users[order], products[order]
    nowhere = np.zeros(0, dtype=np.int64) if absent is None else np.flatnonzero(absent)
    return Masks(users=users, products=products, absent=nowhere)


def finite(name: str, vectors: Floats) -> None:
    """Raises ValueError where a vector holds NaN or infinity: no order would follow from it."""
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise ValueError(f"{name} {row} holds NaN or infinity; keep it out before it is ranked")


def lengths(vectors: Floats) -> Floats:
    """Euclid's, of vectors [N, D]."""
    squares: Floats = np.vecdot(vectors, vectors)
    return np.sqrt(squares)
