"""Photos in and pictures out: decoding within bounds, working sizes, encoding.

The size of a photo is checked before any pixel is decoded. Where bytes come from is not known
here (store.py), nor what becomes of the picture.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from stylecore.errors import Permanent

Pixels = NDArray[np.uint8]
"""[H, W, 3], RGB, 0-255."""
Floats = NDArray[np.float32]
"""[H, W, 3], RGB, 0-1."""

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601."""
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MAX_ASPECT = 4
"""A working picture is at most this many times as long as wide; longer ones are made smaller."""
MIN_SIDE = 16
UNREADABLE = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError),
    *(ArithmeticError, AttributeError, MemoryError, struct.error, zlib.error),
)
"""What Pillow's parsers raise on bytes that someone has broken, EXIF included."""

Image.MAX_IMAGE_PIXELS = None  # our own bound is checked first, and it is a setting


class NotAPhoto(Permanent):
    """The bytes are no photo within the bounds; the message says why."""


@dataclass(frozen=True)
class Photo:
    """A decoded photo at its working size, and the sha256 of the bytes that it came in."""

    pixels: Pixels
    sha256: str
    large: Pixels | None = None
    """The same at the size of the finished render, where that is more than the working size."""


def decode(data: bytes, *, short_side: int, max_pixels: int, output_side: int = 0) -> Photo:
    """The upright RGB photo, resized so that its short side is `short_side`.

    With an `output_side` above that, a larger photo is also kept `large`, its short side at most
    `output_side`. EXIF orientation is applied, transparency laid on white, CMYK, palette and 16-bit
    converted; of an animation the first frame is taken. Raises NotAPhoto.
    """
    try:
        _check_size(webp_canvas(data), max_pixels)
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            _check_size(opened.size, max_pixels)
            _check_samples(opened)
            opened.draft("RGB", _draft_size(opened.size, max(short_side, output_side)))
            upright = ImageOps.exif_transpose(opened)
            picture = on_white(upright)
    except NotAPhoto:
        raise
    except UnidentifiedImageError as problem:
        raise NotAPhoto(
            f"{len(data)} bytes are no readable photo: none of {', '.join(FORMATS)}"
        ) from problem
    except UNREADABLE as problem:
        raise NotAPhoto(f"{len(data)} bytes are no readable photo: {problem}") from problem
    digest = sha256(data).hexdigest()
    return photo_of(picture, digest, short_side=short_side, output_side=output_side)


def photo_of(picture: Image.Image, digest: str, *, short_side: int, output_side: int = 0) -> Photo:
    """An upright RGB picture at the sizes that `decode` speaks of; `digest` is its sha256."""
    larger = min(output_side, *picture.size)
    large = _resized(picture, larger) if larger > short_side else None
    working = _resized(large or picture, short_side)
    return Photo(np.asarray(working), digest, None if large is None else np.asarray(large))


def _resized(picture: Image.Image, short_side: int) -> Image.Image:
    size = working_size(picture.size, short_side)
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def working_size(size: tuple[int, int], short_side: int) -> tuple[int, int]:
    """(width, height) with that short side, the aspect kept, the long side bounded."""
    width, height = size
    scale = min(short_side / min(width, height), MAX_ASPECT * short_side / max(width, height))
    return max(MIN_SIDE, round(width * scale)), max(MIN_SIDE, round(height * scale))


def on_white(picture: Image.Image) -> Image.Image:
    """The picture in RGB, transparency laid on white, 16 bits scaled to 8."""
    if picture.mode.startswith("I"):
        sixteen_bits = np.asarray(picture, np.float32)
        picture = Image.fromarray((sixteen_bits / 257).clip(0, 255).astype(np.uint8))
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    rgba = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")


def encode(pixels: Pixels) -> tuple[bytes, str]:
    """The picture as WebP, and its media type."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=90, method=2)
    return buffer.getvalue(), "image/webp"


def to_floats(pixels: Pixels) -> Floats:
    """0-255 to 0-1."""
    return pixels.astype(np.float32) / np.float32(255)


def luma_of(pixels: Pixels) -> Floats:
    """[H, W], 0-1, of 0-255."""
    return np.asarray(pixels.astype(np.float32) @ (LUMA / np.float32(255)))


def to_pixels(floats: Floats) -> Pixels:
    """0-1 to 0-255, rounded and clipped."""
    return (floats * 255 + 0.5).clip(0, 255).astype(np.uint8)


def webp_canvas(data: bytes) -> tuple[int, int]:
    """(width, height) of an extended WebP's canvas: Pillow allocates it before it tells the size.

    (1, 1) for other bytes.
    """
    if data[:4] != b"RIFF" or data[8:16] != b"WEBPVP8X" or len(data) < 30:
        return 1, 1
    return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise NotAPhoto(f"a photo of {width} x {height} pixels is empty")
    if width * height > max_pixels:
        raise NotAPhoto(f"{width} x {height} pixels are over the limit of {max_pixels}")


def _check_samples(opened: Image.Image) -> None:
    if opened.mode == "F":
        raise NotAPhoto("the photo's samples are floating-point numbers")


def _draft_size(size: tuple[int, int], short_side: int) -> tuple[int, int]:
    """A JPEG decoder may shrink to no less than twice the working size: a multiple faster."""
    width, height = working_size(size, 2 * short_side)
    return (width, height)
