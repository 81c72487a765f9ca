"""The gate: is a render still the product? Structure and identity against the source photo.

It knows no style: whether the style is recognised needs a classifier, which is not here yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from schemas.events import Quality, RejectionReason
from stylecore.images import LUMA, Floats

Plane = NDArray[np.float32]

ORIENTATIONS, GRID = 9, 8


@dataclass(frozen=True)
class Bounds:
    """The least of each figure with which a render is published."""

    structure: float
    identity: float


def measure(photo: Floats, render: Floats) -> Quality:
    """The figures of a render; the photo itself has 1 in both."""
    before, after = photo @ LUMA, render @ LUMA
    return Quality(structure=structure(before, after), identity=identity(before, after))


def judge(quality: Quality, bounds: Bounds) -> list[RejectionReason]:
    """The figures that miss their bound; none when the render may be published."""
    figures = {
        "structure": (quality.structure, bounds.structure),
        "identity": (quality.identity, bounds.identity),
    }
    return [
        RejectionReason(figure=name, value=value, bound=bound)
        for name, (value, bound) in figures.items()
        if value is not None and value < bound
    ]


def structure(before: Plane, after: Plane) -> float:
    """Structural similarity of two luma planes, -1..1, of the render or of its negative.

    Wang et al., IEEE TIP 2004: gaussian window, sigma 1.5, data range 1. A style on dark ground
    turns light and shade round, which keeps the structure; so the better of both counts.
    """
    return max(_ssim(before, after), _ssim(before, 1 - after))


def identity(before: Plane, after: Plane) -> float:
    """Cosine of histograms of oriented gradients, 0..1: are the shapes where they were.

    Dalal and Triggs, CVPR 2005: 9 unsigned orientations on a grid of 8 x 8 cells, each cell of
    unit length; cells in which the photo has no edge do not count.
    """
    ours, theirs = _oriented_gradients(before), _oriented_gradients(after)
    energy = np.linalg.norm(ours, axis=-1)
    counted = energy > 0.1 * energy.max()
    if not counted.any():
        return 1.0
    cosines = (_unit(ours) * _unit(theirs)).sum(axis=-1)
    return float(np.average(cosines[counted], weights=np.sqrt(energy[counted])))


def _ssim(before: Plane, after: Plane) -> float:
    def blur(plane: Plane) -> Plane:
        blurred: Plane = ndimage.gaussian_filter(plane, 1.5, truncate=3.5)
        return blurred

    mean_before, mean_after = blur(before), blur(after)
    variance_before = blur(before * before) - mean_before**2
    variance_after = blur(after * after) - mean_after**2
    covariance = blur(before * after) - mean_before * mean_after
    c1, c2 = 0.01**2, 0.03**2
    numerator = (2 * mean_before * mean_after + c1) * (2 * covariance + c2)
    denominator = (mean_before**2 + mean_after**2 + c1) * (variance_before + variance_after + c2)
    return float((numerator / denominator).mean())


def _oriented_gradients(luma: Plane) -> Plane:
    """[GRID, GRID, ORIENTATIONS]: gradient magnitude by cell and orientation."""
    smooth = ndimage.gaussian_filter(luma, 1.5)
    down, across = np.gradient(smooth)
    magnitude = np.hypot(down, across)
    orientation = (np.arctan2(down, across) / np.pi % 1 * ORIENTATIONS).astype(int) % ORIENTATIONS
    height, width = luma.shape
    rows = (np.arange(height) * GRID // height)[:, None]
    columns = (np.arange(width) * GRID // width)[None, :]
    bins = ((rows * GRID + columns) * ORIENTATIONS + orientation).ravel()
    counts = np.bincount(bins, magnitude.ravel(), minlength=GRID * GRID * ORIENTATIONS)
    return counts.reshape(GRID, GRID, ORIENTATIONS).astype(np.float32)


def _unit(cells: Plane) -> Plane:
    unit: Plane = cells / np.maximum(np.linalg.norm(cells, axis=-1, keepdims=True), 1e-6)
    return unit
