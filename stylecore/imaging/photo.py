"""Photos in and pictures out: decoding within bounds, working sizes, encoding.

Every picture that somebody gives (photos, references, logos, frames) is read here, as a viewer
shows it: upright, in sRGB, 8 bits a channel. Its size is checked before any pixel is decoded.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image, ImageOps, UnidentifiedImageError

from stylecore.arrays import Bytes, Floats
from stylecore.errors import Permanent
from stylecore.imaging.color_profile import (
    ASSUMED,
    CONVERTED,
    IGNORED,
    Stated,
    stated_colours,
    to_srgb,
)
from stylecore.imaging.file_kinds import TRUNCATED, LacksPixels, check_whole, kind_of, with_end
from stylecore.imaging.samples import SCALED, UnreadSamples, check_samples, eight_bits, png_depth

Pixels = NDArray[np.uint8]
"""[H, W, 3], RGB, 0-255."""

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601."""
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000")
PictureFormat = Literal["webp", "jpeg", "avif"]
_ENCODING: dict[str, dict[str, Any]] = {
    "webp": {"quality": 90, "method": 2},
    "jpeg": {"quality": 90},
    "avif": {"quality": 75},
}
"""Options of Pillow; deploy/EVALUATION.md has the table of their bytes, time and similarity."""
ANIMATED = ("GIF", "WEBP", "PNG", "AVIF")
"""Formats whose frames follow one another in time; the pages of a TIFF do not."""
EARLY_FRAMES = 24
"""Of an animation, as far as their pixels together stay within the bound of one photo."""
FULL = 0.9
"""Of the fullest frame's fullness: the first frame that has as much is taken."""
MAX_ASPECT = 4
"""A working picture is at most this many times as long as wide; longer ones are made smaller."""
MIN_SIDE = 16
KINDS_READ = (
    "a JPEG",
    "a PNG",
    "a GIF",
    "a BMP",
    "a WebP",
    "an AVIF",
    "a TIFF or a camera's raw file",
    "a JPEG 2000 picture",
)
"""Names of file_kinds.py for the files that may be photos."""
UNREADABLE = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError),
    *(ArithmeticError, AttributeError, MemoryError, RuntimeError, struct.error, zlib.error),
)
"""What Pillow's parsers raise on bytes that someone has broken, EXIF included."""

NOTES = (TRUNCATED, CONVERTED, IGNORED, ASSUMED, SCALED)
"""What may be put right or passed over when a photo is read."""
NOTHING, LEAST_SHARE = 4, 0.0005
"""A photo shows nothing where all but that share of its pixels are within so many levels."""

Image.MAX_IMAGE_PIXELS = None  # our own bound is checked first, and it is a setting
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each thread takes address space, which is bounded


class NotAPhoto(Permanent):
    """The bytes are no photo within the bounds; the message says why."""


@dataclass(frozen=True)
class Photo:
    """A decoded photo at its working size, and the sha256 of the bytes that it came in."""

    pixels: Pixels
    """Transparency laid on white."""
    sha256: str
    large: Pixels | None = None
    """The same at the size of the finished render, where that is more than the working size."""
    alpha: Bytes | None = None
    """Of `pixels`, where the photo is transparent somewhere."""
    large_alpha: Bytes | None = None
    notes: tuple[str, ...] = ()
    """Of NOTES."""


def decode(data: bytes, *, short_side: int, max_pixels: int, output_side: int = 0) -> Photo:
    """Return the upright RGB photo, resized so that its short side is `short_side`.

    With an `output_side` above that, a larger photo is also kept `large`, its short side at most
    `output_side`. Raises NotAPhoto, also for a photo that shows nothing.
    """
    least = max(short_side, output_side)
    picture, notes = read_picture(data, max_pixels=max_pixels, short_side=least)
    photo = photo_of(
        picture,
        sha256(data).hexdigest(),
        short_side=short_side,
        output_side=output_side,
        notes=notes,
    )
    if not _shows_anything(photo):
        raise NotAPhoto("the photo shows nothing: it is empty, or of one colour all over")
    return photo


