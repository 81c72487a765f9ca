"""Ink line: black lines and slanted hatching on paper, no colour.

Lines by the extended difference of Gaussians (Winnemoeller 2011). Hatching is a threshold of noise
drawn out along fixed slants by line integral convolution (Cabral & Leedom 1993), so it has no
lattice; the threshold follows the tone, as in tonal art maps (Praun et al. 2001).
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Floats
from stylecore.gan.teachers.filters import (
    band_noise,
    blur,
    local_contrast,
    luminance,
    mix,
    smoothstep,
)
from stylecore.gan.teachers.kuwahara import kuwahara
from stylecore.gan.teachers.outlines import outlines
from stylecore.gan.teachers.structure import along, flow, straight

PAPER = (0.957, 0.933, 0.875)
_INK = np.array((0.10, 0.09, 0.10), np.float32)
_SLANTS = (-52.0, 38.0)


def paint(photo: Floats, noise: Floats) -> Floats:
    """Ink drawing of `photo` [H,W,3] from a noise field [H,W,3]."""
    light = luminance(photo)
    lines = flow(light, 2.0)
    ink = outlines(light, lines, 0.95, threshold=0.05, sharpness=11.0, floor=0.04, smooth=3)
    calm = luminance(kuwahara(photo, 3.0))
    folds = 0.12 * local_contrast(blur(light, 1.0), 8.0, 0.05)
    tone = np.asarray(np.clip(0.66 - calm - folds, 0, 1), np.float32)
    hatching = _hatching(tone, noise[..., 0], _SLANTS[0])
    hatching = np.maximum(hatching, _hatching(tone - 0.28, noise[..., 1], _SLANTS[1]))
    paper = np.broadcast_to(np.array(PAPER, np.float32), photo.shape)
    washed = mix(paper, _INK, 0.42 * smoothstep(0.02, 0.62, tone))
    return np.asarray(mix(washed, _INK, np.maximum(ink, 0.62 * hatching)), np.float32)


def _hatching(tone: Floats, noise: Floats, slant: float) -> Floats:
    """Coverage [H,W]: about the share `tone` of the streaks is drawn."""
    streaks = along(band_noise(noise, 0.75), straight(tone.shape, slant), 7)
    level = streaks * np.float32(2.6)
    wanted = 1.7 - 3.4 * np.clip(tone, -1, 0.6)
    return smoothstep(-0.25, 0.35, level - wanted)
