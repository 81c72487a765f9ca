"""Flat washes with firm edges: the generalised Kuwahara filter.

Papari, Petkov & Campisi 2007, as in Kyprianidis, Kang & Doellner 2009: the mean of eight sectors
around each pixel, weighted towards the one that varies least. Sectors are Gaussian discs set off
from the centre, so it costs one blur and eight shifts.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Floats
from stylecore.gan.teachers.filters import blur

_SECTORS = 8


def kuwahara(picture: Floats, radius: float, power: float = 4.0) -> Floats:
    """Flattened copy of [H,W,3]; `radius` in pixels, a higher `power` makes harder edges."""
    mean = blur(picture, radius * 0.45)
    variance = np.maximum(blur(picture * picture, radius * 0.45) - mean * mean, 0).sum(axis=2)
    deviation = np.sqrt(variance) * 255 + 1.0
    margin = int(np.ceil(radius)) + 1
    padding = ((margin, margin), (margin, margin))
    means = np.pad(mean, (*padding, (0, 0)), mode="edge")
    weights = np.pad(deviation ** np.float32(-power), padding, mode="edge")
    total, norm = np.zeros_like(picture), np.zeros(picture.shape[:2], np.float32)
    height, width = picture.shape[:2]
    for angle in np.arange(_SECTORS) * 2 * np.pi / _SECTORS:
        top = margin + round(float(radius * 0.8 * np.sin(angle)))
        left = margin + round(float(radius * 0.8 * np.cos(angle)))
        share = weights[top : top + height, left : left + width]
        total += means[top : top + height, left : left + width] * share[..., None]
        norm += share
    return np.asarray(total / norm[..., None], np.float32)
