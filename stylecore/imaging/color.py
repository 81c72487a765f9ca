"""Colour spaces and maps between distributions of colours: OKLab, CIE LAB, Gaussian transport.

OKLab (Ottosson 2020) is perceptually uniform, with lightness L as a channel of its own. The maps
are linear. `transport` is the Monge-Kantorovich map (Pitie and Kokaram, "The linear
Monge-Kantorovitch linear colour mapping for example-based colour transfer", 2007); it may invert
light and dark where lightness correlates with hue. `matched` is the same map of chroma given
lightness, so that the order of lightness is kept, with bounded gains. Both use mean and covariance
only: of two separate hues, the middle counts as well.

CIE LAB is that of sRGB under D65; a distance of 1 is about the least visible difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylecore.arrays import Bools, Floats
from stylecore.imaging.photo import Pixels

_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
_FROM_CONES = np.linalg.inv(_TO_CONES).astype(np.float32)
_FROM_LAB = np.linalg.inv(_TO_LAB).astype(np.float32)

LIGHTNESS_GAIN = (0.7, 1.5)
"""How much `matched` may flatten or deepen light and shade."""
CHROMA_GAIN = 2.0
"""How many times `matched` may spread chroma; more shows the noise of grey cloth in colours."""
SLOPE = 0.5
"""How much chroma may change with lightness, in OKLab units a unit."""
_GAMUT_STEPS = 7


@dataclass(frozen=True)
class Gaussian:
    """Mean [3] and covariance [3,3] of colours in OKLab."""

    mean: Floats
    covariance: Floats


def to_linear(picture: Floats) -> Floats:
    """Return light of 0-1 of sRGB's coded values of 0-1 (IEC 61966-2-1)."""
    return np.where(
        picture <= 0.04045, picture / 12.92, ((np.maximum(picture, 0) + 0.055) / 1.055) ** 2.4
    ).astype(np.float32)


def to_oklab(picture: Floats) -> Floats:
    """Return OKLab [...,3] (L in [0,1], a and b about -.4 to .4) of sRGB [...,3] in [0,1]."""
    return np.asarray(np.cbrt(to_linear(picture) @ _TO_CONES.T) @ _TO_LAB.T, np.float32)


def from_oklab(lab: Floats) -> Floats:
    """Return sRGB [...,3], clipped to [0,1], of OKLab [...,3]."""
    linear = np.clip(_linear(lab), 0, 1)
    coded = np.where(
        linear <= 0.0031308, linear * 12.92, 1.055 * linear ** np.float32(1 / 2.4) - 0.055
    )
    return np.clip(coded, 0, 1).astype(np.float32)


def in_gamut(lab: Floats) -> Floats:
    """Limit OKLab [...,3] to L in [0,1] and the chroma that a screen shows; hue is kept."""
    bounded = lab.copy()
    bounded[..., 0] = np.clip(bounded[..., 0], 0, 1)
    outside = ~_is_shown(bounded)
    wild = bounded[outside]
    low, high = np.zeros(len(wild), np.float32), np.ones(len(wild), np.float32)
    for _ in range(_GAMUT_STEPS):
        middle = np.asarray((low + high) / 2, np.float32)
        shown = _is_shown(_with_chroma(wild, middle))
        low, high = np.where(shown, middle, low), np.where(shown, high, middle)
    bounded[outside] = _with_chroma(wild, low)
    return bounded


def gaussian_of(lab: Floats, shares: Floats | None = None) -> Gaussian:
    """Compute mean and covariance of OKLab colours [...,3], weighted by shares [...] if given."""
    flat = lab.reshape(-1, 3).astype(np.float64)
    weights = np.ones(len(flat)) if shares is None else shares.reshape(-1).astype(np.float64)
    weights = weights / max(weights.sum(), 1e-9)
    mean = weights @ flat
    apart = flat - mean
    covariance = (apart * weights[:, None]).T @ apart
    return Gaussian(mean.astype(np.float32), covariance.astype(np.float32))


