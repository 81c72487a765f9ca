"""Product factors of one version, what they were fitted with, and the priors.

Products are named by id, so that factors outlive the rows of any process. Shoppers are not in it:
their vectors are folded in when needed. How it is stored is the artifact's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stylecore.arrays import Floats
from stylecore.errors import Permanent
from stylecore.popularity import Priors


@dataclass(frozen=True)
class Factors:
    """F factors for P products; row i belongs to `product_ids[i]`.

    The first `fitted` rows are fitted; the rest are newcomers, placed where their like stand.
    """

    version: str
    parent: str | None
    product_ids: tuple[str, ...]
    product_factors: Floats
    """[P, F]"""
    priors: Priors
    regularization: float
    """Of the fit, and so of every fold-in."""
    alpha: float
    """Confidence is 1 + alpha * weight."""
    fitted: int
    learned_until: datetime | None = None
    """What shoppers did after this was not fitted to; None where that is not known."""

    @property
    def fitted_factors(self) -> Floats:
        """[fitted, F]: what a shopper is folded in against. Nobody passed a newcomer over yet."""
        return self.product_factors[: self.fitted]


def check(factors: Factors, name: str = "factors") -> None:
    """Raises Permanent where shapes do not fit together or values are not usable numbers."""
    priors = factors.priors
    wanted: dict[str, tuple[NDArray[Any], tuple[int | None, ...]]] = {
        "product_factors": (factors.product_factors, (len(factors.product_ids), None)),
        "product_weights": (priors.product_weights, (len(priors.product_ids),)),
        "category_style": (
            priors.category_style,
            (len(priors.categories), len(priors.style_ids)),
        ),
    }
    for key, (array, shape) in wanted.items():
        fits = array.ndim == len(shape) and all(
            size is None or size == length for size, length in zip(shape, array.shape, strict=True)
        )
        if not fits or array.dtype != np.float32:
            raise Permanent(f"{name}: {key} is {array.dtype}{array.shape}, not float32{shape}")
        if not np.isfinite(array).all():
            raise Permanent(f"{name}: {key} holds values that are not finite")
    if factors.regularization <= 0 or factors.alpha <= 0:
        raise Permanent(
            f"{name}: regularization {factors.regularization} and alpha {factors.alpha} "
            "must be above 0"
        )
    if not 0 <= factors.fitted <= len(factors.product_ids):
        raise Permanent(f"{name}: {factors.fitted} of {len(factors.product_ids)} rows are fitted")
    if len(set(factors.product_ids)) != len(factors.product_ids):
        raise Permanent(f"{name}: a product_id stands twice")
