"""GIF and WebP animations, read by Pillow frame by frame.

Transparency is laid on white and colour profiles are applied, as in photos. A GIF's frames come
whole, however they are cut to what changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from PIL import Image

from stylecore.clips.frames import Bounds, Clip, Frame, Kind, NotAClip
from stylecore.imaging.color_profile import to_srgb
from stylecore.imaging.photo import UNREADABLE, on_white

KINDS: dict[str, Kind] = {"GIF": "gif", "WEBP": "webp"}
_FORMATS = tuple(KINDS)
MILLISECOND = Fraction(1, 1000)


def is_animation(path: Path) -> bool:
    """Whether a file is a GIF or WebP of more than one frame; a broken one is not."""
    try:
        with Image.open(path, formats=_FORMATS) as opened:
            return bool(getattr(opened, "is_animated", False))
    except UNREADABLE:
        return False


def read_animation(path: Path, bounds: Bounds) -> Clip:
    """The animation of a file. Raises NotAClip."""
    try:
        with Image.open(path, formats=_FORMATS) as opened:
            bounds.check_size(*opened.size)
            count = int(getattr(opened, "n_frames", 1))
            bounds.check_count(count)
            kind, loop = KINDS[str(opened.format)], opened.info.get("loop")
    except UNREADABLE as problem:
        raise NotAClip(f"no readable GIF or WebP: {problem}") from problem
    return Clip(kind, MILLISECOND, loop, count, has_sound=False, frames=_frames(path, count))


def _frames(path: Path, count: int) -> Iterator[Frame]:
    try:
        with Image.open(path, formats=_FORMATS) as opened:
            for index in range(count):
                opened.seek(index)
                opened.load()  # a WebP tells a frame's duration only then
                picture, _ = to_srgb(opened)
                yield Frame(on_white(picture), int(opened.info.get("duration", 0)))
    except UNREADABLE as problem:
        raise NotAClip(f"no readable GIF or WebP: {problem}") from problem
