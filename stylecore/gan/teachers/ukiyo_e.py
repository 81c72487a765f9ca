"""Ukiyo-e: flat areas of a woodblock's few pigments, a dark key line, grain of the cherry wood.

Flat areas by the Kuwahara filter (Kyprianidis 2009) and a soft choice among pigments; the key line
is an extended difference of Gaussians (Winnemoeller 2011). Pigments are those of the prints of
Hiroshige and Hokusai: Prussian blue and indigo, beni red, ochre, sage, sumi ink on buff paper.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Floats
from stylecore.gan.teachers.colour import from_oklab, to_oklab
from stylecore.gan.teachers.filters import local_contrast, luminance, mix, unit_noise
from stylecore.gan.teachers.kuwahara import kuwahara
from stylecore.gan.teachers.outlines import outlines
from stylecore.gan.teachers.structure import along, flow, straight

PAPER = (0.949, 0.902, 0.796)
_KEY = np.array((0.09, 0.09, 0.15), np.float32)
_PIGMENTS = np.array(
    [
        PAPER,
        (0.87, 0.77, 0.60),  # buff
        (0.93, 0.80, 0.45),  # gamboge
        (0.80, 0.58, 0.24),  # ochre
        (0.56, 0.36, 0.20),  # umber
        (0.90, 0.64, 0.53),  # pale beni
        (0.80, 0.30, 0.21),  # beni red
        (0.52, 0.15, 0.15),  # dark red
        (0.72, 0.79, 0.79),  # pale blue
        (0.42, 0.58, 0.72),  # blue
        (0.13, 0.31, 0.56),  # Prussian blue
        (0.10, 0.16, 0.33),  # indigo
        (0.60, 0.66, 0.46),  # sage
        (0.25, 0.40, 0.30),  # green
        (0.63, 0.60, 0.55),  # grey
        (0.17, 0.18, 0.25),  # sumi
        (0.45, 0.33, 0.48),  # violet
        (0.34, 0.32, 0.33),  # thin sumi
        (0.46, 0.45, 0.45),  # thinner sumi
        (0.80, 0.52, 0.48),  # beni in shadow
        (0.88, 0.75, 0.77),  # lilac
    ],
    np.float32,
)


def paint(photo: Floats, noise: Floats) -> Floats:
    """Woodblock print of `photo` [H,W,3] from a noise field [H,W,3]."""
    light = luminance(photo)
    lines = flow(light, 1.5)
    flat = _printed(kuwahara(photo, 3.2), light)
    grain = along(noise[..., 0], straight(light.shape, 4.0), 12)
    mottle = unit_noise(noise[..., 1], 1.2)
    flat = flat * (1 + 0.13 * grain + 0.018 * mottle)[..., None]
    ink = outlines(light, lines, sigma=0.95, threshold=0.05, sharpness=9.0, floor=0.045, smooth=3)
    return np.clip(mix(flat, _KEY, 0.93 * ink), 0, 1).astype(np.float32)


def _printed(flat: Floats, light: Floats) -> Floats:
    """Each place as its nearest pigments, with a little of its own colour left."""
    lab = to_oklab(flat)
    lightness = lab[..., 0] + 0.06 * local_contrast(light, 9.0, 0.05)
    lab = np.stack([lightness * 0.90 + 0.125, lab[..., 1] * 1.6, lab[..., 2] * 1.6], axis=2)
    pigments = to_oklab(_PIGMENTS)
    scale = np.array([1.0, 2.0, 2.0], np.float32)
    apart = (((lab * scale)[:, :, None] - pigments * scale) ** 2).sum(axis=3)
    share = np.exp(-(apart - apart.min(axis=2, keepdims=True)) / 0.0025)
    chosen = (share / share.sum(axis=2, keepdims=True)) @ pigments
    return from_oklab((chosen + 0.10 * (lab - chosen)).astype(np.float32))
