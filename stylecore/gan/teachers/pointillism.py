"""Pointillism: three layers of touches of clear colour, side by side and never mixed.

Touches are short marks (see strokes.py: Hertzmann 1998, Litwinowicz 1997), ending where the photo's
colour changes, turned a little in hue each, complementaries strewn among them as Signac (1899)
describes; colours go to the references' by linear optimal transport (Pitie & Kokaram 2007). It does
not know reflected light: the colours of shadows are chance.
"""

from __future__ import annotations

import numpy as np

from stylecore.gan.teachers.colour import PHOTOS, Palette, from_lab, to_lab, transport
from stylecore.gan.teachers.filters import (
    Plane,
    band_noise,
    blur,
    local_contrast,
    luminance,
    mix,
)
from stylecore.gan.teachers.strokes import Mark, strokes
from stylecore.gan.teachers.structure import flow

_LAYERS = (
    (Mark(6.0, 7.0, 7.0, 0.12), (0.014, 0.024, 0.020)),
    (Mark(4.2, 4.8, 4.4, 0.08), (0.022, 0.034, 0.030)),
    (Mark(4.4, 3.6, 3.4, 0.07), (0.030, 0.042, 0.038)),
)
"""Marks from the broad to the fine, and how far their colours in OKLab deviate."""


def paint(photo: Plane, noise: Plane, palette: Palette) -> Plane:
    """Dotted painting of `photo` [H,W,3] from a noise field [H,W,3] in the references' colours."""
    light = luminance(photo)
    lines = flow(light, 3.0, noise[..., 2], weight=0.0004)
    lab = transport(to_lab(blur(photo, 0.8)), PHOTOS, palette, 0.7)
    lab[..., 0] += 0.06 * (1 - lab[..., 0]) + 0.04 * local_contrast(light, 6.0, 0.05)
    lab[..., 1:] *= 1.4
    shade = 0.035 * band_noise(noise[..., 1], 7.0)
    lit = lab + shade[..., None] * np.array([1, 0, 0], np.float32)
    painted = lit
    for layer, (mark, deviation) in enumerate(_LAYERS):
        laid = strokes(lab, noise[..., [layer, (layer + 1) % 3]], lines, mark)
        chance = np.clip(laid.of(np.roll(noise, layer + 1, axis=2)), -2, 2)
        colour = laid.of(lit) + chance * np.array(deviation, np.float32)
        painted = mix(painted, colour, laid.covered)
    return from_lab(blur(painted, 0.4))
