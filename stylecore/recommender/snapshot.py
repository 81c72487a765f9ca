"""A frozen view of what can be recommended: catalogue, one version of the factors, and priors.

All arrays are aligned with the catalogue's rows, columns and category codes; ids that it does not
hold are left out. `arrange` makes a new snapshot when one of the three has changed or a campaign
begins or ends. It reuses the arrays of the previous snapshot: features are aligned again only when
products or the version have changed. A product without factors gets the mean of its category, other
missing values are 0. Before there are factors, features are one-hot categories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from stylecore.arrays import Bools, Doubles, Floats, Ints, Unsigned
from stylecore.recommender.catalog import (
    CampaignSchedule,
    Catalogue,
    key_of,
    offered,
    schedule_at,
    with_campaign_odds,
)
from stylecore.recommender.factors import Factors
from stylecore.recommender.foldin import whitening
from stylecore.recommender.item_neighbours import Neighbours, aligned, no_neighbours
from stylecore.recommender.popularity import Priors
from stylecore.recommender.style_policy import ChoiceRules, style_priors
from stylecore.recommender.top_k import Products, products_of


def features_of(catalogue: Catalogue, factors: Factors) -> Floats:
    """Return the whitened factors [P, F] in the catalogue's rows."""
    white = whitening(factors.fitted_factors, factors.regularization)
    return white.whiten(with_category_means(catalogue, factors))


def neighbours_of(catalogue: Catalogue, factors: Factors | None) -> Neighbours:
    """Return the factors' neighbours in the catalogue's rows."""
    if factors is None:
        return no_neighbours(len(catalogue.product_ids))
    rows = _positions(factors.product_ids, catalogue.row_of)
    return aligned(factors.neighbours, rows, len(catalogue.product_ids))


def with_category_means(catalogue: Catalogue, factors: Factors) -> Floats:
    """Return the factors [P, F] in the catalogue's rows; new products at their category's mean."""
    rows = _positions(factors.product_ids, catalogue.row_of)
    known = rows >= 0
    aligned = np.zeros((len(catalogue.product_ids), factors.product_factors.shape[1]), np.float32)
    aligned[rows[known]] = factors.product_factors[known]
    new_product = catalogue.present.copy()
    new_product[rows[known]] = False
    codes, fitted = catalogue.category_codes, np.arange(len(rows)) < factors.fitted
    for code in np.unique(codes[new_product]):
        peers = rows[known & fitted & (codes[rows] == code)]
        if len(peers):
            aligned[new_product & (codes == code)] = aligned[peers].mean(axis=0)
    return aligned


def weights_by_row(ids: tuple[str, ...], weights: Floats, row_of: dict[str, int]) -> Floats:
    """Return the weights by row, at least 0; 0 where there is none."""
    rows = _positions(ids, row_of)
    weight_of = np.zeros(len(row_of), dtype=np.float32)
    weight_of[rows[rows >= 0]] = np.maximum(weights[rows >= 0], 0.0)
    return weight_of


def category_style(catalogue: Catalogue, priors: Priors) -> Floats:
    """Return the priors [C, K] in the catalogue's codes and columns; 0 where there is none."""
    codes = _positions(priors.categories, catalogue.category_code_of)
    columns = _positions(priors.style_ids, catalogue.column_of)
    shape = (len(catalogue.category_code_of) + 1, len(catalogue.column_of) + 1)
    aligned = np.zeros(shape, dtype=np.float32)
    aligned[np.ix_(codes, columns)] = priors.category_style
    return aligned[:-1, :-1]


def _positions(names: Sequence[str], position_of: Mapping[str, int]) -> Ints:
    """Return the position of each name; -1 where it has none."""
    return np.array([position_of.get(name, -1) for name in names], dtype=np.int64)


MOST_VARIOUS = 512
"""Products, the most popular ones of each category first."""
NO_FACTORS = "popularity"
"""The factor version of recommendations that were made without factors."""


