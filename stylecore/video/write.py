"""Write clips frame by frame: GIF, animated WebP, and files that appear only when complete.

GIF: every frame is whole. A palette of 256 colours a frame, and error diffusion, would flicker; so
a palette is kept until it no longer fits, and between its colours pixels are mixed by a fixed
pattern (ordered dither, Bayer 1973). Durations come in ticks of a millisecond, and the format keeps
hundredths of a second.

WebP: Pillow encodes each frame, cut to what has changed, and this module writes the container
around them (RFC 9649): a header, and a chunk `ANMF` a frame. Pillow's `save_all` is not used: it
takes all frames at once, as decoded pixels in memory, and merges equal neighbours into one frame,
while here each frame keeps its place and its duration.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import GifImagePlugin, Image

from stylecore.imaging.photo import Pixels
from stylecore.video.mp4 import VideoWriter, is_video, read_video
from stylecore.video.read import Bounds, Clip, Frame, NotAClip, Writer, is_animation, read_animation

_STEP = 12
"""Height of the dither: about the distance of neighbouring colours in a palette of 256."""
_MISFIT, _UNSEEN = 1.5, 1.0
"""A palette no longer fits where its error has grown by so many times and levels."""
_PAIR = np.array([[0, 2], [3, 1]], np.float32)
_BAYER = np.kron(np.ones((2, 2), np.float32), 4 * _PAIR) + np.kron(_PAIR, np.ones((2, 2)))
_DITHER = ((_BAYER + 0.5) / 16 - 0.5)[..., None] * np.float32(_STEP)


class GifWriter:
    """Writes to a binary file; `loop` is how often it is repeated, 0 without end, None once."""

    def __init__(self, file: BinaryIO, loop: int | None) -> None:
        self._file, self._loop = file, loop
        self._palette: Image.Image | None = None
        self._error = 0.0

    def write(self, pixels: Pixels, ticks: int) -> None:
        """Add the next frame, [H, W, 3], shown for so many milliseconds."""
        begins = self._palette is None
        frame = self._in_palette(pixels)
        if begins:
            info = {"loop": self._loop, "duration": ticks, "optimize": False}
            self._file.writelines(GifImagePlugin.getheader(frame.copy(), info=info)[0])
        self._file.writelines(
            GifImagePlugin.getdata(frame, duration=ticks, include_color_table=True)
        )

    def close(self) -> None:
        """End the file."""
        self._file.write(b";")

    def _in_palette(self, pixels: Pixels) -> Image.Image:
        mixed = _dithered(pixels)
        if self._palette is not None:
            frame = _nearest(mixed, self._palette)
            if _error(frame, pixels) <= _MISFIT * self._error + _UNSEEN:
                return frame
        self._palette = Image.fromarray(pixels).quantize(256, Image.Quantize.MEDIANCUT)
        frame = _nearest(mixed, self._palette)
        self._error = _error(frame, pixels)
        return frame


def _dithered(pixels: Pixels) -> Image.Image:
    height, width = pixels.shape[:2]
    pattern = np.tile(_DITHER, (height // 4 + 1, width // 4 + 1, 1))[:height, :width]
    return Image.fromarray((pixels + pattern + 0.5).clip(0, 255).astype(np.uint8))


def _nearest(picture: Image.Image, palette: Image.Image) -> Image.Image:
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def _error(frame: Image.Image, pixels: Pixels) -> float:
    """Return the mean error, 0-255, smoothed a little by taking every third row and column."""
    shown = np.asarray(frame.convert("RGB"), np.int16)[::3, ::3]
    return float(np.abs(shown - pixels[::3, ::3]).mean())


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
        """Add the next frame, [H, W, 3], shown for so many milliseconds."""
        top, left, bottom, right = _changed(self._shown, pixels)
        if self._shown is None:
            self._file.write(_header(pixels.shape[1], pixels.shape[0], self._loop))
        patch = pixels[top:bottom, left:right]
        place = _triple(left // 2) + _triple(top // 2) + _size(patch.shape[1], patch.shape[0])
        timing = _triple(min(ticks, _LONGEST)) + _KEEP_UNDER
        self._file.write(_chunk(b"ANMF", place + timing + _coded(patch)))
        self._shown = pixels

    def close(self) -> None:
        """Write the length of the whole file into its head."""
        length = self._file.tell()
        self._file.seek(4)
        self._file.write((length - 8).to_bytes(4, "little"))
        self._file.seek(length)


def _changed(before: Pixels | None, after: Pixels) -> tuple[int, int, int, int]:
    """Return top, left, bottom, right of what differs; the format wants even corners."""
    height, width = after.shape[:2]
    if before is None:
        return 0, 0, height, width
    differs = (before != after).any(axis=2)
    if not differs.any():
        return 0, 0, min(2, height), min(2, width)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    return int(rows[0]) & ~1, int(columns[0]) & ~1, int(rows[-1]) + 1, int(columns[-1]) + 1


def _coded(pixels: Pixels) -> bytes:
    """Return the chunk of one picture, without the file around it."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(
        buffer, "WEBP", quality=_QUALITY, method=_METHOD
    )
    return buffer.getvalue()[12:]


def _header(width: int, height: int, loop: int) -> bytes:
    extended = _chunk(b"VP8X", _ANIMATED + bytes(3) + _size(width, height))
    animation = _chunk(b"ANIM", _WHITE + loop.to_bytes(2, "little"))
    return b"RIFF" + bytes(4) + b"WEBP" + extended + animation


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)


def _size(width: int, height: int) -> bytes:
    return _triple(width - 1) + _triple(height - 1)


def _triple(number: int) -> bytes:
    return number.to_bytes(3, "little")


def is_clip(path: Path) -> bool:
    """Return whether a file moves: a video by its bytes, a GIF or WebP by its frames."""
    return is_video(path) or is_animation(path)


def open_clip(path: Path, bounds: Bounds) -> Clip:
    """Read a file's frames one by one. Raises NotAClip, naming the file, also from the frames."""
    try:
        clip = read_video(path, bounds) if is_video(path) else read_animation(path, bounds)
    except NotAClip as problem:
        raise NotAClip(f"{path}: {problem}") from problem
    return replace(clip, frames=_named(path, clip.frames))


class ClipFile:
    """A clip that is being written beside its place; nothing is there until it is kept."""

    def __init__(self, path: Path, clip: Clip) -> None:
        """Open the file; `clip` is the source, whose kind, loop and clock it has."""
        self._path, self._part = path, path.with_name(f".{path.name}.part")
        self._file = self._part.open("wb")
        self._writer = _writer(self._file, clip)

    def write(self, pixels: Pixels, ticks: int) -> None:
        """Add the next frame, [H, W, 3], and its duration."""
        self._writer.write(pixels, ticks)

    def keep(self) -> None:
        """Put the whole clip in its place."""
        self._writer.close()
        self._file.close()
        self._part.replace(self._path)

    def discard(self) -> None:
        """Leave nothing of what was not kept."""
        self._file.close()
        self._part.unlink(missing_ok=True)


def _writer(file: BinaryIO, clip: Clip) -> Writer:
    if clip.kind == "gif":
        return GifWriter(file, clip.loop)
    return WebpWriter(file, clip.loop) if clip.kind == "webp" else VideoWriter(file, clip.tick)


def _named(path: Path, frames: Iterator[Frame]) -> Iterator[Frame]:
    try:
        yield from frames
    except NotAClip as problem:
        raise NotAClip(f"{path}: {problem}") from problem
