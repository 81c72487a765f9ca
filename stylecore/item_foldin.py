"""A new product's factors in closed form from those who did something with it, shoppers held fast.

The item half-step of ALS (Hu, Koren, Volinsky 2008, equation 5), with one difference: whoever did
nothing with the product is not taken to want it not, for most had no chance to see it, but to think
of it what its start says:

    y = y0 + argmin_d  sum_acted c (p - x.y0 - x.d)^2 + sum_others (x.d)^2 + reg |d|^2

From a start of 0 that is ALS's own step. Where the start comes from is not known here.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Doubles, Floats
from stylecore.foldin import Histories


def fold_in_items(
    start: Floats, shoppers: Floats, histories: Histories, regularization: float
) -> Floats:
    """The factors [N, F] of N products from their starts [N, F] and U shoppers' vectors [U, F].

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
    """d of one product, [F]; `acted` are the vectors of those who did something, [n, F]."""
    left = gram + (acted.T * (confidences - 1.0)) @ acted
    right = acted.T @ (confidences * (preferences - acted @ start))
    return np.asarray(np.linalg.solve(left, right), dtype=np.float64)
