"""How good top-10 lists were: hits, their ranks, what was ever shown and how unheard-of it was.

Recall@10 is the share of events whose product was in the list that was made just before; nDCG@10
counts a hit at place r as 1 / log2(r + 1) (Jarvelin, Kekalainen 2002, with one relevant product).
Coverage is the share of the catalogue that any list held, novelty the mean of -log2 of the share of
shoppers who had touched a listed product (Vargas, Castells 2011). Intervals draw whole shoppers.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from stylecore.arrays import Doubles, Ints
from stylecore.offpolicy.bootstrap import interval
from stylecore.offpolicy.terms import Terms
from stylecore.rank import NONE


class Figures(Struct, frozen=True, kw_only=True):
    """One contender's row."""

    name: str
    recall: float
    recall_low: float
    recall_high: float
    ndcg: float
    coverage: float
    novelty: float


class Tally:
    """Collects one contender's lists block by block."""

    def __init__(self, name: str, products: int) -> None:
        self.name = name
        self._gains: list[Doubles] = []
        self._shoppers: list[Ints] = []
        self._shown = np.zeros(products, dtype=np.bool_)
        self._bits, self._places = 0.0, 0

    def add(self, lists: Ints, wanted: Ints, shoppers: Ints, bits: Doubles) -> None:
        """Lists [B, k] of rows, the rows [B] that came, whose they are, and -log2 p by row [P]."""
        found = lists == wanted[:, None]
        gains = found / np.log2(np.arange(lists.shape[1]) + 2.0)
        self._gains.append(gains.sum(axis=1))
        self._shoppers.append(shoppers)
        listed = lists[lists != NONE]
        self._shown[listed] = True
        self._bits += float(bits[listed].sum())
        self._places += len(listed)

    def figures(self, random: np.random.Generator) -> Figures:
        """The row; of no events it is 0 throughout."""
        gains = np.concatenate([np.zeros(0), *self._gains])
        shoppers = np.concatenate([np.zeros(0, np.int64), *self._shoppers])
        hits = Terms((gains > 0).astype(np.float64), np.ones(len(gains)))
        low, high = interval(hits, shoppers, random) if len(gains) else (0.0, 0.0)
        return Figures(
            name=self.name,
            recall=hits.value if len(gains) else 0.0,
            recall_low=low,
            recall_high=high,
            ndcg=float(gains.mean()) if len(gains) else 0.0,
            coverage=float(self._shown.mean()),
            novelty=self._bits / max(self._places, 1),
        )
