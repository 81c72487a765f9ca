"""Composition in NumPy, SciPy and Pillow, step by step: the oracle of the exported graphs.

It keeps 32-bit floats throughout, as the graphs do.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from stylecore.arrays import Floats
from stylecore.gan.composition import (
    FINE_SIGMA,
    SHARP_SIGMA,
    STEEPEST,
    UNCERTAIN_VARIANCE,
    WINDOW,
)
from stylecore.imaging.photo import LUMA, Pixels, to_floats, to_pixels
from stylecore.rendering.manifest import PostprocessParams
from stylecore.rendering.style import laid_out


def postprocessed(render: Floats, photo: Floats, params: PostprocessParams) -> Floats:
    """The render [H, W, 3] crisper or softer, muted or vivid, with the photo's share."""
    soft = ndimage.gaussian_filter(render, (SHARP_SIGMA, SHARP_SIGMA, 0), truncate=3.0)
    render = render + params.sharpness * (render - soft)
    render = render + params.photo * (photo - render)
    tint = np.array(params.tint)
    faded = (render @ LUMA)[..., None] * (tint / (tint @ LUMA))
    return (faded + params.colour * (render - faded)).clip(0, 1)


def with_fine_luminance(render: Floats, photo: Floats, share: float) -> Floats:
    """The render with a share of the photo's fine luminance added."""
    luma = photo @ LUMA
    return render + share * (luma - ndimage.gaussian_filter(luma, FINE_SIGMA))[..., None]


def slope_of(photo: Floats, render: Floats) -> Floats:
    """Least-squares slope of render luminance [H, W] over photo luminance in windows."""

    def mean(plane: Floats) -> Floats:
        return ndimage.uniform_filter(plane, WINDOW)

    covariance = mean(photo * render) - mean(photo) * mean(render)
    variance = mean(photo * photo) - mean(photo) ** 2
    return np.clip(covariance / (variance + UNCERTAIN_VARIANCE), -STEEPEST, STEEPEST)


def enlarged(plane: Floats, shape: tuple[int, ...]) -> Floats:
    """A plane [h, w] at another size (H, W)."""
    image = Image.fromarray(np.asarray(plane, np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


def composed(
    render: Floats,
    small: Floats,
    params: PostprocessParams,
    photo: Pixels,
    mask: Floats,
    ground: Floats,
    strength: float,
) -> Pixels:
    """The finished picture of a whole photo; `small` is the photo at the working size."""
    drawn = postprocessed(render, small, params)
    least = np.float32(params.detail)
    drawn = with_fine_luminance(drawn, small, least)
    share = slope_of(small @ LUMA, drawn @ LUMA)
    share = np.maximum(share, least) if least else share
    planes = [*np.moveaxis(drawn.clip(0, 1), 2, 0), small @ LUMA, share]
    *rgb, luma, share = (enlarged(plane, photo.shape) for plane in planes)
    floats = to_floats(photo)
    drawn = np.stack(rgb, axis=2) + (share * (floats @ LUMA - luma))[..., None]
    lying = laid_out(ground, floats)
    whole = lying + mask[..., None] * (drawn - lying)
    return to_pixels(floats + strength * (whole - floats))
