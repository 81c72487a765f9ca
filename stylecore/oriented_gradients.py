"""Likeness of two pictures by their oriented gradients: are the shapes where they were.

Dalal and Triggs, "Histograms of oriented gradients for human detection", CVPR 2005. It needs no
training, and so stands beside the feature network as its baseline.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from stylecore.arrays import Floats

ORIENTATIONS, GRID = 9, 8


def likeness(before: Floats, after: Floats) -> float:
    """Cosine of histograms of oriented gradients of two luma planes [H, W], 0..1.

    9 unsigned orientations on a grid of 8 x 8 cells, each cell of unit length; cells in which the
    first picture has no edge do not count.
    """
    ours, theirs = _oriented_gradients(before), _oriented_gradients(after)
    energy = np.linalg.norm(ours, axis=-1)
    counted = energy > 0.1 * energy.max()
    if not counted.any():
        return 1.0
    cosines = (_unit(ours) * _unit(theirs)).sum(axis=-1)
    return float(np.average(cosines[counted], weights=np.sqrt(energy[counted])))


def _oriented_gradients(luma: Floats) -> Floats:
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


def _unit(cells: Floats) -> Floats:
    unit: Floats = cells / np.maximum(np.linalg.norm(cells, axis=-1, keepdims=True), 1e-6)
    return unit
