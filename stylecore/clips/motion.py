"""Where a clip moves, and where only its noise or its light does.

A frame is compared with what the clip has shown so far, brought to the frame's own exposure: light
that drifts is no motion. What is left is smoothed, so that sensor and compression noise fall away,
and counts as motion from a bound that rises with the noise. Around motion there is a margin, for
the network's strokes reach over an edge. What it does not know: a shadow that creeps over a still
ground moves; so does a reflection.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from stylecore.arrays import Floats
from stylecore.imaging.photo import LUMA

_SMOOTH = 1.5
"""Sigma in pixels of the difference in which motion is looked for."""
_LEAST, _DEVIATIONS = 2.0 / 255, 5.0
"""Motion begins at this change, or at so many deviations of the smoothed noise."""
_SURE = 2.0
"""Times that bound: surely motion."""
_MARGIN, _MARGIN_SOFTNESS = 11, 3.0
"""Width in pixels of the window, and sigma of the fall-off, by which motion is widened."""
_LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
"""Noise of deviation 1 leaves it with 6."""
_SPARSE = 4
"""Every so many rows and columns suffice for a fit of two numbers."""
_GAIN, _OFFSET = 0.1, 0.05
"""An exposure changes by no more between neighbouring frames."""
_BLOCKS, _CUT = 16, 0.2
"""A cut leaves the means of 16 x 16 blocks less alike than this, 1 less their correlation; of two
photos of products hardly any are, and a shift by a fiftieth of the width leaves .06 at most."""
_BLANK = 1e-4
"""Variance by which empty frames count as alike."""


def motion(shown: Floats, frame: Floats) -> Floats:
    """[H, W] in 0-1: how surely the frame has moved against what was shown, both [H, W, 3]."""
    difference = frame - shown
    smooth = ndimage.gaussian_filter(difference, (_SMOOTH, _SMOOTH, 0))
    # the standard deviation of white noise falls by 2 sqrt(pi) sigma under a Gaussian
    noise = _noise(difference) / (2 * np.sqrt(np.pi) * _SMOOTH)
    bound = max(_LEAST, _DEVIATIONS * noise)
    change = np.abs(smooth).max(axis=2)
    surely = np.clip((change - bound) / (bound * (_SURE - 1)), 0, 1)
    widened = ndimage.maximum_filter(surely, _MARGIN)
    return np.asarray(ndimage.gaussian_filter(widened, _MARGIN_SOFTNESS), np.float32)


def at_exposure_of(frame: Floats, shown: Floats) -> tuple[Floats, Floats]:
    """Gain and offset [3] that bring what was shown to the light of a frame, both [H, W, 3].

    Least squares over what differs little (Cauchy weights), so that motion does not count.
    """
    before = shown[::_SPARSE, ::_SPARSE].reshape(-1, 3)
    after = frame[::_SPARSE, ::_SPARSE].reshape(-1, 3)
    gain, offset = np.ones(3, np.float32), np.zeros(3, np.float32)
    for _ in range(3):
        apart = np.abs(after - gain * before - offset).max(axis=1)
        scale = np.median(apart) + 1 / 255
        weights = (1 / (1 + (apart / scale) ** 2))[:, None]
        gain, offset = _line(before, after, weights / weights.sum())
    return gain, offset


def is_cut(before: Floats, after: Floats) -> bool:
    """Whether a new scene begins between two frames [H, W, 3].

    From one mug to another like it is none: what differs has moved, which draws it anew as well.
    """
    ours, theirs = (blocks - blocks.mean() for blocks in map(_block_means, (before, after)))
    product, *squares = (ours * theirs).mean(), (ours**2).mean(), (theirs**2).mean()
    alike = (product + _BLANK) / np.sqrt((squares[0] + _BLANK) * (squares[1] + _BLANK))
    return bool(1 - alike > _CUT)


def _line(before: Floats, after: Floats, weights: Floats) -> tuple[Floats, Floats]:
    middle, target = (weights * before).sum(axis=0), (weights * after).sum(axis=0)
    covariance = (weights * (before - middle) * (after - target)).sum(axis=0)
    variance = (weights * (before - middle) ** 2).sum(axis=0)
    gain = np.clip((covariance + 1e-4) / (variance + 1e-4), 1 - _GAIN, 1 + _GAIN)
    offset = np.clip(target - gain * middle, -_OFFSET, _OFFSET)
    return gain.astype(np.float32), offset.astype(np.float32)


def _noise(difference: Floats) -> float:
    """Standard deviation of white noise in a difference [H, W, 3], of luminance.

    A Laplacian that smooth motion passes through (Immerkaer 1996), and the median of what is left.
    """
    left = ndimage.convolve(difference @ LUMA, _LAPLACIAN)
    return float(np.median(np.abs(left))) / (6 * 0.6745)


def _block_means(frame: Floats) -> Floats:
    height, width = (max(1, side // _BLOCKS) for side in frame.shape[:2])
    smooth = ndimage.uniform_filter(frame @ LUMA, (height, width))
    return np.asarray(smooth[height // 2 :: height, width // 2 :: width])
