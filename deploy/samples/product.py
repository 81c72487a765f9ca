"""What a sample product is to the studio: how it is built, and how it is photographed.

What this module does not know: any particular product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from materials import Surface
from mesh import Mesh

Part: TypeAlias = tuple[Mesh, Surface]

WHITE = "#e9e9e9"


@dataclass(frozen=True)
class Shot:
    """The camera's elevation in degrees, the share of the frame's side to fill, the paper."""

    elevation: float = 14.0
    fill: float = 0.77
    paper: str = WHITE


@dataclass(frozen=True)
class Look:
    build: Callable[[], list[Part]]
    shot: Shot
