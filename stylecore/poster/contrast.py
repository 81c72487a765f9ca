"""Contrast of text with what lies under it, by the formula of WCAG 2.2 (relative luminance)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stylecore.arrays import Doubles
from stylecore.imaging.photo import Pixels
from stylecore.poster.typeface import Unsettable

Colour = tuple[int, int, int]
"""sRGB, 0-255."""

MINIMUM = 4.5
"""WCAG's level AA for text of any size."""
INKS: tuple[Colour, Colour] = ((255, 255, 255), (17, 17, 17))
_SHARES = np.array([0.2126, 0.7152, 0.0722])


def contrast(one: Colour, other: Colour) -> float:
    """1 (alike) to 21 (black and white)."""
    return worst_contrast(one, np.array([[other]], np.uint8))


def worst_contrast(ink: Colour, under: Pixels) -> float:
    """The least contrast of an ink with any of the pixels [H, W, 3] under it."""
    inked = float(_luminance(np.array(ink)))
    grounds = _luminance(np.unique(under.reshape(-1, 3), axis=0))
    lighter, darker = np.maximum(grounds, inked), np.minimum(grounds, inked)
    return float(((lighter + 0.05) / (darker + 0.05)).min())


def readable_ink(wanted: Sequence[Colour], under: Pixels) -> Colour:
    """The first of the wanted colours with contrast enough, else white or near-black.

    Raises Unsettable where the ground is too uneven for any.
    """
    for ink in (*wanted, *INKS, (0, 0, 0)):
        if worst_contrast(ink, under) >= MINIMUM:
            return ink
    raise Unsettable("no colour can be read everywhere on the ground under the text")


def _luminance(colours: NDArray[np.generic]) -> Doubles:
    """Relative luminance, 0 to 1, of sRGB colours [..., 3] of 0-255."""
    coded = colours.astype(np.float64) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ _SHARES, np.float64)


def colour_of(text: str) -> Colour:
    """'#rrggbb' as a colour."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
