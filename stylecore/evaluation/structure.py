"""Is it still the product: structural similarity, and the fine luminance inside the product."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from stylecore.arrays import Floats
from stylecore.imaging.foreground import View

_SIGMA, _TRUNCATE, _MARGIN = 1.5, 3.5, 5
FINE_SIGMA, ENERGY_SIGMA = 1.5, 3


def ssim(before: Floats, after: Floats) -> float:
    """Structural similarity of luma planes [H, W] of 0-1; a copy has 1.

    Wang et al., IEEE TIP 2004: gaussian window, sigma 1.5, data range 1, 5 px at the edges left
    out. On photos of clothes flat grey has about .55, for plain grounds resemble each other.
    """
    mean_a, mean_b = _blur(before), _blur(after)
    variance_a, variance_b = _blur(before**2) - mean_a**2, _blur(after**2) - mean_b**2
    covariance = _blur(before * after) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    similar = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similar /= (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    return float(similar[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN].mean(dtype=np.float64))


def fine_luminance(photo: View, render: View) -> float:
    """Correlation of the band Y - gaussian(Y, 1.5 px) inside the product, -1..1.

    The finest level of a Laplacian pyramid (Burt and Adelson, 1983): is it the same detail.
    """
    return correlation(*(band[photo.product] for band in _bands(photo, render)))


def fine_energy(photo: View, render: View) -> float:
    """Correlation of the band's local energy, -1..1: is detail where it was, whatever its sign."""
    energies = [np.sqrt(ndimage.gaussian_filter(b**2, ENERGY_SIGMA)) for b in _bands(photo, render)]
    return correlation(*(energy[photo.product] for energy in energies))


def correlation(a: Floats, b: Floats) -> float:
    """Pearson's of two vectors, 0 where one is constant."""
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.clip(a @ b / norm, -1, 1)) if norm > 1e-9 else 0.0


def fine_band(luma: Floats) -> Floats:
    """[H, W] luma less its blur."""
    return np.asarray(luma - ndimage.gaussian_filter(luma, FINE_SIGMA))


def _bands(photo: View, render: View) -> list[Floats]:
    return [fine_band(view.luma) for view in (photo, render)]


def _blur(plane: Floats) -> Floats:
    return np.asarray(ndimage.gaussian_filter(plane, _SIGMA, truncate=_TRUNCATE))
