"""Pop art: saturated flat primaries, bold black outlines, dots in the mid-tones.

Posterised after Winnemoeller, Olsen & Gooch 2006 ("Real-time video abstraction", soft
quantisation), outlined by the extended difference of Gaussians; the dots stand for Ben Day dots but
lie as blue noise, because a lattice would have an absolute phase.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Floats
from stylecore.gan.teachers.colour import from_oklab, to_oklab
from stylecore.gan.teachers.filters import local_contrast, luminance, mix, smoothstep
from stylecore.gan.teachers.kuwahara import kuwahara
from stylecore.gan.teachers.outlines import outlines
from stylecore.gan.teachers.stipple import cells, dots
from stylecore.gan.teachers.structure import flow

_BLACK = np.array((0.04, 0.03, 0.06), np.float32)
_LEVELS = np.array([0.40, 0.62, 0.82, 0.985], np.float32)


def paint(photo: Floats, noise: Floats) -> Floats:
    """Comic print of `photo` [H,W,3] from a noise field [H,W,3]."""
    light = luminance(photo)
    lab = to_oklab(kuwahara(photo, 3.2))
    tone = lab[..., 0] + 0.10 * local_contrast(light, 7.0, 0.05)
    plain = from_oklab(_vivid(lab, _posterised(tone)))
    shade = from_oklab(_vivid(lab, _posterised(tone) - 0.25))
    cell = cells(noise[..., 0], 4.6)
    reach = 2.3 * smoothstep(0.84, 0.45, tone) * smoothstep(0.08, 0.40, tone)
    dotted = mix(plain, shade, dots(cell.distance, reach))
    ink = outlines(light, flow(light, 1.8), 1.15, threshold=0.065, sharpness=8.0, floor=0.04)
    return np.clip(mix(dotted, _BLACK, ink), 0, 1).astype(np.float32)


def _posterised(tone: Floats) -> Floats:
    """Lightness in a few steps; the darkest is no black, so that outlines still show on it."""
    result = np.full_like(tone, _LEVELS[0])
    for low, high, start in zip(_LEVELS, _LEVELS[1:], (0.36, 0.58, 0.80), strict=False):
        result += (high - low) * smoothstep(start - 0.03, start + 0.03, tone)
    return result


def _vivid(lab: Floats, lightness: Floats) -> Floats:
    """Chroma pushed towards a poster's; neutral tones turn to blue violet when dark."""
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    gain = (0.24 * smoothstep(0.03, 0.08, chroma)) / (chroma + 0.012)
    neutral = smoothstep(0.07, 0.03, chroma) * smoothstep(0.78, 0.50, lightness)
    a = lab[..., 1] * gain + 0.02 * neutral
    b = lab[..., 2] * gain - 0.17 * neutral
    return np.stack([lightness, a, b], axis=2).astype(np.float32)
