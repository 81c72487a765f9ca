"""JPEGs without their end: whether all pixels are there all the same.

libjpeg fills what lacks with mid-grey and says so to nobody. But where all is there, it passes over
bytes put in before the end marker; where something lacks, it takes them for pixels. So a JPEG is
whole when bytes put in there change nothing, and when a progressive one has had all its scans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stylecore.errors import Permanent

TRUNCATED = "truncated"
"""Note: the end marker lacks, though all pixels are there."""
END = b"\xff\xd9"
_START, _SCAN, _PROGRESSIVE = b"\xff\xd8\xff", 0xDA, (0xC2, 0xCA)
_BARE = {0x01, *range(0xD0, 0xD9)}
"""Markers without a length."""
_NOISE = b"\x5a\xc3\x96\x3c" * 64
_RESTARTS = b"".join(bytes((0xFF, marker)) + _NOISE for marker in range(0xD0, 0xD8))
"""Where a restart marker lacks, only what follows one is taken."""
_PADDING = (b"\x00" * 256, _NOISE, b"\xa7\x1b\xee\x42" * 64, _RESTARTS)
_ZEROS = 8
"""Zero bytes that pixels may end in; more of them were put in for what has not come."""
_GREYS = (126, 129)
"""What libjpeg fills in, with a little room for rounding."""


class LacksPixels(Permanent):
    """A JPEG ends before its last pixel."""

    def __init__(self) -> None:
        super().__init__("this is a truncated JPEG, no readable photo: pixels lack; send all of it")


def with_end(data: bytes) -> tuple[bytes, bool]:
    """The JPEG with an end marker, and whether it lacked; other bytes as they are."""
    pixels = _pixels_at(data)
    if pixels is None or data.find(END, pixels) >= 0:
        return data, False
    filled = len(data.rstrip(b"\0")) + _ZEROS
    return data[:filled].removesuffix(b"\xff") + END, True


def check_whole(
    data: bytes,
    picture: Image.Image,
    read: Callable[[bytes], NDArray[np.uint8]],
    *,
    had_end: bool,
) -> None:
    """Raises LacksPixels unless all pixels of a JPEG are there.

    `picture` is what `read` gives of the data, as pixels. With an end marker only a picture that
    ends in mid-grey is suspected.
    """
    pixels = _pixels_at(data)
    if pixels is None or (had_end and not _ends_grey(picture)):
        return
    if not had_end and not _has_all_scans(data):
        raise LacksPixels
    end = data.find(END, pixels)
    found = np.asarray(picture)
    for padding in _PADDING:
        if not np.array_equal(found, read(data[:end] + padding + data[end:])):
            raise LacksPixels


def _ends_grey(picture: Image.Image) -> bool:
    last = np.asarray(picture)[-1, -1].ravel()
    return bool((last >= _GREYS[0]).all() and (last <= _GREYS[1]).all())


def _pixels_at(data: bytes) -> int | None:
    """Where the entropy-coded bytes of a JPEG's first scan begin; None where there are none."""
    return next((end for marker, _, end in _segments(data) if marker == _SCAN), None)


def _has_all_scans(data: bytes) -> bool:
    """Whether every coefficient of a progressive JPEG has come to its last bit."""
    components, left = 0, set[tuple[int, int]]()
    for marker, start, end in _segments(data):
        body = data[start:end]
        if marker in _PROGRESSIVE and len(body) >= 6:
            components = body[5]
            ids = [
                body[6 + 3 * number] for number in range(components) if 6 + 3 * number < len(body)
            ]
            left = {(name, place) for name in ids for place in range(64)}
        elif marker == _SCAN and body and len(body) >= 4 + 2 * body[0]:
            first, last, bits = body[1 + 2 * body[0] :][:3]
            if bits & 0x0F == 0:
                scanned = [body[1 + 2 * number] for number in range(body[0])]
                left -= {(name, place) for name in scanned for place in range(first, last + 1)}
    return not left


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, begin and end of the body of a JPEG's segments, up to its end marker."""
    if not data.startswith(_START):
        return
    at = 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        if marker in _BARE or marker in (0x00, 0xFF):
            at += 1 if marker == 0xFF else 2
            continue
        if marker == END[1]:
            return
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, at + 4, at + 2 + length
        at += 2 + max(length, 2)
