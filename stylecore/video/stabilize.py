"""Draw the frames of a clip without flicker: motion, temporal filters, scenes.

frame -> motion (against what was shown) -> steady source -> render -> steady render

Motion: a frame is compared with what the clip has shown so far, brought to the frame's exposure, so
that drifting light is no motion. The difference is smoothed, to remove sensor and compression
noise, and counts as motion above a bound that rises with the noise. A margin is added around
motion, since strokes reach over an edge.

Filters: both are recursive over time. The source is averaged where it does not move, which removes
its noise before the network turns it into strokes. A render replaces the previous one where the
source moves; elsewhere it approaches the new one only as fast as the source changes.

Scenes: grid alignment and noise are those of the scene's first frame, so that no stroke jumps. The
product mask follows motion and is averaged elsewhere; whether the ground is plain is decided where
a scene begins, and again after many frames that disagree. A cut starts a new scene. The styles of a
frame are drawn together, and only the last picture of each is kept.

Limits: a shadow or a reflection that moves over still ground counts as motion; strokes stay in
place in the frame while a product slides under them; a slow cross-fade is one scene.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from scipy import ndimage

from stylecore.arrays import Floats
from stylecore.imaging.foreground import has_plain_ground, product_mask
from stylecore.imaging.photo import LUMA, Photo, Pixels, to_floats, to_pixels
from stylecore.rendering.draw import Source, Task, compose, draw, source_of
from stylecore.rendering.engine import Engine

_SMOOTH = 1.5
"""Sigma in pixels of the difference in which motion is looked for."""
_LEAST, _DEVIATIONS = 2.0 / 255, 5.0
"""Motion begins at this change, or at so many deviations of the smoothed noise."""
_SURE = 2.0
"""Times that bound: surely motion."""
_MARGIN, _MARGIN_SOFTNESS = 11, 3.0
"""Width in pixels of the window, and sigma of the fall-off, by which motion is widened."""
_LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
"""Noise of deviation 1 leaves it with 6."""
_SPARSE = 4
"""Every so many rows and columns suffice for a fit of two numbers."""
_GAIN, _OFFSET = 0.1, 0.05
"""An exposure changes by no more between neighbouring frames."""
_BLOCKS, _CUT = 16, 0.2
"""A cut leaves the means of 16 x 16 blocks less alike than this, 1 less their correlation; of two
photos of products hardly any are, and a shift by a fiftieth of the width leaves .06 at most."""
_BLANK = 1e-4
"""Variance by which empty frames count as alike."""


def motion(shown: Floats, frame: Floats) -> Floats:
    """Return [H, W] in 0-1: how surely the frame moved against what was shown, both [H, W, 3]."""
    difference = frame - shown
    smooth = ndimage.gaussian_filter(difference, (_SMOOTH, _SMOOTH, 0))
    # the standard deviation of white noise falls by 2 sqrt(pi) sigma under a Gaussian
    noise = _noise(difference) / (2 * np.sqrt(np.pi) * _SMOOTH)
    bound = max(_LEAST, _DEVIATIONS * noise)
    change = np.abs(smooth).max(axis=2)
    surely = np.clip((change - bound) / (bound * (_SURE - 1)), 0, 1)
    widened = ndimage.maximum_filter(surely, _MARGIN)
    return np.asarray(ndimage.gaussian_filter(widened, _MARGIN_SOFTNESS), np.float32)


def at_exposure_of(frame: Floats, shown: Floats) -> tuple[Floats, Floats]:
    """Fit gain and offset [3] that bring what was shown to a frame's light, both [H, W, 3].

    Least squares over what differs little (Cauchy weights), so that motion does not count.
    """
    before = shown[::_SPARSE, ::_SPARSE].reshape(-1, 3)
    after = frame[::_SPARSE, ::_SPARSE].reshape(-1, 3)
    gain, offset = np.ones(3, np.float32), np.zeros(3, np.float32)
    for _ in range(3):
        apart = np.abs(after - gain * before - offset).max(axis=1)
        scale = np.median(apart) + 1 / 255
        weights = (1 / (1 + (apart / scale) ** 2))[:, None]
        gain, offset = _line(before, after, weights / weights.sum())
    return gain, offset


def is_cut(before: Floats, after: Floats) -> bool:
    """Return whether a new scene begins between two frames [H, W, 3].

    From one mug to another like it is none: what differs has moved, and is redrawn as well.
    """
    ours, theirs = (blocks - blocks.mean() for blocks in map(_block_means, (before, after)))
    product, *squares = (ours * theirs).mean(), (ours**2).mean(), (theirs**2).mean()
    alike = (product + _BLANK) / np.sqrt((squares[0] + _BLANK) * (squares[1] + _BLANK))
    return bool(1 - alike > _CUT)


def _line(before: Floats, after: Floats, weights: Floats) -> tuple[Floats, Floats]:
    middle, target = (weights * before).sum(axis=0), (weights * after).sum(axis=0)
    covariance = (weights * (before - middle) * (after - target)).sum(axis=0)
    variance = (weights * (before - middle) ** 2).sum(axis=0)
    gain = np.clip((covariance + 1e-4) / (variance + 1e-4), 1 - _GAIN, 1 + _GAIN)
    offset = np.clip(target - gain * middle, -_OFFSET, _OFFSET)
    return gain.astype(np.float32), offset.astype(np.float32)


def _noise(difference: Floats) -> float:
    """Estimate the deviation of white noise in a difference [H, W, 3], of luminance.

    A Laplacian that smooth motion passes through (Immerkaer 1996), and the median of what is left.
    """
    left = ndimage.convolve(difference @ LUMA, _LAPLACIAN)
    return float(np.median(np.abs(left))) / (6 * 0.6745)


def _block_means(frame: Floats) -> Floats:
    height, width = (max(1, side // _BLOCKS) for side in frame.shape[:2])
    smooth = ndimage.uniform_filter(frame @ LUMA, (height, width))
    return np.asarray(smooth[height // 2 :: height, width // 2 :: width])


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
    """[3], as `offset`: from the exposure of the previous frame to that of this one."""
    offset: Floats
    change: Floats
    """[H, W], the mean absolute change since the last frame, around each pixel."""

    @property
    def share(self) -> Floats:
        """[H, W], how much of a pixel is taken from the new frame."""
        return np.asarray(_FRESH + (1 - _FRESH) * self.moved, np.float32)

    def followed(self, before: Floats, frame: Floats) -> Floats:
        """Steady a new frame [H', W', 3] of any size alike; `before` was the last result."""
        shown = self.gain * before + self.offset
        share = resized(self.share, frame.shape[:2])[..., None]
        return np.asarray(shown + share * (frame - shown), np.float32)


def first_source(frame: Floats) -> SteadySource:
    """Return the first frame of a scene unchanged."""
    plane, channels = np.zeros(frame.shape[:2], np.float32), np.zeros(3, np.float32)
    return SteadySource(frame, plane + 1, channels + 1, channels, plane)


def next_source(before: SteadySource, frame: Floats) -> SteadySource:
    """Return the steady source of the next frame [H, W, 3]."""
    gain, offset = at_exposure_of(frame, before.pixels)
    moved = motion(gain * before.pixels + offset, frame)
    step = SteadySource(frame, moved, gain, offset, moved)
    pixels = step.followed(before.pixels, frame)
    change = _blurred(np.abs(pixels - before.pixels).mean(axis=2))
    return SteadySource(pixels, moved, gain, offset, change)


def settled(source: SteadySource, before: Floats, render: Floats) -> Floats:
    """Return the render [H', W', 3] of a source, of any size, limited by the one before it."""
    share = resized(_pace(source, before, render), render.shape[:2])[..., None]
    return np.asarray(before + share * (render - before), np.float32)


def resized(plane: Floats, size: tuple[int, int]) -> Floats:
    """Return a plane at another (height, width)."""
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


def _blurred(plane: Floats) -> Floats:
    return np.asarray(ndimage.gaussian_filter(plane, _NEIGHBOURHOOD), np.float32)


_PERSUADED = 8
"""Frames in a row that must say otherwise before plain ground comes or goes within a scene."""


@dataclass(frozen=True)
class SceneFrame:
    """A frame and what it is drawn from."""

    source: Source
    steady: SteadySource
    large: Floats | None
    frame: Floats
    """[H, W, 3] at the working size, as it was filmed."""
    doubts: int
    """Frames in a row whose ground is not as the scene's."""
    begins: bool
    """Whether a scene begins here."""