@dataclass(frozen=True)
class CatalogSnapshot:
    """P products by row, K styles by column, C categories by code."""

    changes: int
    """The catalogue's count of changes when this was made."""
    factors: Factors | None
    schedule: CampaignSchedule
    row_of: dict[str, int]
    column_of: dict[str, int]
    product_ids: list[str]
    style_ids: list[str]
    style_labels: list[str]
    titles: list[str]
    images: list[dict[int, str]]
    present: Bools
    """[P], on sale."""
    available: Bools
    """[P, K], pictures that exist and may be shown now."""
    lacking: Bools
    """[P, K], pictures that could be shown now and do not exist."""
    category_codes: Ints
    """[P]"""
    product_keys: Unsigned
    style_keys: Unsigned
    features: Floats
    """[P, D], whitened factors, or categories as unit vectors while there are no factors."""
    popularity: Floats
    """[P], 0 to 1."""
    new: Bools
    """[P], without any interaction."""
    ranked: Products
    """[P, D + 1], the features and the popularity; one object for all snapshots with the same."""
    neighbours: Neighbours
    """Of the P products; without entries while there are no factors."""
    style_priors: Doubles
    """[C + 1, K], the share of each style in each category and in the shop, times the odds that its
    campaign gives it now."""

    @property
    def version(self) -> str:
        """The factors' version, or NO_FACTORS."""
        return NO_FACTORS if self.factors is None else self.factors.version

    @property
    def edition(self) -> str:
        """Factor version and campaigns that run: lists of another edition are old ones."""
        themes = "".join(f" {style_id}*{factor:g}" for style_id, factor in self.schedule.running)
        return self.version + themes

    @cached_property
    def new_products(self) -> Ints:
        """The rows of new products on sale."""
        return np.flatnonzero(self.new & self.present)

    @cached_property
    def product_order(self) -> Ints:
        """The rows in the order of their keys."""
        return self.product_keys.argsort()

    @cached_property
    def various(self) -> Ints:
        """The rows of each category's most popular products on sale, at most MOST_VARIOUS."""
        rows = np.flatnonzero(self.present)
        rows = rows[np.lexsort((-self.popularity[rows], self.category_codes[rows]))]
        codes = self.category_codes[rows]
        rank = np.arange(len(rows)) - np.searchsorted(codes, codes)
        return rows[np.argsort(rank, kind="stable")][:MOST_VARIOUS]


def arrange(
    catalogue: Catalogue,
    factors: Factors | None,
    priors: Priors,
    rules: ChoiceRules,
    now: datetime,
    previous: CatalogSnapshot | None = None,
) -> CatalogSnapshot:
    """Return the snapshot at `now`; what `previous` has aligned already is taken over."""
    popularity = weights_by_row(priors.product_ids, priors.product_weights, catalogue.row_of)
    most = popularity.max(initial=0.0)
    schedule = schedule_at(catalogue.styles.values(), now, rules.campaign_weight)
    offers, exists = offered(catalogue, schedule), catalogue.available
    shares = style_priors(category_style(catalogue, priors), rules)
    features = _features(catalogue, factors, previous)
    neighbours = (
        previous.neighbours
        if previous is not None and previous.features is features
        else neighbours_of(catalogue, factors)
    )
    popularity = np.log1p(popularity) / np.log1p(most) if most > 0 else popularity
    return CatalogSnapshot(
        changes=catalogue.changes,
        factors=factors,
        schedule=schedule,
        row_of=dict(catalogue.row_of),
        column_of=dict(catalogue.column_of),
        product_ids=list(catalogue.product_ids),
        style_ids=catalogue.style_ids,
        style_labels=[
            catalogue.styles[name].label if name in catalogue.styles else name
            for name in catalogue.style_ids
        ],
        titles=list(catalogue.titles),
        images=list(catalogue.images),
        present=catalogue.present.copy(),
        available=offers & exists,
        lacking=offers & ~exists,
        category_codes=catalogue.category_codes.copy(),
        product_keys=catalogue.product_keys.copy(),
        style_keys=np.array([key_of(style) for style in catalogue.style_ids], dtype=np.uint64),
        features=features,
        popularity=popularity,
        ranked=_ranked(features, popularity, catalogue.present, previous),
        new=popularity <= 0,
        neighbours=neighbours,
        style_priors=with_campaign_odds(shares, catalogue, schedule),
    )


def _ranked(
    features: Floats, popularity: Floats, present: Bools, previous: CatalogSnapshot | None
) -> Products:
    """Return the vectors to rank; a picture that comes or goes changes none of them."""
    if (
        previous is not None
        and previous.features is features
        and np.array_equal(previous.popularity, popularity)
    ):
        return previous.ranked
    return products_of(np.hstack([features, popularity[:, None]]), ~present)


def _features(
    catalogue: Catalogue, factors: Factors | None, previous: CatalogSnapshot | None
) -> Floats:
    if (
        previous is not None
        and previous.factors is factors
        and np.array_equal(previous.category_codes, catalogue.category_codes)
        and np.array_equal(previous.present, catalogue.present)
    ):
        return previous.features
    if factors is None:
        units = np.eye(max(len(catalogue.category_code_of), 1), dtype=np.float32)
        return units[catalogue.category_codes] * catalogue.present[:, None]
    return features_of(catalogue, factors)
