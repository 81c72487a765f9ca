"""The process that decodes photos, under resource limits of the operating system.

`python -m stylecore.imaging.decoder_process LIMITS` reads frames of photo bytes and answers each
with a frame of pixels or an error (decoder.py is the other end). It may not write files, has no
secrets in its environment, and is killed when a photo takes too much processor time.
"""

from __future__ import annotations

import resource
import signal
import struct
import sys
from typing import BinaryIO

import msgspec
import numpy as np

from stylecore.arrays import Bytes
from stylecore.imaging.photo import NotAPhoto, Pixels, decode

LENGTH = struct.Struct(">Q")
BASE_BYTES = 512_000_000
"""Address space of the interpreter and its libraries; they use a fifth of it."""
BYTES_A_PIXEL = 24
"""What Pillow was seen to need at most: 20, for a photo with transparency."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a photo may cost, and what sizes are wanted of it."""

    max_pixels: int
    seconds: float
    """Of processor time for one photo."""
    short_side: int
    output_side: int = 0

    @property
    def memory(self) -> int:
        """Bytes of address space."""
        return BASE_BYTES + BYTES_A_PIXEL * self.max_pixels


class Raster(msgspec.Struct, frozen=True):
    """Pixels on their way through a pipe: RGB, or RGBA."""

    height: int
    width: int
    data: bytes

    def __post_init__(self) -> None:
        """Raises ValueError where the bytes are not so many."""
        pixels = self.height * self.width
        if min(self.height, self.width) < 1 or len(self.data) not in (3 * pixels, 4 * pixels):
            raise ValueError("not as many bytes as pixels")


class Answer(msgspec.Struct, frozen=True):
    """The photo at its sizes, or why there is none."""

    problem: str = ""
    working: Raster | None = None
    large: Raster | None = None
    notes: tuple[str, ...] = ()


def main() -> None:
    """Answer until the other end closes."""
    limits = msgspec.json.decode(sys.argv[1], type=Limits)
    confine(limits)
    while (data := read_frame(sys.stdin.buffer, sys.maxsize)) is not None:
        signal.setitimer(signal.ITIMER_PROF, limits.seconds)
        answer = answer_of(data, limits)
        signal.setitimer(signal.ITIMER_PROF, 0)
        write_frame(sys.stdout.buffer, msgspec.msgpack.encode(answer))


def confine(limits: Limits) -> None:
    """Bound this process for good."""
    for what, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def answer_of(data: bytes, limits: Limits) -> Answer:
    """Return the photo in the bytes, or why there is none."""
    try:
        photo = decode(
            data,
            short_side=limits.short_side,
            max_pixels=limits.max_pixels,
            output_side=limits.output_side,
        )
    except NotAPhoto as problem:
        return Answer(problem=str(problem))
    large = None if photo.large is None else _raster(photo.large, photo.large_alpha)
    return Answer(working=_raster(photo.pixels, photo.alpha), large=large, notes=photo.notes)


def read_frame(stream: BinaryIO, most: int) -> bytes | None:
    """Read the next frame; None at the end, in the midst of one, or over `most` bytes."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    if length > most:
        return None
    data = stream.read(length)
    return data if len(data) == length else None


def write_frame(stream: BinaryIO, data: bytes) -> None:
    """Write one frame, at once."""
    stream.write(LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def _raster(pixels: Pixels, alpha: Bytes | None) -> Raster:
    height, width = pixels.shape[:2]
    levels = pixels if alpha is None else np.dstack([pixels, alpha])
    return Raster(height, width, np.ascontiguousarray(levels).tobytes())


if __name__ == "__main__":
    main()
