"""What a moving picture is here: frames that come one after another, each with its duration.

Nothing holds all of them: whoever reads takes them one by one. Durations are whole ticks of the
clip's own clock, so that they come out as they went in. What a file looks like inside is the
business of animations.py and video.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple, Protocol

from PIL import Image

from stylecore.errors import Permanent
from stylecore.imaging.photo import Pixels

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
    """Frames, as far as the file tells before they are read."""
    has_sound: bool
    frames: Iterator[Frame]
    """Raises NotAClip where the file is broken or over the bounds."""


class Writer(Protocol):
    """Takes finished frames of one size, [H, W, 3], and `close` makes the file whole."""

    def write(self, pixels: Pixels, ticks: int) -> None:
        """The next frame and its duration."""

    def close(self) -> None:
        """Writes what is left; no frame comes after it."""
