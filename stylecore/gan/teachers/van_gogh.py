"""Van Gogh: thick strokes that follow the forms, in blues and yellows, lit like ridges of paint.

Strokes are noise drawn out along the structure tensor by line integral convolution (Cabral &
Leedom 1993; as painting: Hays & Essa 2004), colours go to the references' by linear optimal
transport (Pitie & Kokaram 2007), each stroke a little off in hue and lightness.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Floats
from stylecore.gan.teachers.colour import PHOTOS, Palette, from_oklab, to_oklab, transport
from stylecore.gan.teachers.filters import (
    band_noise,
    blur,
    gradient,
    local_contrast,
    luminance,
    smoothstep,
)
from stylecore.gan.teachers.outlines import outlines
from stylecore.gan.teachers.structure import along, flow


def paint(photo: Floats, noise: Floats, palette: Palette) -> Floats:
    """Oil painting of `photo` [H,W,3] from a noise field [H,W,3] in the references' colours."""
    light = luminance(photo)
    lines = flow(light, 4.0, noise[..., 2], weight=0.0006)
    strokes = along(np.stack([band_noise(noise[..., k], 1.45) for k in range(3)], 2), lines, 11)
    strokes *= np.float32(2.3)
    steep = blur(np.hypot(*gradient(light)), 1.0)
    strokes *= (1 - 0.55 * smoothstep(0.06, 0.22, steep))[..., None]
    lab = transport(to_oklab(along(blur(photo, 0.9), lines, 5)), PHOTOS, palette, 0.55)
    contrast = local_contrast(light, 8.0, 0.05)
    lab[..., 0] = 0.06 + 0.92 * lab[..., 0] + 0.022 * contrast + 0.070 * strokes[..., 0]
    lab[..., 1] = 1.35 * lab[..., 1] + 0.022 * strokes[..., 1]
    lab[..., 2] = 1.35 * lab[..., 2] + 0.055 * strokes[..., 2]
    lab[..., 2] -= 0.07 * smoothstep(0.55, 0.25, light)
    ridge = gradient(blur(strokes[..., 0] + 0.5 * strokes[..., 2], 0.5))
    lab[..., 0] += 0.075 * (ridge[0] + ridge[1])
    ink = outlines(light, lines, sigma=1.1, threshold=0.10, sharpness=6.0, floor=0.06)
    lab *= (1 - 0.45 * ink)[..., None]
    return from_oklab(lab)