def scene_frames(photos: Iterable[Photo]) -> Iterator[SceneFrame]:
    """Yield what is drawn for each frame, in order; all photos have one size."""
    before: SceneFrame | None = None
    for photo in photos:
        frame = to_floats(photo.pixels)
        cut = before is None or is_cut(before.frame, frame)
        before = _first(photo, frame) if before is None or cut else _next(before, photo, frame)
        yield before


def _first(photo: Photo, frame: Floats) -> SceneFrame:
    large = None if photo.large is None else to_floats(photo.large)
    return SceneFrame(source_of(photo), first_source(frame), large, frame, 0, begins=True)


def _next(before: SceneFrame, photo: Photo, frame: Floats) -> SceneFrame:
    steady = next_source(before.steady, frame)
    large = None
    if photo.large is not None and before.large is not None:
        large = steady.followed(before.large, to_floats(photo.large))
    mask, doubts = _mask(before, steady)
    source = replace(
        before.source,
        pixels=steady.pixels,
        mask=mask,
        large=None if large is None else to_pixels(large),
    )
    return SceneFrame(source, steady, large, frame, doubts, begins=False)


def _mask(before: SceneFrame, steady: SteadySource) -> tuple[Floats, int]:
    mask, found = before.source.mask, product_mask(steady.pixels)
    agrees = has_plain_ground(mask) == has_plain_ground(found)
    doubts = 0 if agrees else before.doubts + 1
    if 0 < doubts < _PERSUADED:
        return mask, doubts
    return np.asarray(mask + steady.share * (found - mask), np.float32), doubts


TasksOf = Callable[[Source], Mapping[str, Task]]
"""What is to be drawn of a frame, by the style's name; a style that is left out is over."""


@dataclass(frozen=True)
class DrawnFrame:
    """A frame's source and its finished pictures, by style."""

    source: Source
    begins: bool
    """Whether a scene begins here."""
    pictures: Mapping[str, Pixels]


def draw_clip(
    engine: Engine, photos: Iterable[Photo], tasks_of: TasksOf, batch_images: int
) -> Iterator[DrawnFrame]:
    """Yield the frames of a clip, drawn; as many as there are photos, and in their order."""
    shown: dict[str, Floats] = {}
    for scene in scene_frames(photos):
        tasks = tasks_of(scene.source)
        composed = _composed(engine, tasks, batch_images)
        shown = {
            name: new
            if scene.begins or name not in shown
            else settled(scene.steady, shown[name], new)
            for name, new in composed.items()
        }
        pictures = {name: to_pixels(picture) for name, picture in shown.items()}
        yield DrawnFrame(scene.source, scene.begins, pictures)


def _composed(engine: Engine, tasks: Mapping[str, Task], batch_images: int) -> dict[str, Floats]:
    names = {id(task): name for name, task in tasks.items()}
    return {
        names[id(task)]: to_floats(compose(task, render, engine))
        for task, render in draw(engine, tasks.values(), batch_images)
    }
