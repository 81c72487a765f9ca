"""How a stream is run, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from stylecore.prequential.figures import Figures


@dataclass(frozen=True, slots=True)
class Protocol:
    """How the stream is run."""

    warm_up: float = 0.5
    """Share of the events that are learnt before the first prediction."""
    refit_events: int = 5000
    every: int = 1
    """Of so many events one is predicted; all are learnt."""
    block: int = 256
    k: int = 10
    repeats: bool = False
    """Whether a product that a shopper has touched may be predicted again."""
    seed: int = 0


class Prequential(Struct, frozen=True, kw_only=True):
    """The table and what it was made of."""

    events: int
    predicted: int
    shoppers: int
    products: int
    refits: int
    rows: tuple[Figures, ...]
