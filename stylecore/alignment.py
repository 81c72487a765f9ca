"""What is told by id, brought into the rows, codes and columns of a catalogue.

What the catalogue does not know is left out, and what only the catalogue knows gets what is usual:
a newcomer the mean of its category, everything else 0. The time is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from stylecore.arrays import Floats, Ints
from stylecore.catalogue import Catalogue
from stylecore.factors import Factors
from stylecore.foldin import whitening
from stylecore.popularity import Priors


def features_of(catalogue: Catalogue, factors: Factors) -> Floats:
    """The whitened factors [P, F] in the catalogue's rows."""
    white = whitening(factors.fitted_factors, factors.regularization)
    return white.whiten(with_category_means(catalogue, factors))


def with_category_means(catalogue: Catalogue, factors: Factors) -> Floats:
    """The factors [P, F] in the catalogue's rows; newcomers at their category's mean."""
    rows = _positions(factors.product_ids, catalogue.row_of)
    known = rows >= 0
    aligned = np.zeros((len(catalogue.product_ids), factors.product_factors.shape[1]), np.float32)
    aligned[rows[known]] = factors.product_factors[known]
    newcomer = catalogue.present.copy()
    newcomer[rows[known]] = False
    codes, fitted = catalogue.category_codes, np.arange(len(rows)) < factors.fitted
    for code in np.unique(codes[newcomer]):
        peers = rows[known & fitted & (codes[rows] == code)]
        if len(peers):
            aligned[newcomer & (codes == code)] = aligned[peers].mean(axis=0)
    return aligned


def weights_by_row(ids: tuple[str, ...], weights: Floats, row_of: dict[str, int]) -> Floats:
    """The weights by row, at least 0; 0 where there is none."""
    rows = _positions(ids, row_of)
    weight_of = np.zeros(len(row_of), dtype=np.float32)
    weight_of[rows[rows >= 0]] = np.maximum(weights[rows >= 0], 0.0)
    return weight_of


def category_style(catalogue: Catalogue, priors: Priors) -> Floats:
    """The priors [C, K] in the catalogue's codes and columns; 0 where they know nothing."""
    codes = _positions(priors.categories, catalogue.category_code_of)
    columns = _positions(priors.style_ids, catalogue.column_of)
    shape = (len(catalogue.category_code_of) + 1, len(catalogue.column_of) + 1)
    aligned = np.zeros(shape, dtype=np.float32)
    aligned[np.ix_(codes, columns)] = priors.category_style
    return aligned[:-1, :-1]


def _positions(names: Sequence[str], position_of: Mapping[str, int]) -> Ints:
    """The position of each name; -1 where it has none."""
    return np.array([position_of.get(name, -1) for name in names], dtype=np.int64)
