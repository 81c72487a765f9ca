"""Ink lines: the extended difference of Gaussians along the flow.

Winnemoeller 2011 ("XDoG") with the line smoothing of Kang, Lee & Chui 2007. The luminance is first
divided by its local contrast, so that a seam on black cloth draws as well as a seam on white. It
does not know which line matters: woven cloth draws many.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Floats
from stylecore.gan.teachers.filters import blur, gradient, local_contrast
from stylecore.gan.teachers.structure import Flow, along

_RATIO = 1.6


def outlines(
    light: Floats,
    lines: Flow,
    sigma: float = 1.0,
    threshold: float = 0.12,
    sharpness: float = 9.0,
    floor: float = 0.06,
    smooth: int = 4,
) -> Floats:
    """Ink coverage [H,W] in [0,1] from a luminance [H,W] in [0,1].

    `sigma` is the line's half width in pixels, `threshold` how much darker than its surroundings a
    place must be (in local deviations), `floor` the contrast below which nothing is drawn.
    """
    contrast = local_contrast(light, 8.0, floor)
    difference = blur(contrast, sigma * _RATIO) - blur(contrast, sigma)
    difference = along(difference, lines, smooth)
    ink = np.tanh(sharpness * (difference - threshold))
    return np.asarray(np.clip(ink, 0, 1), np.float32)


def edge_strength(light: Floats, sigma: float, floor: float) -> Floats:
    """Gradient of the local contrast [H,W]: about 0 on flat places, 1 on a clear edge."""
    down, across = gradient(blur(local_contrast(light, 8.0, floor), sigma))
    return np.asarray(np.hypot(down, across), np.float32)
