"""An animated WebP, written frame by frame.

Pillow's own writer wants all frames at once and makes one of neighbours that are alike; here each
frame keeps its place and its duration. Pillow codes each by itself, cut to what has changed, and
this file is the container around them (Google, "WebP Container Specification", RFC 9649): a header,
and a chunk `ANMF` a frame.
"""

from __future__ import annotations

import io
from typing import BinaryIO

import numpy as np
from PIL import Image

from stylecore.imaging.photo import Pixels

_QUALITY, _METHOD = 90, 2
_ANIMATED, _KEEP_UNDER = b"\x02", b"\x02"
"""Flags: the file has frames; a frame replaces what is under it and stays."""
_WHITE, _LONGEST = b"\xff" * 4, 2**24 - 1


class WebpWriter:
    """Writes to a binary file that can be sought; `loop` 0 repeats without end."""

    def __init__(self, file: BinaryIO, loop: int | None) -> None:
        self._file, self._loop = file, 1 if loop is None else loop
        self._shown: Pixels | None = None

    def write(self, pixels: Pixels, ticks: int) -> None:
        """The next frame, [H, W, 3], shown for so many milliseconds."""
        top, left, bottom, right = _changed(self._shown, pixels)
        if self._shown is None:
            self._file.write(_header(pixels.shape[1], pixels.shape[0], self._loop))
        patch = pixels[top:bottom, left:right]
        place = _triple(left // 2) + _triple(top // 2) + _size(patch.shape[1], patch.shape[0])
        timing = _triple(min(ticks, _LONGEST)) + _KEEP_UNDER
        self._file.write(_chunk(b"ANMF", place + timing + _coded(patch)))
        self._shown = pixels

    def close(self) -> None:
        """Writes the length of the whole file into its head."""
        length = self._file.tell()
        self._file.seek(4)
        self._file.write((length - 8).to_bytes(4, "little"))
        self._file.seek(length)


def _changed(before: Pixels | None, after: Pixels) -> tuple[int, int, int, int]:
    """Top, left, bottom, right of what differs; the format wants even corners."""
    height, width = after.shape[:2]
    if before is None:
        return 0, 0, height, width
    differs = (before != after).any(axis=2)
    if not differs.any():
        return 0, 0, min(2, height), min(2, width)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    return int(rows[0]) & ~1, int(columns[0]) & ~1, int(rows[-1]) + 1, int(columns[-1]) + 1


def _coded(pixels: Pixels) -> bytes:
    """The chunk of one picture, without the file around it."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(
        buffer, "WEBP", quality=_QUALITY, method=_METHOD
    )
    return buffer.getvalue()[12:]


def _header(width: int, height: int, loop: int) -> bytes:
    extended = _chunk(b"VP8X", _ANIMATED + bytes(3) + _size(width, height))
    white = b"\xff" * 4
    return (
        b"RIFF"
        + bytes(4)
        + b"WEBP"
        + extended
        + _chunk(b"ANIM", white + loop.to_bytes(2, "little"))
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)


def _size(width: int, height: int) -> bytes:
    return _triple(width - 1) + _triple(height - 1)


def _triple(number: int) -> bytes:
    return number.to_bytes(3, "little")
