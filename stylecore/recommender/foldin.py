"""Fold-in: vectors of shoppers and of new products in closed form, for fixed factors.

Shoppers (`fold_in`): solves (YtY + Yt(C - I)Y + reg I) x = Yt C p (Hu, Koren, Volinsky 2008,
equation 4) in the space of each shopper's own n products by the Woodbury identity. With
YtY + reg I = L Lt and the whitened product vectors w = L^-1 y, the shopper's whitened vector is
Lt x = Wt z, where (I + D W Wt) z = C p and D = C - I. Scores need no unwhitening:
x . y = (Lt x) . w. Shoppers without products get the zero vector.

Products (`fold_in_items`): the item half-step of ALS (equation 5), shoppers held fixed, with one
difference. A shopper without an interaction does not count as a negative, since most had no chance
to see the product, but is expected to score it as its start y0 does:

    y = y0 + argmin_d  sum_acted c (p - x.y0 - x.d)^2 + sum_others (x.d)^2 + reg |d|^2

From y0 = 0 that is ALS's own step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stylecore.arrays import Doubles, Floats, Ints
from stylecore.errors import Permanent


@dataclass(frozen=True, slots=True)
class Histories:
    """What B shoppers did: shopper b has the entries starts[b] to starts[b + 1] of the rest."""

    starts: Ints
    """[B + 1]"""
    products: Ints
    """[M], rows of the product factors; a row stands once for a shopper."""
    confidences: Floats
    """[M], c >= 1."""
    preferences: Floats
    """[M], p: 1 wanted, -1 not wanted."""


@dataclass(frozen=True, slots=True)
class FoldIn:
    """The solutions: whitened vectors, and each history entry's share in its shopper's vector."""

    vectors: Floats
    """[B, F], Lt x."""
    shares: Floats
    """[M], z: the shopper's vector is the sum of z * w over the history."""


@dataclass(frozen=True, slots=True)
class Whitening:
    """L^-1 of YtY + reg I = L Lt, [F, F]; once for a version of the factors."""

    inverse: Doubles

    def whiten(self, product_factors: Floats) -> Floats:
        """Return w = L^-1 y of each row, [P, F]."""
        whitened: Floats = (product_factors @ self.inverse.T).astype(np.float32)
        return whitened

    def unwhiten(self, vectors: Floats) -> Floats:
        """Return x of the whitened Lt x, [B, F]: what implicit's `recalculate_user` returns."""
        unwhitened: Floats = (vectors @ self.inverse).astype(np.float32)
        return unwhitened


def whitening(product_factors: Floats, regularization: float) -> Whitening:
    """Return the whitening of the factors [P, F]. Raises Permanent where they are not usable."""
    if not np.isfinite(product_factors).all() or not regularization > 0:
        raise Permanent("factors must be finite and the regularization above 0")
    factors = product_factors.astype(np.float64)
    gram = factors.T @ factors + regularization * np.eye(factors.shape[1])
    return Whitening(inverse=np.linalg.inv(np.linalg.cholesky(gram)))


def fold_in(whitened: Floats, histories: Histories) -> FoldIn:
    """Return the shoppers' vectors. Raises Permanent where a confidence is below 1 or no number."""
    if not (np.isfinite(histories.confidences) & (histories.confidences >= 1)).all():
        raise Permanent("confidences must be finite and at least 1")
    users, factors = len(histories.starts) - 1, whitened.shape[1]
    vectors = np.zeros((users, factors), dtype=np.float32)
    shares = np.zeros(len(histories.products), dtype=np.float32)
    for members, entries in _by_length(histories.starts):
        z, vectors[members] = _solve(
            whitened[histories.products[entries]],
            histories.confidences[entries],
            histories.preferences[entries],
        )
        shares[entries] = z
    return FoldIn(vectors=vectors, shares=shares)


def _by_length(starts: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Group shoppers with equally many products: their positions [g] and their entries [g, n]."""
    lengths = np.diff(starts)
    order = np.argsort(lengths, kind="stable")
    sizes, first = np.unique(lengths[order], return_index=True)
    for size, members in zip(sizes.tolist(), np.split(order, first)[1:], strict=True):
        if size:
            yield members, starts[members][:, None] + np.arange(size)


def _solve(own: Floats, confidences: Floats, preferences: Floats) -> tuple[Floats, Floats]:
    """Return z [g, n] and the whitened vectors [g, F] of g shoppers with n products each."""
    shoppers, size = confidences.shape
    left = np.matmul(own, own.transpose(0, 2, 1))
    left *= (confidences - 1.0)[:, :, None]
    left.reshape(shoppers, -1)[:, :: size + 1] += 1.0
    z = np.linalg.solve(left, (confidences * preferences)[:, :, None])
    return z[:, :, 0], np.matmul(z.transpose(0, 2, 1), own)[:, 0]


def fold_in_items(
    start: Floats, shoppers: Floats, histories: Histories, regularization: float
) -> Floats:
    """Solve for the factors [N, F] of products by their starts [N, F] and shoppers' vectors [U, F].

    `histories` are the products': their `products` are rows of shoppers. Without any, a product
    stays at its start. Solved in F dimensions, for a product may have any number of shoppers.
    """
    gram = shoppers.T.astype(np.float64) @ shoppers + regularization * np.eye(start.shape[1])
    found = start.astype(np.float64)
    for item in np.flatnonzero(np.diff(histories.starts)).tolist():
        entries = slice(int(histories.starts[item]), int(histories.starts[item + 1]))
        found[item] += _correction(
            found[item],
            shoppers[histories.products[entries]].astype(np.float64),
            histories.confidences[entries].astype(np.float64),
            histories.preferences[entries].astype(np.float64),
            gram,
        )
    return found.astype(np.float32)


def _correction(
    start: Doubles,
    acted: Doubles,
    confidences: Doubles,
    preferences: Doubles,
    gram: Doubles,
) -> Doubles:
    """Return d of one product, [F]; `acted` are the vectors of its shoppers, [n, F]."""
    left = gram + (acted.T * (confidences - 1.0)) @ acted
    right = acted.T @ (confidences * (preferences - acted @ start))
    return np.asarray(np.linalg.solve(left, right), dtype=np.float64)
