"""Vectors rounded to bytes, and how far their products with each other can be off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylecore.arrays import Bytes, Floats
from stylecore.rank.integer_product import IntegerProduct, levels
from stylecore.rank.ranking import finite, lengths
from stylecore.rank.ties import Ties, ties

ROUNDING = 2.0**-22
"""Four times the unit of rounding of single precision: what the exact scores themselves, and the
lengths below, may be off by, a dimension."""
MULTIPLE = 64
"""The number of columns is a multiple: halves of halves are whole, and bits fill whole words."""
PRODUCT_LEVELS = 127
"""Products run from minus this to this."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Products ready to be ranked many times."""

    vectors: Floats
    """[P, D]"""
    scales: Floats
    """[D], the largest of each dimension: vectors over them are as fine in each. A user is times
    them, so that products stay what they are."""
    product: IntegerProduct
    """With the vectors as bytes, a column each; columns of zeros follow up to a multiple of 64."""
    longest: float
    """The length of the longest vector over the scales, in steps of the bytes."""
    farthest: float
    """The length of the longest difference between a vector and its bytes, in such steps."""
    ties: Ties

    @property
    def columns(self) -> int:
        """P, rounded up."""
        return -(-len(self.vectors) // MULTIPLE) * MULTIPLE


def prepared(products: Floats) -> Prepared:
    """Products [P, D] as top_k takes them; a few milliseconds for 5,000.

    Raises ValueError for NaN or infinity.
    """
    finite("product", products)
    vectors = np.ascontiguousarray(products, dtype=np.float32)
    exact = vectors.astype(np.float64)
    largest = np.abs(vectors).max(axis=0, initial=0)
    scales = np.where(largest > 0, largest, np.float32(1))
    exact *= PRODUCT_LEVELS / scales
    rounded = np.rint(exact)
    table = np.zeros((vectors.shape[1], -(-len(vectors) // MULTIPLE) * MULTIPLE), dtype=np.int8)
    table[:, : len(vectors)] = rounded.T
    return Prepared(
        vectors=vectors,
        scales=scales,
        product=IntegerProduct(table),
        longest=float(np.linalg.norm(exact, axis=1).max(initial=0.0)),
        farthest=float(np.linalg.norm(exact - rounded, axis=1).max(initial=0.0)),
        ties=ties(vectors),
    )


@dataclass(frozen=True, slots=True)
class QuantizedUsers:
    """Users as bytes, each in steps of its own."""

    bytes: Bytes
    """[B, D], the integers plus the zero point."""
    errors: Floats
    """[B], what a product of integers may differ at most from the exact score, in steps of both.

    For u = r + d and p = q + e, u.p - r.q = d.p + r.e, of which Cauchy and Schwarz say that it is
    at most |d| |p| + |r| |e|.
    """


def quantized(users: Floats, products: Prepared) -> QuantizedUsers:
    """Users [B, D] for the product with the prepared ones."""
    users = users * products.scales
    highest = np.abs(np.ascontiguousarray(users.T)).max(axis=0)[:, None]  # rows are too short
    steps: Floats = np.maximum(highest, np.finfo(np.float32).tiny) / np.float32(levels())
    scaled = users / steps
    rounded = np.rint(scaled)
    left, kept = lengths(scaled - rounded), lengths(rounded)
    slack = ROUNDING * (users.shape[1] + 1) * (kept + left) * products.longest
    errors = left * products.longest + kept * products.farthest + slack
    return QuantizedUsers(
        bytes=(rounded + (levels() + 1)).astype(np.uint8), errors=errors.astype(np.float32)
    )