def read_picture(
    data: bytes,
    *,
    max_pixels: int,
    formats: tuple[str, ...] = FORMATS,
    short_side: int | None = None,
) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the upright picture in RGB or RGBA as a viewer shows it, in sRGB, and notes.

    Of an animation the fullest early frame is taken. With a `short_side` a picture may come
    smaller, not below twice of it. Raises NotAPhoto.
    """
    try:
        _check_size(webp_canvas(data), max_pixels)
        stated = stated_colours(data)
        whole, lacked_end = with_end(stated.data)
        read = partial(_loaded, max_pixels=max_pixels, formats=formats, short_side=short_side)
        with read(whole) as opened:
            check_whole(
                whole, opened, lambda other: _pixels_of(read(other)), had_end=not lacked_end
            )
            picture, notes = _shown(opened, stated, max_pixels, short_side)
    except (NotAPhoto, LacksPixels, UnreadSamples) as problem:
        raise NotAPhoto(str(problem)) from problem
    except UnidentifiedImageError as problem:
        raise NotAPhoto(_unknown(data, formats)) from problem
    except UNREADABLE as problem:
        raise NotAPhoto(
            f"this is {kind_of(data)} of {len(data)} bytes, but no readable photo: {problem}"
        ) from problem
    return picture, (TRUNCATED, *notes) if lacked_end else notes


def photo_of(
    picture: Image.Image,
    digest: str,
    *,
    short_side: int,
    output_side: int = 0,
    notes: tuple[str, ...] = (),
) -> Photo:
    """Return an upright picture in RGB or RGBA at the sizes that `decode` speaks of."""
    larger = min(output_side, *picture.size)
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    if alpha is not None and alpha.getextrema() == (255, 255):
        alpha = None
    flat = on_white(picture)
    large = _resized(flat, larger) if larger > short_side else None
    large_alpha = None if alpha is None or large is None else alpha.resize(large.size, _FILTER)
    working = _resized(large or flat, short_side)
    small_alpha = None if alpha is None else (large_alpha or alpha).resize(working.size, _FILTER)
    return Photo(
        np.asarray(working),
        digest,
        None if large is None else np.asarray(large),
        None if small_alpha is None else np.asarray(small_alpha),
        None if large_alpha is None else np.asarray(large_alpha),
        notes,
    )


_GAP = 3.0
"""Times that a picture stays larger than wanted when whole pixels are averaged first."""
_ORIENTATION = 0x0112
_FILTER = Image.Resampling.BILINEAR
"""Of alpha: never outside of what it was."""


def _resized(picture: Image.Image, short_side: int) -> Image.Image:
    size = working_size(picture.size, short_side)
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=_GAP)


def working_size(size: tuple[int, int], short_side: int) -> tuple[int, int]:
    """Return (width, height) with that short side, the aspect kept, the long side bounded."""
    width, height = size
    scale = min(short_side / min(width, height), MAX_ASPECT * short_side / max(width, height))
    return max(MIN_SIDE, round(width * scale)), max(MIN_SIDE, round(height * scale))


def on_white(picture: Image.Image) -> Image.Image:
    """Return a picture of RGB or RGBA in RGB, transparency laid on white."""
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def fullness(frame: Image.Image) -> float:
    """Return how much a frame shows: its mean difference from its border's middle colour, 0-255."""
    small = frame.convert("RGBA" if frame.has_transparency_data else "RGB")
    small.thumbnail((64, 64), Image.Resampling.BOX)
    pixels = np.asarray(on_white(small), np.float32)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return float(np.abs(pixels - np.median(border, axis=0)).mean())


def encode(pixels: Pixels, wanted: PictureFormat = "webp") -> tuple[bytes, str]:
    """Return the picture [H, W, 3] or [H, W, 4] in a format, and its media type.

    One with alpha becomes WebP in place of JPEG, which has none.
    """
    kind = "webp" if wanted == "jpeg" and pixels.shape[2] == 4 else wanted
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind.upper(), **_ENCODING[kind])
    return buffer.getvalue(), f"image/{kind}"


def to_floats(pixels: Pixels) -> Floats:
    """Convert 0-255 to 0-1."""
    return pixels.astype(np.float32) / np.float32(255)


