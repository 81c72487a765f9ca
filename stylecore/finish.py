"""What is done to a style's renders after the network (finishing.py), as its manifest says it.

Chosen by eye and by table, not learnt: a wash is softer and a woodcut crisper than the network
draws them, old pigments and prints are more muted, and where strokes run wild a share of the photo
holds the product together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Light = Annotated[float, msgspec.Meta(gt=0, le=1)]
_GREY = (1.0, 1.0, 1.0)


class Finish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A style's finish; the default leaves the render as it is."""

    sharpness: Annotated[float, msgspec.Meta(ge=-1, le=1)] = 0.0
    """Of the unsharp mask: above 0 crisper, below softer, -1 as soft as its blur."""
    photo: Share = 0.0
    """Share of the photo that shows through."""
    detail: Share = 0.0
    """Share of the photo's fine luminance that goes back in."""
    colour: Annotated[float, msgspec.Meta(ge=0, le=2)] = 1.0
    """How far colours lie from the tint of their lightness: below 1 muted, above 1 vivid."""
    tint: tuple[_Light, _Light, _Light] = _GREY
    """RGB of what has lost its colour, as light as may be: the style's paper, or a print's tone."""


def blended(finishes: Sequence[Finish], weights: Iterable[float]) -> Finish:
    """The finish of a blend of styles: the weighted mean of theirs, the weights' sum 1."""
    shares = list(zip(weights, finishes, strict=True))
    red, green, blue = (
        float(sum(share * finish.tint[channel] for share, finish in shares)) for channel in range(3)
    )
    return Finish(
        sharpness=float(sum(share * finish.sharpness for share, finish in shares)),
        photo=float(sum(share * finish.photo for share, finish in shares)),
        detail=float(sum(share * finish.detail for share, finish in shares)),
        colour=float(sum(share * finish.colour for share, finish in shares)),
        tint=(min(red, 1.0), min(green, 1.0), min(blue, 1.0)),
    )
