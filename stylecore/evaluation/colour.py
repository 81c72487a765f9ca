"""CIE LAB of sRGB under D65, in which a distance of 1 is about the least that an eye sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stylecore.images import Pixels

Lab = NDArray[np.float32]

_TO_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])


def to_lab(pixels: Pixels) -> Lab:
    """[..., 3] of 0-255 to L 0-100, a and b about -100 to 100 (CIE 1976, IEC 61966-2-1)."""
    coded = pixels.astype(np.float32) / 255
    linear = np.where(coded > 0.04045, ((coded + 0.055) / 1.055) ** 2.4, coded / 12.92)
    relative = linear @ (_TO_XYZ / _WHITE[:, None]).T
    cubed = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16 / 116)
    x, y, z = np.moveaxis(cubed, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)
