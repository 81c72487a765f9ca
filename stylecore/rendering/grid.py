"""The noise field, and the alignment of it and the pixel grid with the photo's content.

The network works on a grid of eight pixels and paints along a noise field. Were both fixed to the
frame, a photo shifted by three pixels would get different strokes. So both are aligned with the
photo's most contrasted spot: choosing the phase of the grid by content makes a strided network
shift-equivariant (Chaman and Dokmanic, "Truly shift-invariant convolutional neural networks", CVPR
2021; here one spot chooses for all layers).

Limits: the alignment jumps where the spot leaves the picture or two spots are equally contrasted.
A clip keeps the alignment of its first frame.

The noise field has one array of numbers per seed. Teachers and generator read the same field, so a
seed gives the same painting in both. The field is built from raw Philox bits with integer sums,
because NumPy guarantees the raw stream across versions and machines, but not `standard_normal`. The
sum of twelve uniforms (Irwin-Hall) approximates a normal: variance 1, and nothing beyond 6, so the
tails are too light.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from stylecore.arrays import Floats
from stylecore.imaging.photo import LUMA

_SPOT = 4.0
"""Sigma in pixels of the spot whose contrast counts."""
_MARGIN = 12
"""Pixels at the frame where a shift changes what is there."""


class GridAlignment(NamedTuple):
    """The spot with which grid and noise are aligned: row and column, in pixels."""

    row: int
    column: int


def grid_alignment(photo: Floats) -> GridAlignment:
    """Return the alignment of a photo [H, W, 3] in 0-1; the middle of a photo without contrast."""
    height, width = photo.shape[:2]
    if min(height, width) < 2:
        return GridAlignment(height // 2, width // 2)
    down, across = np.gradient(ndimage.gaussian_filter(photo @ LUMA, 1.0))
    contrast = ndimage.gaussian_filter(np.hypot(down, across), _SPOT)
    margin = min(_MARGIN, (min(height, width) - 1) // 2)
    inner = contrast[margin : height - margin, margin : width - margin]
    if inner.max() <= inner.min():
        return GridAlignment(height // 2, width // 2)
    row, column = np.unravel_index(int(inner.argmax()), inner.shape)
    return GridAlignment(int(row) + margin, int(column) + margin)


class Frame(NamedTuple):
    """Pixels to add above and left of a photo, so that its spot falls on a corner of the grid."""

    above: int
    left: int


def frame_of(alignment: GridAlignment, multiple: int) -> Frame:
    """Return the least frame that brings the spot to a multiple of `multiple` pixels."""
    return Frame(-alignment.row % multiple, -alignment.column % multiple)


def framed(picture: Floats, frame: Frame, multiple: int) -> Floats:
    """Mirror the picture's edge into the frame: [H, W, C] -> [H', W', C].

    H' and W' are multiples of `multiple` with room for any frame, so they depend on H and W alone.
    """
    height, width = picture.shape[:2]
    below = framed_side(height, multiple) - height - frame.above
    right = framed_side(width, multiple) - width - frame.left
    return np.pad(picture, ((frame.above, below), (frame.left, right), (0, 0)), mode="symmetric")


def framed_side(side: int, multiple: int) -> int:
    """Return the least multiple that holds a side with any frame."""
    return -(-(side + multiple - 1) // multiple) * multiple


def unframed(picture: Floats, frame: Frame, height: int, width: int) -> Floats:
    """Undo `framed`: [H', W', C] -> [height, width, C]."""
    return picture[frame.above : frame.above + height, frame.left : frame.left + width]


def aligned_noise(noise: Floats, alignment: GridAlignment, frame: Frame) -> Floats:
    """Roll the noise field [H', W', 3] of a framed photo, so that its origin is the spot."""
    return np.roll(noise, (alignment.row + frame.above, alignment.column + frame.left), (0, 1))


CHANNELS = 3
_WORDS = 3
"""64-bit words per number: three of four 16-bit uniforms each make the twelve."""
_CENTRE = 12 * (2**16 - 1) / 2
_SCALE = 1 / np.sqrt(12 * (2.0**32 - 1) / 12)


def noise_field(seed: int, height: int, width: int) -> Floats:
    """Draw standard normal noise [height, width, 3], the same bytes for a seed on every machine.

    Fields of one seed and one width agree in the rows that they share. Raises ValueError for a
    negative seed or a size below 1.
    """
    if seed < 0 or height < 1 or width < 1:
        raise ValueError(
            f"noise field of seed {seed} and {height} x {width} pixels: "
            "the seed must be 0 or more, the sides 1 or more"
        )
    words = np.random.Philox(key=seed % 2**128).random_raw(height * width * CHANNELS * _WORDS)
    uniforms = words.astype("<u8", copy=False).view("<u2").reshape(-1, 4 * _WORDS)
    sums = uniforms.sum(axis=1, dtype=np.int64)
    field = np.asarray((sums - _CENTRE) * _SCALE, np.float32)
    return field.reshape(height, width, CHANNELS)
