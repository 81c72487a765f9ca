"""File kinds by their first bytes, and completeness of JPEGs without an end marker.

libjpeg fills missing pixels with mid-grey without an error. When all pixels are there, it skips
bytes inserted before the end marker; when some are missing, it decodes them as pixels. So a JPEG is
complete when inserted bytes change nothing, and a progressive one when it has had all its scans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from stylecore.arrays import Bytes
from stylecore.errors import Permanent

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".jp2"}
)
"""Of the pictures that are read."""
_MAGIC = (
    (b"%PDF", "a PDF"),
    (b"%!PS", "a PostScript file"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\xff\xd8\xff", "a JPEG"),
    (b"\x89PNG\r\n\x1a\n", "a PNG"),
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\x00", "a TIFF or a camera's raw file"),
    (b"MM\x00*", "a TIFF or a camera's raw file"),
    (b"II+\x00", "a BigTIFF"),
    (b"MM\x00+", "a BigTIFF"),
    (b"8BPS", "a Photoshop document"),
    (b"\x00\x00\x01\x00", "an icon (ICO)"),
    (b"\x00\x05\x16\x07", "a macOS resource fork (AppleDouble), not the picture itself"),
    (b"\x1aE\xdf\xa3", "a WebM or Matroska video"),
    (b"\x00\x00\x01\xba", "an MPEG video"),
    (b"FUJIFILMCCD-RAW", "a camera's raw file"),
    (b"gimp xcf", "a GIMP document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"ID3", "an MP3"),
    (b"version https://git-lfs", "a Git LFS pointer, not the picture itself"),
)
_RIFF = {b"WEBP": "a WebP", b"AVI ": "an AVI video", b"WAVE": "a WAV sound"}
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"heif")
_HEAD = 1024


def kind_of(data: bytes) -> str:
    """Name what the bytes look like: 'a PDF', 'an HTML page', 'an unknown kind'."""
    head = data[:_HEAD]
    if not head.strip(b"\0"):
        return "nothing but zero bytes" if head else "an empty file"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    return _text(head)


def is_video(head: bytes) -> bool:
    """Return whether a file that begins so is an MP4 or QuickTime video."""
    return (head[4:8] == b"ftyp" and "video" in _iso_media(head)) or head[4:8] in (b"moov", b"mdat")


def _iso_media(head: bytes) -> str:
    """Tell an ISO base media file by its brands: the major one, then the compatible ones."""
    length = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head)), 4))]
    if b"avif" in brands or b"avis" in brands:
        return "an AVIF"
    if any(brand in _HEIC for brand in brands):
        return "a HEIC picture"
    if b"mif1" in brands or b"msf1" in brands:
        return "a HEIF picture"
    return "a camera's raw file" if b"crx " in brands else "an MP4 or QuickTime video"


def _text(head: bytes) -> str:
    start = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n").lower()
    if "<svg" in start:
        return "an SVG drawing"
    if start.startswith(("<!doctype html", "<html", "<head", "<body", "<script")):
        return "an HTML page"
    if start.startswith("<"):
        return "an XML or HTML text"
    if start.startswith(("{", "[")):
        return "a JSON text"
    printable = sum(character.isprintable() or character in "\r\n\t" for character in start)
    return "a text" if start and printable > 0.95 * len(start) else "an unknown kind"


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
    """Return the JPEG with an end marker, and whether it lacked; other bytes as they are."""
    pixels = _pixels_at(data)
    if pixels is None or data.find(END, pixels) >= 0:
        return data, False
    filled = len(data.rstrip(b"\0")) + _ZEROS
    return data[:filled].removesuffix(b"\xff") + END, True


def check_whole(
    data: bytes,
    picture: Image.Image,
    read: Callable[[bytes], Bytes],
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
    """Find where a JPEG's first scan has its entropy-coded bytes; None where there are none."""
    return next((end for marker, _, end in _segments(data) if marker == _SCAN), None)


def _has_all_scans(data: bytes) -> bool:
    """Return whether every coefficient of a progressive JPEG has come to its last bit."""
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
    """Yield marker, begin and end of the body of a JPEG's segments, up to its end marker."""
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
