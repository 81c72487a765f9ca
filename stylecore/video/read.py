"""Moving pictures as a stream of frames with durations, and GIF and WebP read by Pillow.

Frames are read one at a time and never held together. Durations are whole ticks of the clip's own
clock, so that they are written as they were read. GIF and WebP: transparency is laid on white and
colour profiles are applied, as in photos; a GIF's frames are composed to full frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from PIL import Image

from stylecore.errors import Permanent
from stylecore.imaging.color_profile import to_srgb
from stylecore.imaging.photo import UNREADABLE, Pixels, on_white

Kind = Literal["gif", "webp", "mp4"]


class NotAClip(Permanent):
    """The file is no moving picture within the bounds; the message says why."""


class Frame(NamedTuple):
    """An upright RGB picture and for how many ticks it is shown."""

    picture: Image.Image
    ticks: int


class Bounds(NamedTuple):
    """The most pixels of a frame and the most frames of a clip that are read."""

    pixels: int
    frames: int

    def check_size(self, width: int, height: int) -> None:
        """Raises NotAClip."""
        if width < 1 or height < 1:
            raise NotAClip(f"frames of {width} x {height} pixels are empty")
        if width * height > self.pixels:
            raise NotAClip(f"frames of {width} x {height} pixels are over {self.pixels} pixels")

    def check_count(self, count: int) -> None:
        """Raises NotAClip."""
        if count > self.frames:
            raise NotAClip(f"it has more than {self.frames} frames, the limit")


@dataclass(frozen=True)
class Clip:
    """A moving picture that is open for reading; `frames` can be gone through once."""

    kind: Kind
    tick: Fraction
    """Seconds."""
    loop: int | None
    """Times that it is repeated, 0 without end; None where the file says nothing."""
    count: int | None
    """Frames, where the file gives their number before they are read."""
    has_sound: bool
    frames: Iterator[Frame]
    """Raises NotAClip where the file is broken or over the bounds."""


class Writer(Protocol):
    """Takes finished frames of one size, [H, W, 3], and `close` makes the file whole."""

    def write(self, pixels: Pixels, ticks: int) -> None:
        """Write the next frame and its duration."""

    def close(self) -> None:
        """Write the remainder and end the file."""


KINDS: dict[str, Kind] = {"GIF": "gif", "WEBP": "webp"}
_FORMATS = tuple(KINDS)
MILLISECOND = Fraction(1, 1000)


def is_animation(path: Path) -> bool:
    """Return whether a file is a readable GIF or WebP of more than one frame."""
    try:
        with Image.open(path, formats=_FORMATS) as opened:
            return bool(getattr(opened, "is_animated", False))
    except UNREADABLE:
        return False


def read_animation(path: Path, bounds: Bounds) -> Clip:
    """Open the animation of a file. Raises NotAClip."""
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
                opened.load()  # a WebP's durations are set only then
                picture, _ = to_srgb(opened)
                yield Frame(on_white(picture), int(opened.info.get("duration", 0)))
    except UNREADABLE as problem:
        raise NotAClip(f"no readable GIF or WebP: {problem}") from problem
