"""The four that are compared; each is what it scores with and whose past it looks at.

All rank as serving does: a shopper's vector against the assortment's features, and the bonus for
popularity. They differ in what they are allowed to learn after the warm-up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylecore.arrays import Ints
from stylecore.assortment import Assortment
from stylecore.evidence import ProductEvidence
from stylecore.rank import top_k
from stylecore.recommend import POPULARITY_BONUS
from stylecore.taste import tastes


@dataclass(frozen=True, slots=True)
class Learns:
    """What a contender learns as the stream goes on."""

    name: str
    personal: bool = True
    """Whether it looks at the shopper at all."""
    events: bool = True
    """Shoppers' states and popularity; else both stay as the warm-up left them."""
    factors: bool = False
    """The factors of products, by refits."""


CONTENDERS = (
    Learns("popularity", personal=False),
    Learns("static factors", events=False),
    Learns("fold-in"),
    Learns("fold-in, refits", factors=True),
)


def lists(
    learns: Learns,
    done: ProductEvidence,
    assortment: Assortment,
    masked: tuple[Ints, Ints],
    k: int,
) -> Ints:
    """The best k rows for each shopper of the evidence, [B, k]; `masked` pairs shopper and row."""
    shoppers = len(done.starts) - 1
    vectors = np.zeros((shoppers, assortment.features.shape[1]), dtype=np.float32)
    if learns.personal:
        vectors = tastes(assortment, done).vectors
    bonus = np.full((shoppers, 1), POPULARITY_BONUS, dtype=np.float32)
    return top_k(np.hstack([vectors, bonus]), assortment.ranked, k, *masked).rows