def luma_of(pixels: Pixels) -> Floats:
    """Return [H, W], 0-1, of 0-255."""
    return np.asarray(pixels.astype(np.float32) @ (LUMA / np.float32(255)))


def to_pixels(floats: Floats) -> Pixels:
    """Convert 0-1 to 0-255, rounded and clipped."""
    return (floats * 255 + 0.5).clip(0, 255).astype(np.uint8)


def webp_canvas(data: bytes) -> tuple[int, int]:
    """Read (width, height) of an extended WebP's canvas, which Pillow allocates before it tells it.

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


@contextmanager
def _loaded(
    data: bytes, *, max_pixels: int, formats: tuple[str, ...], short_side: int | None
) -> Iterator[Image.Image]:
    """Open the file with its first frame's pixels."""
    with Image.open(io.BytesIO(data), formats=formats) as opened:
        _check_size(opened.size, max_pixels)
        check_samples(opened)
        if short_side is not None:
            # A JPEG decoder shrinks to no less than twice the working size: a multiple faster.
            opened.draft("RGB", working_size(opened.size, 2 * short_side))
        opened.load()
        yield opened


def _pixels_of(loading: AbstractContextManager[Image.Image]) -> Pixels:
    with loading as opened:
        return np.asarray(opened).copy()


def _shown(
    opened: Image.Image, stated: Stated, max_pixels: int, short_side: int | None
) -> tuple[Image.Image, tuple[str, ...]]:
    """Return an opened file's picture as a viewer shows it, and notes."""
    frame = _fullest(opened, max_pixels)
    shallow, scaled = eight_bits(frame, opened, png_depth(stated.data))
    small = _reduced(shallow, short_side)
    if small is not opened:  # a TIFF's orientation stays behind with its tags
        small.getexif()[_ORIENTATION] = opened.getexif().get(_ORIENTATION, 1)
    picture, notes = to_srgb(ImageOps.exif_transpose(small), stated)
    return picture, (*notes, SCALED) if scaled else tuple(notes)


def _reduced(picture: Image.Image, short_side: int | None) -> Image.Image:
    """Shrink the picture as many times as `_resized` makes it first, before all that costs."""
    if short_side is None:
        return picture
    wanted = working_size(picture.size, short_side)
    scale = min(side / new for side, new in zip(picture.size, wanted, strict=True))
    factor = int(scale / _GAP)
    if factor < 2:
        return picture
    if picture.mode in ("P", "PA", "1"):
        flat = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    elif "transparency" in picture.info:
        flat = picture.convert("LA" if picture.mode == "L" else "RGBA")
    else:
        flat = picture
    return flat.reduce(factor)


def _fullest(opened: Image.Image, max_pixels: int) -> Image.Image:
    """Return an animation's first early frame that is about as full as any; else the picture."""
    width, height = opened.size
    count = min(getattr(opened, "n_frames", 1), EARLY_FRAMES, max_pixels // (width * height))
    if opened.format not in ANIMATED or count < 2:
        return opened
    best, most = opened.copy(), fullness(opened)
    for index in range(1, count):
        try:
            opened.seek(index)
            opened.load()
        except UNREADABLE:
            break  # an animation cut short is as good as its frames before
        found = fullness(opened)
        if FULL * found > most:
            best, most = opened.copy(), found
    return best


def _shows_anything(photo: Photo) -> bool:
    planes = [photo.pixels] if photo.alpha is None else [photo.pixels, photo.alpha[..., None]]
    for plane in planes:
        apart = np.abs(plane - np.median(plane, axis=(0, 1))).max(axis=2)
        if (apart > NOTHING).mean() > LEAST_SHARE:
            return True
    return False


def _unknown(data: bytes, formats: tuple[str, ...]) -> str:
    """Return why bytes that Pillow does not recognise are no photo, by their first bytes."""
    kind, known = kind_of(data), ", ".join(formats)
    if kind in KINDS_READ:
        return f"this is {kind}, but no readable photo: broken, or of a kind that is not read"
    return f"this is {kind}, no readable photo: none of {known}; save it as one of these"
