"""Pastel: soft slanted strokes of chalk, light colours, the tooth of the paper showing through.

Strokes by line integral convolution (Cabral & Leedom 1993) along a slant that bends with the forms;
chalk catches on the paper's grain where the pressure, here the stroke's noise, is low.
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
    smoothstep,
    unit_noise,
)
from stylecore.gan.teachers.structure import along, straight

PAPER = (0.965, 0.945, 0.935)
_SLANT = -58.0


def paint(photo: Plane, noise: Plane, palette: Palette) -> Plane:
    """Chalk drawing of `photo` [H,W,3] from a noise field [H,W,3] near the references' colours."""
    light = luminance(photo)
    slant = straight(light.shape, _SLANT)
    strokes = np.float32(2.6) * along(
        np.stack([band_noise(noise[..., k], 1.3) for k in range(2)], 2), slant, 15
    )
    lab = transport(to_lab(along(blur(photo, 0.6), slant, 1)), PHOTOS, palette, 0.15)
    contrast = local_contrast(light, 6.0, 0.05)
    lab[..., 0] = 0.37 + 0.63 * lab[..., 0] + 0.045 * contrast + 0.065 * strokes[..., 0]
    gain = 1.9 / (1 + 2.5 * np.hypot(lab[..., 1], lab[..., 2]))
    lab[..., 1:] = gain[..., None] * lab[..., 1:] + 0.017 * strokes
    tooth = 0.9 * unit_noise(noise[..., 2], 0.7) + 0.6 * strokes[..., 1]
    bare = smoothstep(0.3, 1.9, tooth)
    paper = np.broadcast_to(np.array(PAPER, np.float32), photo.shape)
    return np.clip(mix(from_lab(lab), paper, 0.5 * bare), 0, 1).astype(np.float32)
