"""The photo's fine luminance, put back into its render: lettering, weave, a crisp contour.

The network draws at the working size. What of the photo is finer than that (the finest level of a
Laplacian pyramid, Burt and Adelson 1983) is added to the enlarged render, as much and with the sign
with which the render follows the photo there: the slope of a local linear fit between the two, as
in guided upsampling (He and Sun, "Fast guided filter", 2015). A style that turns light and dark
round so turns its lettering round too. What it does not know: detail that the style has painted
over on purpose; only luminance goes back, colour stays as wide as the working size drew it.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from stylecore.arrays import Floats
from stylecore.imaging.photo import LUMA, Pixels, to_floats, to_pixels

_FINE = 1.5
"""Sigma in pixels of the working size: what is finer than this is fine."""
_WINDOW = 9
"""Side in pixels of the working size of the windows of the local fit."""
_UNCERTAIN = 0.02**2
"""Variance of luminance below which a window tells nothing of the slope."""
_STEEPEST = 1.2


def with_fine_luminance(render: Floats, photo: Floats, share: float) -> Floats:
    """The render [H, W, 3] with a share, 0-1, of the photo's fine luminance added."""
    if share == 0:
        return render
    luma = photo @ LUMA
    fine = luma - ndimage.gaussian_filter(luma, _FINE)
    return np.asarray(render + np.float32(share) * fine[..., None], np.float32)


def enlarged(render: Floats, photo: Floats, large: Pixels, least: float) -> Floats:
    """The render [h, w, 3] at the size [H, W, 3] of the large photo, with what is finer put back.

    `least`, 0-1, is the share that goes back even where the fit tells nothing, as on woven cloth.
    """
    size = (large.shape[1], large.shape[0])
    slope = _slope(photo @ LUMA, render @ LUMA)
    share = np.maximum(slope, least) if least else slope
    finer = _resized_plane(share, size) * _finer(photo, large)
    return np.asarray(_resized_colours(render, size) + finer[..., None], np.float32)


def enlarged_mask(mask: Floats, large: Pixels) -> Floats:
    """The mask [h, w] at the size [H, W] of the large photo; its edge stays as many pixels wide."""
    height, width = large.shape[:2]
    steepness = np.float32(width / mask.shape[1])
    wide = _resized_plane(mask, (width, height))
    sharp: Floats = np.clip((wide - 0.5) * steepness + 0.5, 0, 1)
    return sharp


def _finer(photo: Floats, large: Pixels) -> Floats:
    """[H, W], luminance of the large photo less that of the working photo enlarged."""
    small = Image.fromarray(to_pixels(photo)).convert("L")
    sharp = Image.fromarray(large).convert("L")
    smooth = small.resize(sharp.size, Image.Resampling.BICUBIC)
    difference = np.asarray(sharp, np.int16) - np.asarray(smooth, np.int16)
    return np.asarray(difference * np.float32(1 / 255), np.float32)


def _slope(photo: Floats, render: Floats) -> Floats:
    """Least-squares slope of render luminance over photo luminance in windows."""

    def mean(plane: Floats) -> Floats:
        return np.asarray(ndimage.uniform_filter(plane, _WINDOW), np.float32)

    covariance = mean(photo * render) - mean(photo) * mean(render)
    variance = mean(photo * photo) - mean(photo) ** 2
    slope: Floats = np.clip(covariance / (variance + _UNCERTAIN), -_STEEPEST, _STEEPEST)
    return slope


def _resized_colours(picture: Floats, size: tuple[int, int]) -> Floats:
    resized = Image.fromarray(to_pixels(picture)).resize(size, Image.Resampling.BICUBIC)
    return to_floats(np.asarray(resized))


def _resized_plane(plane: Floats, size: tuple[int, int]) -> Floats:
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR))
