"""Dots without a lattice: cells around the local maxima of band-passed noise.

Blue-noise-like stippling in the spirit of Secord 2002, but the seeds come from the noise field, so
neighbouring crops agree and no absolute phase exists. It does not know tone: the style decides how
far from its seed a dot reaches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stylecore.arrays import Floats
from stylecore.gan.teachers.filters import band_noise


@dataclass(frozen=True)
class Cells:
    """For every pixel the seed that is nearest: distance in pixels [H,W], row and column [H,W]."""

    distance: Floats
    row: NDArray[np.int32]
    column: NDArray[np.int32]

    def of(self, picture: Floats) -> Floats:
        """A picture [H,W] or [H,W,C] as its values at the seeds, flat within each cell."""
        return np.asarray(picture[self.row, self.column], np.float32)


def cells(noise: Floats, spacing: float) -> Cells:
    """Cells whose seeds lie about `spacing` pixels apart, from white noise [H,W]."""
    band = band_noise(noise, spacing * 0.36)
    peaks = (band == ndimage.maximum_filter(band, size=3)) & (band > -0.2)
    distance, nearest = ndimage.distance_transform_edt(~peaks, return_indices=True)
    return Cells(np.asarray(distance, np.float32), nearest[0], nearest[1])


def dots(distance: Floats, radius: Floats | float, softness: float = 0.7) -> Floats:
    """Coverage [H,W] of round dots of a radius in pixels around each seed."""
    return np.asarray(np.clip((radius - distance) / softness + 0.5, 0, 1), np.float32)
