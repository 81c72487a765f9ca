"""Pointillism: three layers of dots of clear colour, side by side and never mixed.

Dots sit at the maxima of noise (see stipple.py) and take the photo's colour at their seed, turned a
little in hue each, complementaries strewn among them as Signac (1899) describes; colours go to the
references' by linear optimal transport (Pitie & Kokaram 2007).
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Floats
from stylecore.gan.teachers.colour import PHOTOS, Palette, from_oklab, to_oklab, transport
from stylecore.gan.teachers.filters import blur, local_contrast, luminance, mix
from stylecore.gan.teachers.stipple import cells, dots

_LAYERS = ((4.2, 9.0), (3.7, 1.8), (3.2, 1.25))
"""Spacing and radius of each layer in pixels; the first covers all."""


def paint(photo: Floats, noise: Floats, palette: Palette) -> Floats:
    """Dotted painting of `photo` [H,W,3] from a noise field [H,W,3] in the references' colours."""
    lab = transport(to_oklab(blur(photo, 0.7)), PHOTOS, palette, 0.3)
    lab[..., 0] += 0.24 * (1 - lab[..., 0]) + 0.05 * local_contrast(luminance(photo), 5.0, 0.05)
    lab[..., 1:] *= 1.9
    result = np.zeros_like(photo)
    for layer, (spacing, radius) in enumerate(_LAYERS):
        cell = cells(noise[..., layer], spacing)
        jitter = cell.of(np.roll(noise, layer + 1, axis=2))
        colour = cell.of(lab)
        colour = colour + jitter * np.array([0.050, 0.028, 0.036], np.float32)
        result = mix(result, from_oklab(colour), dots(cell.distance, radius))
    return result
