"""How much a drawn clip flickers, against its source: the figure that clips are judged by.

Where the source stands still, a viewer sees every change of the render. So the mean change between
neighbouring frames is taken there, of the render and of the source, and their ratio told: 1 is as
restless as the source itself, whose sensor noise a viewer is used to. A pixel is outside motion
when nothing moves around it: in the middle of a thing that slides, many pixels stay alike by chance
while the strokes on it rightly move. What it does not know: a source without any noise has no
change to compare with, and moving places are not judged at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from scipy import ndimage

from stylecore.arrays import Bools, Floats
from stylecore.imaging.photo import LUMA

STILL = 2 / 255
"""Change of smoothed luminance below which nothing moves."""
_SMOOTH = 2.0
"""Sigma in pixels; noise of a sensor falls to about a seventh of itself under it."""
_AROUND = 9
"""Side in pixels of the window in which nothing may move."""


def flicker(sources: Iterable[Floats], renders: Iterable[Floats]) -> float:
    """Mean absolute change of the render over that of the source, where the source stands still.

    Both are frames [H, W, 3] in 0-1 of one size, equally many and read in step. 0 where the render
    does not change at all; infinity where it does and the source does not. Raises ValueError where
    one has more frames, or where nothing stands still.
    """
    source_change = render_change = 0.0
    counted = 0
    steps = pairwise(zip(sources, renders, strict=True))
    for (source_before, before), (source_after, after) in steps:
        still = stands_still(source_before, source_after)
        counted += int(still.sum())
        source_change += float(np.abs(source_after - source_before)[still].sum())
        render_change += float(np.abs(after - before)[still].sum())
    if not counted:
        raise ValueError("nothing stands still in these frames: no flicker can be told")
    if render_change == 0:
        return 0.0
    return render_change / source_change if source_change else float("inf")


def stands_still(before: Floats, after: Floats) -> Bools:
    """[H, W], where neighbouring frames [H, W, 3] differ by no more than noise all around."""
    change = np.abs(ndimage.gaussian_filter((after - before) @ LUMA, _SMOOTH))
    return np.asarray(ndimage.maximum_filter(change, _AROUND) < STILL)
