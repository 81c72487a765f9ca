"""A steady source to draw from, and renders that change no more than it does.

Both are recursive filters over time. The source is averaged where it does not move, which takes
its noise away before the network makes strokes of it. A render takes the place of the one before
it where the source moves; elsewhere it may approach it only as fast as the source changes, so that
a clip is never more restless than what was filmed. What it does not know: strokes stay where they
are in the frame while a product slides under them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from stylecore.arrays import Floats
from stylecore.clips.motion import at_exposure_of, motion

_FRESH = 0.25
"""Share of a still pixel that is taken from the new frame."""
_PACE = 1.0
"""A still render may change by so many times what its source does."""
_LEAST_PACE = 0.04
"""Share of what is left that is caught up with in any case: a lag heals within seconds."""
_NEIGHBOURHOOD = 4.0
"""Sigma in pixels of the working size over which changes are compared."""


@dataclass(frozen=True)
class SteadySource:
    """What is drawn for a frame, and how it came from the one before it."""

    pixels: Floats
    """[H, W, 3] in 0-1."""
    moved: Floats
    """[H, W] in 0-1."""
    gain: Floats
    """[3], as `offset`: what brought the frame before it to this one's exposure."""
    offset: Floats
    change: Floats
    """[H, W], the mean absolute change since the last frame, around each pixel."""

    @property
    def share(self) -> Floats:
        """[H, W], how much of a pixel is taken from the new frame."""
        return np.asarray(_FRESH + (1 - _FRESH) * self.moved, np.float32)

    def followed(self, before: Floats, frame: Floats) -> Floats:
        """A new frame [H', W', 3] of any size, steadied alike; `before` was the last result."""
        shown = self.gain * before + self.offset
        share = resized(self.share, frame.shape[:2])[..., None]
        return np.asarray(shown + share * (frame - shown), np.float32)


def first_source(frame: Floats) -> SteadySource:
    """The first frame of a scene, as it is."""
    plane, channels = np.zeros(frame.shape[:2], np.float32), np.zeros(3, np.float32)
    return SteadySource(frame, plane + 1, channels + 1, channels, plane)


def next_source(before: SteadySource, frame: Floats) -> SteadySource:
    """The steady source of the next frame [H, W, 3]."""
    gain, offset = at_exposure_of(frame, before.pixels)
    moved = motion(gain * before.pixels + offset, frame)
    step = SteadySource(frame, moved, gain, offset, moved)
    pixels = step.followed(before.pixels, frame)
    return SteadySource(pixels, moved, gain, offset, _around(np.abs(pixels - before.pixels)))


def settled(source: SteadySource, before: Floats, render: Floats) -> Floats:
    """The render [H', W', 3] of a source, of any size, as the one before it lets it be."""
    share = resized(_pace(source, before, render), render.shape[:2])[..., None]
    return np.asarray(before + share * (render - before), np.float32)


def resized(plane: Floats, size: tuple[int, int]) -> Floats:
    """A plane at another (height, width)."""
    if plane.shape == size:
        return plane
    return np.asarray(Image.fromarray(plane).resize(size[::-1], Image.Resampling.BILINEAR))


def _pace(source: SteadySource, before: Floats, render: Floats) -> Floats:
    wanted = np.abs(render - before).mean(axis=2)
    small = np.asarray(
        Image.fromarray(wanted).resize(source.moved.shape[::-1], Image.Resampling.BOX)
    )
    allowed = _PACE * source.change / np.maximum(_blurred(small), 1e-6)
    return np.maximum(source.moved, np.clip(allowed, _LEAST_PACE, 1))


def _around(change: Floats) -> Floats:
    return _blurred(change.mean(axis=2))


def _blurred(plane: Floats) -> Floats:
    return np.asarray(ndimage.gaussian_filter(plane, _NEIGHBOURHOOD), np.float32)
