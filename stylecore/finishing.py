"""A render's finish, laid on.

It looks at each place alone, so that a render still moves along with its photo. What it does not
know: how sharp or how colourful the photo was.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from stylecore.arrays import Floats
from stylecore.finish import Finish
from stylecore.imaging.photo import LUMA

_RADIUS = 1.4
"""Sigma in pixels of the working size of the unsharp mask."""


def finished(render: Floats, photo: Floats, finish: Finish) -> Floats:
    """The render [H, W, 3] crisper or softer, muted or vivid, with the photo's share.

    Detail comes later. Colour keeps its luminance, and paper of the tint keeps its colour.
    """
    if finish.sharpness:
        soft = ndimage.gaussian_filter(render, (_RADIUS, _RADIUS, 0), truncate=3.0)
        render = render + np.float32(finish.sharpness) * (render - soft)
    if finish.photo:
        render = render + np.float32(finish.photo) * (photo - render)
    if finish.colour != 1:
        tint = np.array(finish.tint, np.float32)
        faded = (render @ LUMA)[..., None] * (tint / np.float32(tint @ LUMA))
        render = np.asarray(faded + np.float32(finish.colour) * (render - faded), np.float32)
    return np.asarray(render.clip(0, 1), np.float32)