def transport(lab: Floats, source: Gaussian, target: Gaussian, strength: float) -> Floats:
    """Move OKLab [...,3] from the source's Gaussian to the target's by a share `strength`."""
    matrix = transport_matrix(source.covariance, target.covariance)
    moved = (lab - source.mean) @ matrix.T + target.mean
    return np.asarray(lab + np.float32(strength) * (moved - lab), np.float32)


def matched(lab: Floats, source: Gaussian, target: Gaussian) -> Floats:
    """Move OKLab [...,3] from the source's Gaussian to the target's; order of lightness is kept.

    `L' = m' + g (L - m)`, and chroma's deviation from its regression on L is transported to that of
    the target (block triangular: Knothe-Rosenblatt between the blocks, Monge-Kantorovich within).
    Mean and covariance are met exactly as far as the bounds above allow.
    """
    gain = _lightness_gain(source, target)
    lightness = target.mean[0] + gain * (lab[..., :1] - source.mean[0])
    slope, spread = _chroma_given_lightness(source, None)
    wanted_slope, wanted_spread = _chroma_given_lightness(target, SLOPE)
    apart = lab[..., 1:] - source.mean[1:] - (lab[..., :1] - source.mean[0]) * slope
    matrix = _bounded(transport_matrix(spread, wanted_spread), CHROMA_GAIN)
    chroma = target.mean[1:] + (lightness - target.mean[0]) * wanted_slope + apart @ matrix.T
    return np.concatenate([lightness, chroma], axis=-1).astype(np.float32)


def transport_matrix(source: Floats, target: Floats) -> Floats:
    """Return `M = S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2` of covariances [n,n]; `M S M = T`."""
    root, inverse = _power(source, 0.5), _power(source, -0.5)
    middle = _power(np.asarray(root @ target @ root, np.float32), 0.5)
    return np.asarray(inverse @ middle @ inverse, np.float32)


def _lightness_gain(source: Gaussian, target: Gaussian) -> np.float32:
    ratio = np.sqrt(target.covariance[0, 0] / max(float(source.covariance[0, 0]), 1e-6))
    return np.float32(np.clip(ratio, *LIGHTNESS_GAIN))


def _chroma_given_lightness(colours: Gaussian, bound: float | None) -> tuple[Floats, Floats]:
    """Return the regression [2] of a and b on L, and the covariance [2,2] of what it leaves."""
    variance = max(float(colours.covariance[0, 0]), 1e-6)
    slope = np.asarray(colours.covariance[1:, 0] / variance, np.float32)
    left = np.asarray(colours.covariance[1:, 1:] - np.outer(slope, slope) * variance, np.float32)
    return slope if bound is None else slope.clip(-bound, bound), left


def _bounded(matrix: Floats, most: float) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.minimum(values, most)) @ vectors.T, np.float32)


def _power(matrix: Floats, exponent: float) -> Floats:
    values, vectors = np.linalg.eigh(matrix.astype(np.float64))
    powered = (vectors * np.maximum(values, 1e-6) ** exponent) @ vectors.T
    return np.asarray(powered, np.float32)


def _linear(lab: Floats) -> Floats:
    return np.asarray((lab @ _FROM_LAB.T) ** 3 @ _FROM_CONES.T, np.float32)


def _is_shown(lab: Floats) -> Bools:
    linear = _linear(lab)
    return np.asarray(((linear > -1e-3) & (linear < 1.001)).all(axis=-1))


def _with_chroma(lab: Floats, share: Floats) -> Floats:
    return np.concatenate([lab[..., :1], lab[..., 1:] * share[..., None]], axis=-1)


_TO_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])
_TO_RELATIVE = (_TO_XYZ / _WHITE[:, None]).T.astype(np.float32)
_LINEAR = to_linear(np.arange(256, dtype=np.float32) / np.float32(255))


def to_cielab(pixels: Pixels) -> Floats:
    """Convert [..., 3] of 0-255 to L 0-100, a and b about -100 to 100 (CIE 1976, IEC 61966-2-1)."""
    relative = _LINEAR[pixels] @ _TO_RELATIVE
    cubed = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16 / 116)
    x, y, z = np.moveaxis(cubed, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)
