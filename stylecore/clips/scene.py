"""The sources of a clip, one a frame: steadied, and hung on the anchor of their scene.

Grid and noise of the network stay where the scene's first frame put them, so that no stroke jumps.
The product mask follows what moves and is averaged elsewhere; whether the ground is plain is
decided where a scene begins, and anew only after many frames that say otherwise. A cut begins
everything anew. What it does not know: a slow cross-fade is one scene whose things move.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from stylecore.arrays import Floats
from stylecore.clips.motion import is_cut
from stylecore.clips.steady import SteadySource, first_source, next_source
from stylecore.drawing import Source, source_of
from stylecore.imaging.foreground import has_plain_ground, product_mask
from stylecore.imaging.photo import Photo, to_floats, to_pixels

_PERSUADED = 8
"""Frames in a row that must say otherwise before plain ground comes or goes within a scene."""


@dataclass(frozen=True)
class SceneFrame:
    """A frame as it is drawn."""

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
    """What is drawn for each frame, in order; all photos have one size."""
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
