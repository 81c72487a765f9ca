"""Vintage film: a faded curve, warm light and teal shadows, silver grain. No vignette: not local.

Curve and split toning are those of a colour negative left in a drawer; grain is noise of about one
pixel, strongest in the mid-tones as on film (Newson, Delon & Galerne 2017).
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Floats
from stylecore.gan.teachers.filters import blur, luminance, unit_noise

_FADED = np.array((0.20, 0.15, 0.20), np.float32)
_PEAK = np.array((0.99, 0.93, 0.78), np.float32)
TONE = (1.0, 0.95, 0.85)
"""What is left of a print's colours when they have faded."""
_CURVE = np.array((0.56, 0.66, 0.74), np.float32)


def paint(photo: Floats, noise: Floats) -> Floats:
    """Faded print of `photo` [H,W,3] from a noise field [H,W,3]."""
    soft = 0.7 * photo + 0.3 * blur(photo, 1.5)
    grey = luminance(soft)[..., None]
    muted = grey + 0.92 * (soft - grey)
    toned = _FADED + (_PEAK - _FADED) * np.clip(muted, 0, 1) ** _CURVE
    grain = unit_noise(noise[..., 0], 0.7) + 0.35 * unit_noise(noise[..., 1], 1.6)
    strength = 0.030 * (0.35 + 4 * grey[..., 0] * (1 - grey[..., 0]) * 0.65)
    return np.asarray(np.clip(toned + (grain * strength)[..., None], 0, 1), np.float32)
