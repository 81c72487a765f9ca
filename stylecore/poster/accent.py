"""A panel's colour where no brand names one: the product's own hue, deep enough for white text.

A light vivid colour, such as yellow, stays as it is and bears near-black: darkened it turns muddy.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Floats
from stylecore.imaging.color import from_oklab, in_gamut, to_oklab
from stylecore.imaging.palette import dominant_colours
from stylecore.imaging.photo import Pixels, to_floats, to_pixels
from stylecore.poster.contrast import INKS, Colour, contrast

WANTED = 5.0
"""Contrast with white, so that off-white grounds can be its ink, too."""
_LIGHT = 0.76
"""OKLab lightness from which on a vivid colour stays light."""
_GREY, _CHARCOAL = 0.035, 0.24
"""Chroma below which a product has no hue, and the lightness of the panel that it gets."""
_STEP = 0.01


def accent_of(pixels: Pixels) -> Colour:
    """A strong colour of the product's pixels [N, 3], N at least 1."""
    colours = dominant_colours(to_oklab(to_floats(pixels)))
    chroma = np.hypot(colours[:, 1], colours[:, 2])
    lab = colours[int(chroma.argmax())].copy()
    if chroma.max() < _GREY:
        lab[0] = _CHARCOAL
    elif lab[0] >= _LIGHT and contrast(_shown(lab), INKS[1]) >= WANTED:
        return _shown(lab)
    while contrast(_shown(lab), INKS[0]) < WANTED:
        lab[0] -= _STEP
    return _shown(lab)


def _shown(lab: Floats) -> Colour:
    red, green, blue = to_pixels(from_oklab(in_gamut(lab[None, :])))[0]
    return int(red), int(green), int(blue)
