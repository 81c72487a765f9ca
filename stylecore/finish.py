"""What is done to a style's renders after the network: chosen by eye and by table, not learnt.

A wash is softer and a woodcut crisper than the network draws them, old pigments and prints are more
muted, and where strokes run wild a share of the photo holds the product together. All of it looks
at each place alone, so that a render still moves along with its photo. What it does not know: how
sharp or how colourful the photo was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec
import numpy as np
from scipy import ndimage

from stylecore.images import LUMA, Floats

_RADIUS = 1.4
"""Sigma in pixels of the working size of the unsharp mask."""

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


def finished(render: Floats, photo: Floats, finish: Finish) -> Floats:
    """The render [H, W, 3] crisper or softer, muted or vivid, with the photo's share.

    Detail comes later. Colour keeps its luminance, and paper of the tint keeps its colour.
    """
    if finish.sharpness:
        soft = ndimage.gaussian_filter(render, (_RADIUS, _RADIUS, 0), truncate=3.0)
        render = render + np.float32(finish.sharpness) * (render - soft)
    if finish.photo:
        render = render + np.float32(finish.photo) * (photo - render)
    if finish.colour != 1:
        tint = np.array(finish.tint, np.float32)
        faded = (render @ LUMA)[..., None] * (tint / np.float32(tint @ LUMA))
        render = np.asarray(faded + np.float32(finish.colour) * (render - faded), np.float32)
    return np.asarray(render.clip(0, 1), np.float32)
