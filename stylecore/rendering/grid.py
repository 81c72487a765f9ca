"""A point of the picture that moves with what is photographed, for strokes to hang on.

The network works on a grid of eight pixels and paints along a noise field; were both fixed to the
frame, a photo moved by three pixels would be painted anew. So grid and noise are laid through the
photo's most contrasted spot: choosing the phase of the grid by content makes a strided network
follow every shift (Chaman and Dokmanic, "Truly shift-invariant convolutional neural networks", CVPR
2021; here one spot chooses for all layers). What it does not know: a spot that leaves the picture,
or two that are equally contrasted, send the anchor elsewhere; a clip keeps its first frame's.
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


class Anchor(NamedTuple):
    """Row and column, in pixels."""

    row: int
    column: int


def anchor_of(photo: Floats) -> Anchor:
    """The anchor of a photo [H, W, 3] in 0-1; its middle where there is nothing to see."""
    height, width = photo.shape[:2]
    if min(height, width) < 2:
        return Anchor(height // 2, width // 2)
    down, across = np.gradient(ndimage.gaussian_filter(photo @ LUMA, 1.0))
    contrast = ndimage.gaussian_filter(np.hypot(down, across), _SPOT)
    margin = min(_MARGIN, (min(height, width) - 1) // 2)
    inner = contrast[margin : height - margin, margin : width - margin]
    if inner.max() <= inner.min():
        return Anchor(height // 2, width // 2)
    row, column = np.unravel_index(int(inner.argmax()), inner.shape)
    return Anchor(int(row) + margin, int(column) + margin)


class Frame(NamedTuple):
    """Pixels that stand above and left of a photo so that its anchor falls on the grid's corner."""

    above: int
    left: int


def frame_of(anchor: Anchor, multiple: int) -> Frame:
    """The least frame that brings the anchor to a multiple of `multiple` pixels."""
    return Frame(-anchor.row % multiple, -anchor.column % multiple)


def framed(picture: Floats, frame: Frame, multiple: int) -> Floats:
    """The picture with its edge mirrored around it; its size follows from the picture's alone.

    [H, W, C] -> [H', W', C], multiples of `multiple` with room for any frame.
    """
    height, width = picture.shape[:2]
    below = framed_side(height, multiple) - height - frame.above
    right = framed_side(width, multiple) - width - frame.left
    return np.pad(picture, ((frame.above, below), (frame.left, right), (0, 0)), mode="symmetric")


def framed_side(side: int, multiple: int) -> int:
    """The least multiple that holds a side wherever the anchor lies."""
    return -(-(side + multiple - 1) // multiple) * multiple


def unframed(picture: Floats, frame: Frame, height: int, width: int) -> Floats:
    """What `framed` was given: [H', W', C] -> [height, width, C]."""
    return picture[frame.above : frame.above + height, frame.left : frame.left + width]


def anchored(noise: Floats, anchor: Anchor, frame: Frame) -> Floats:
    """The noise field [H', W', 3] of a framed photo, rolled so that its origin is the anchor."""
    return np.roll(noise, (anchor.row + frame.above, anchor.column + frame.left), (0, 1))
