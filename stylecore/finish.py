"""What is done to a style's renders after the network: chosen by eye and by table, not learnt.

A wash is softer and a woodcut crisper than the network draws them, and where strokes run wild a
share of the photo holds the product together. What it does not know: how sharp the photo was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec
import numpy as np
from scipy import ndimage

from stylecore.images import Floats

_RADIUS = 1.4
"""Sigma in pixels of the working size of the unsharp mask."""

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Finish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A style's finish; the default leaves the render as it is."""

    sharpness: Annotated[float, msgspec.Meta(ge=-1, le=1)] = 0.0
    """Of the unsharp mask: above 0 crisper, below softer, -1 as soft as its blur."""
    photo: Share = 0.0
    """Share of the photo that shows through."""
    detail: Share = 0.0
    """Share of the photo's fine luminance that goes back in."""


def blended(finishes: Sequence[Finish], weights: Iterable[float]) -> Finish:
    """The finish of a blend of styles: the weighted mean of theirs, the weights' sum 1."""
    shares = list(zip(weights, finishes, strict=True))
    return Finish(
        sharpness=float(sum(share * finish.sharpness for share, finish in shares)),
        photo=float(sum(share * finish.photo for share, finish in shares)),
        detail=float(sum(share * finish.detail for share, finish in shares)),
    )


def finished(render: Floats, photo: Floats, finish: Finish) -> Floats:
    """The render [H, W, 3] made crisper or softer, with the photo's share; detail comes later."""
    if finish.sharpness:
        soft = ndimage.gaussian_filter(render, (_RADIUS, _RADIUS, 0), truncate=3.0)
        render = render + np.float32(finish.sharpness) * (render - soft)
    if finish.photo:
        render = render + np.float32(finish.photo) * (photo - render)
    return np.asarray(render.clip(0, 1), np.float32)
