"""A GIF, written frame by frame: every frame whole, in colours that do not jump.

A palette of 256 colours a frame, and error diffusion, would flicker; so a palette serves until it
no longer fits, and between its colours pixels are mixed by a fixed pattern (ordered dither, Bayer
1973). Durations come in ticks of a millisecond, and the format keeps hundredths of a second.
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from PIL import GifImagePlugin, Image

from stylecore.imaging.photo import Pixels

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
        """The next frame, [H, W, 3], shown for so many milliseconds."""
        begins = self._palette is None
        frame = self._in_palette(pixels)
        if begins:
            info = {"loop": self._loop, "duration": ticks, "optimize": False}
            self._file.writelines(GifImagePlugin.getheader(frame.copy(), info=info)[0])
        self._file.writelines(
            GifImagePlugin.getdata(frame, duration=ticks, include_color_table=True)
        )

    def close(self) -> None:
        """Ends the file."""
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
    """Mean absolute error, 0-255, smoothed a little by taking every third row and column."""
    shown = np.asarray(frame.convert("RGB"), np.int16)[::3, ::3]
    return float(np.abs(shown - pixels[::3, ::3]).mean())
