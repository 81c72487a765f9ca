"""Does the product stand out from its ground: a figure, and a contour where it does not.

A white product on pale paper is drawn as paper. Its outline is known from the matte; what lies
along it, a line, a tone or a shadow, must differ from the ground.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from stylecore.arrays import Bools, Floats
from stylecore.imaging import color
from stylecore.imaging.color import to_cielab
from stylecore.imaging.photo import Pixels

_BESIDE = 3
"""Pixels at either side of the outline that belong to it."""
_SEEN = 0.07
"""Distance in OKLab from the ground from which an outline needs no contour."""
_WIDTH = 1 / 256
"""Sigma of the contour, of the shorter side."""
_DARKER, _LIGHTER, _LIGHT = 0.62, 0.4, 0.5
"""The contour's tone: a share of a light ground's levels, or so far from a dark one's to white."""


def visibility(picture: Pixels, ground: Pixels, mask: Floats) -> float | None:
    """Mean over the outline of the greatest CIE76 difference beside it from the ground meant there.

    `picture` and `ground` [H, W, 3], `mask` [H, W]. None where there is no outline.
    """
    outline = outline_of(mask)
    if not outline.any():
        return None
    apart = np.linalg.norm(to_cielab(picture) - to_cielab(ground), axis=-1)
    return float(_beside(apart, outline, _BESIDE)[outline].mean())


def with_contour(picture: Floats, ground: Floats, mask: Floats) -> Floats:
    """The picture [H, W, 3] with a soft contour where its product is like the ground."""
    outline = outline_of(mask)
    if not outline.any():
        return picture
    sigma = _WIDTH * min(mask.shape)
    apart = np.linalg.norm(color.to_oklab(picture) - color.to_oklab(ground), axis=-1)
    seen = _beside(np.asarray(apart, np.float32), outline, max(_BESIDE, round(2 * sigma)))
    lost = np.where(outline, np.clip(1 - seen / np.float32(_SEEN), 0, 1), 0).astype(np.float32)
    whole = ndimage.gaussian_filter(outline.astype(np.float32), 4 * sigma)
    shared = ndimage.gaussian_filter(lost, 4 * sigma) / np.maximum(whole, np.float32(1e-6))
    line = ndimage.gaussian_filter(np.where(outline, shared, 0), sigma) / np.float32(_peak(sigma))
    dark = (ground.mean(axis=2, keepdims=True) < _LIGHT).astype(np.float32)
    tone = dark * (ground + _LIGHTER * (1 - ground)) + (1 - dark) * (_DARKER * ground)
    share = np.clip(line, 0, 1)[..., None]
    return np.asarray(picture + share * (tone - picture), np.float32)


def outline_of(mask: Floats) -> Bools:
    """[H, W]: the product's own pixels beside the ground."""
    product = mask >= 0.5
    return np.asarray(product & ~ndimage.binary_erosion(product, border_value=1))


def _beside(apart: Floats, outline: Bools, width: int) -> Floats:
    """[H, W], the greatest mean of 3 x 3 pixels within `width` of the outline."""
    band = ndimage.binary_dilation(outline, iterations=width)
    even = np.where(band, ndimage.uniform_filter(apart, 3), 0)
    return np.asarray(ndimage.maximum_filter(even, 2 * width + 1), np.float32)


def _peak(sigma: float) -> float:
    """What a gaussian of a line one pixel wide has at its middle."""
    return float(1 / (sigma * np.sqrt(2 * np.pi)))
