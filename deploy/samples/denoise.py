"""Takes the grain out of a ray-traced picture without touching prints and edges.

The light is divided by the surface's own colour, smoothed by an edge-avoiding a-trous wavelet
(Dammertz et al., "Edge-avoiding a-trous wavelet transform for fast global illumination
filtering", HPG 2010), and multiplied again, so that a texture stays as sharp as it was drawn.
What this module does not know: mirrors and glass, whose reflections only the light itself guides.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

LEVELS = 5
KERNEL = (1 / 16, 1 / 4, 3 / 8, 1 / 4, 1 / 16)


def denoised(
    light: NDArray[np.float32],
    albedo: NDArray[np.float32],
    normal: NDArray[np.float32],
    position: NDArray[np.float32],
    contrast: float = 0.6,
) -> NDArray[np.float32]:
    """The light [H, W, 3] without grain; contrast is the relative step that counts as an edge."""
    colour = np.clip(albedo, 0.03, 1.0)
    smooth = _without_sparks(light / colour)
    for level in range(LEVELS):
        smooth = _pass(smooth, normal, position, 2**level, contrast * 0.7**level)
    result: NDArray[np.float32] = smooth * colour
    return result


def _without_sparks(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Single pixels far brighter than their neighbours, brought down to twice the median."""
    middle = ndimage.median_filter(light, size=(3, 3, 1))
    calm: NDArray[np.float32] = np.minimum(light, 2 * middle + 0.02).astype(np.float32)
    return calm


def _pass(
    light: NDArray[np.float32],
    normal: NDArray[np.float32],
    position: NDArray[np.float32],
    step: int,
    contrast: float,
) -> NDArray[np.float32]:
    total, weights = np.zeros_like(light), np.zeros((*light.shape[:2], 1), np.float32)
    guide = np.log(light.mean(axis=-1, keepdims=True) + 1e-3)
    for row, column in product(range(-2, 3), range(-2, 3)):
        shift = (row * step, column * step)
        near, facing, place, tone = (_shifted(a, shift) for a in (light, normal, position, guide))
        bend = ((normal - facing) ** 2).sum(axis=-1, keepdims=True)
        off_plane = ((position - place) * normal).sum(axis=-1, keepdims=True) ** 2
        edge = bend / 0.02 + off_plane / 2e-5 + ((guide - tone) / contrast) ** 2
        weight = KERNEL[row + 2] * KERNEL[column + 2] * np.exp(-edge)
        total += weight * near
        weights += weight
    result: NDArray[np.float32] = (total / weights).astype(np.float32)
    return result


def _shifted(picture: NDArray[np.float32], shift: tuple[int, int]) -> NDArray[np.float32]:
    """The picture moved by whole pixels, its border repeated."""
    rows = np.clip(np.arange(picture.shape[0]) + shift[0], 0, picture.shape[0] - 1)
    columns = np.clip(np.arange(picture.shape[1]) + shift[1], 0, picture.shape[1] - 1)
    return picture[rows][:, columns]
