"""Small filters that every teacher is made of: blur, steps, look-ups at a displacement.

All of them look at a few pixels around each place and know neither the picture's size nor its
statistics, so a crop of a painting is the painting of the crop.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from stylecore.arrays import Floats


def blur(picture: Floats, sigma: float) -> Floats:
    """Gaussian blur of a [H,W] or [H,W,C] picture over its first two axes, in pixels."""
    sigmas = (sigma, sigma) + (0.0,) * (picture.ndim - 2)
    return np.asarray(
        ndimage.gaussian_filter(picture, sigmas, truncate=2.8, mode="nearest"), np.float32
    )


def unit_noise(noise: Floats, sigma: float) -> Floats:
    """White noise [H,W] of variance 1, blurred and brought back to variance 1."""
    return blur(noise, sigma) * np.float32(2 * np.sqrt(np.pi) * sigma)


def band_noise(noise: Floats, sigma: float) -> Floats:
    """Noise [H,W] of one grain size: two blurs apart by 1.6, brought to about variance 1."""
    band = blur(noise, sigma) - blur(noise, 1.6 * sigma)
    return band * np.float32(2 * np.sqrt(np.pi) * sigma * 2.0)


def gradient(picture: Floats) -> tuple[Floats, Floats]:
    """Central differences [H,W] down and across of a plane [H,W]."""
    down, across = np.gradient(picture)
    return np.asarray(down, np.float32), np.asarray(across, np.float32)


def smoothstep(low: float, high: float, value: Floats) -> Floats:
    """0 below `low`, 1 above `high`, a cubic between."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def luminance(picture: Floats) -> Floats:
    """Rec. 601 luma [H,W] of [H,W,3]."""
    return np.asarray(picture @ np.array([0.299, 0.587, 0.114], np.float32), np.float32)


def mix(first: Floats, second: Floats, share: Floats) -> Floats:
    """`first` where the share [H,W] is 0, `second` where it is 1; pictures [H,W,3]."""
    return np.asarray(first + (second - first) * share[..., None], np.float32)


def displaced(picture: Floats, down: Floats, across: Floats) -> Floats:
    """The picture [H,W] or [H,W,C] read at its own place plus a displacement, bilinearly."""
    height, width = down.shape
    y = np.clip(np.arange(height, dtype=np.float32)[:, None] + down, 0, height - 1.001)
    x = np.clip(np.arange(width, dtype=np.float32)[None, :] + across, 0, width - 1.001)
    top, left = y.astype(np.intp), x.astype(np.intp)
    v, u = y - top, x - left
    if picture.ndim == 3:
        v, u = v[..., None], u[..., None]
    upper = picture[top, left] * (1 - u) + picture[top, left + 1] * u
    lower = picture[top + 1, left] * (1 - u) + picture[top + 1, left + 1] * u
    return np.asarray(upper * (1 - v) + lower * v, np.float32)


def local_contrast(light: Floats, sigma: float, floor: float) -> Floats:
    """Luminance [H,W] minus its local mean over its local deviation; `floor` calms flat places."""
    mean = blur(light, sigma)
    deviation = np.sqrt(np.maximum(blur(light * light, sigma) - mean * mean, 0))
    return np.asarray((light - mean) / (deviation + floor), np.float32)
