"""Pastel: chalk strokes of broken colour on buff paper, blocks of the stick's side below.

Strokes of two sizes lie along a slant that bends with the forms (see strokes.py: Hertzmann 1998,
Litwinowicz 1997); the pressure of the hand is noise drawn out along the slant by line integral
convolution (Cabral & Leedom 1993), and contours are redrawn in dark chalk (Winnemoeller 2011).
Colours go to the references' by linear optimal transport (Pitie & Kokaram 2007). It does not know
tender lines thinner than a stroke: they break.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Floats
from stylecore.gan.teachers.colour import PHOTOS, Palette, from_oklab, to_oklab, transport
from stylecore.gan.teachers.filters import (
    band_noise,
    blur,
    local_contrast,
    luminance,
    mix,
    unit_noise,
)
from stylecore.gan.teachers.outlines import outlines
from stylecore.gan.teachers.strokes import Mark, strokes
from stylecore.gan.teachers.structure import along, flow, straight

PAPER = (0.84, 0.75, 0.60)
_SLANT = -58.0
_BLOCKS = Mark(spacing=7.0, length=24.0, width=7.5, tolerance=0.12)
_STROKES = Mark(spacing=5.0, length=15.0, width=3.4, tolerance=0.07)
_BROKEN = np.array([0.010, 0.008, 0.014], np.float32)
"""Deviation of a stroke's colour from its place's, in OKLab."""


def paint(photo: Floats, noise: Floats, palette: Palette) -> Floats:
    """Chalk drawing of `photo` [H,W,3] from a noise field [H,W,3] near the references' colours."""
    light = luminance(photo)
    lines = flow(light, 3.5, noise[..., 2], weight=0.0006, lean=_SLANT)
    lab = _chalks(photo, light, palette)
    pressure = along(band_noise(noise[..., 1], 7.0), straight(light.shape, _SLANT), 9, 1.5)
    pressed = lab + 0.095 * pressure[..., None] * np.array([1, 0, 0], np.float32)
    drawn = pressed
    for mark, channels in ((_BLOCKS, [0, 1]), (_STROKES, [2, 0])):
        laid = strokes(lab, noise[..., channels], lines, mark)
        chance = np.clip(laid.of(np.roll(noise, 1, axis=2)), -2, 2)
        drawn = mix(drawn, laid.of(pressed) + chance * _BROKEN, laid.covered)
    drawn = blur(drawn, 0.6)
    drawn[..., 0] += 0.005 * unit_noise(noise[..., 0], 0.8)
    contour = outlines(light, lines, sigma=1.1, threshold=0.10, sharpness=6.0)
    return from_oklab(drawn * (1 - 0.12 * contour)[..., None])


def _chalks(photo: Floats, light: Floats, palette: Palette) -> Floats:
    """Colours [H,W,3] in OKLab that strokes are picked from, near the references'."""
    lab = transport(to_oklab(blur(photo, 1.0)), PHOTOS, palette, 0.6)
    lab[..., 0] += 0.04 * local_contrast(light, 8.0, 0.05)
    lab[..., 1:] *= 1.3
    return lab
