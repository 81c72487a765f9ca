"""Traces of the machinery: grids of upsampling, a frame at the border, unrest under a shift."""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Floats
from stylecore.imaging.photo import Pixels

TILE = 64
_NEIGHBOURS = np.array([-7, -6, -5, -4, -3, 3, 4, 5, 6, 7])
EDGE = 16
"""px at each edge that a shift does not count: the repeated edge is not what lay there."""


def checkerboard(luma: Floats) -> float:
    """The strongest peak, in dB over its neighbours, where upsampling leaves grids: 2 and 4 px.

    Power spectrum by Welch (1967): Hann-windowed tiles, half overlapping. At each frequency of
    {0, 1/4, 1/2}^2 but 0 the power is held against the larger of the medians of its neighbours, 3
    to 7 bins away along the row and along the column, so that a true edge's ridge is no peak. The
    noise of 8-bit rounding is the floor. Odena et al., "Deconvolution and checkerboard artifacts",
    Distill 2016, on where the grids come from. `luma` is [H, W] of 0-1, at least 32 px a side.
    """
    power = _power(luma, side := min(TILE, min(luma.shape) // 4 * 4))
    quarter, half = side // 4, side // 2
    # (1/4, 3/4) is the other diagonal of (1/4, 1/4); all else is mirrored in a real spectrum.
    asked = {0: (quarter, half), quarter: (0, quarter, half, 3 * quarter), half: (0, quarter, half)}
    return max(_peak(power, row, column) for row, columns in asked.items() for column in columns)


def border_step(lab: Floats) -> float:
    """How the outermost 4 px differ from the next 4 in LAB units, mean of the four sides.

    The Frechet distance of two Gaussians with diagonal covariance.
    """
    sides = (lab, lab[::-1], lab.swapaxes(0, 1), lab.swapaxes(0, 1)[::-1])
    return float(np.mean([_step(side) for side in sides]))


def shift_difference(render: Pixels, moved: Pixels, shift: int) -> float:
    """Mean absolute difference, 0-255, to the render of the shifted photo, the shift undone."""
    before, after = render.astype(np.float32), moved.astype(np.float32)
    difference = np.abs(before[:-shift, :-shift] - after[shift:, shift:])
    return float(difference[EDGE:-EDGE, EDGE:-EDGE].mean())


def _power(luma: Floats, side: int) -> Floats:
    hann = np.hanning(side + 1)[:-1]
    window = np.outer(hann, hann).astype(np.float32)
    tiles = np.lib.stride_tricks.sliding_window_view(luma, (side, side))
    tiles = tiles[:: side // 2, :: side // 2].reshape(-1, side, side)
    spectra = np.fft.fft2((tiles - tiles.mean(axis=(1, 2), keepdims=True)) * window)
    rounding = (window**2).sum() / (12 * 255**2)
    return np.asarray((np.abs(spectra) ** 2).mean(axis=0) + rounding)


def _peak(power: Floats, row: int, column: int) -> float:
    side = len(power)
    along_row = np.median(power[row, (column + _NEIGHBOURS) % side])
    along_column = np.median(power[(row + _NEIGHBOURS) % side, column])
    return float(10 * np.log10(power[row, column] / max(along_row, along_column)))


def _step(side: Floats) -> float:
    outer, inner = side[:4].reshape(-1, 3), side[4:8].reshape(-1, 3)
    mean = outer.mean(axis=0) - inner.mean(axis=0)
    deviation = outer.std(axis=0) - inner.std(axis=0)
    return float(np.sqrt(mean @ mean + deviation @ deviation))
