"""Drawing at twice the size and reducing, so that edges of prints come out smooth.

What this module does not know: what is drawn.
"""

from __future__ import annotations

import numpy as np
from materials import Picture
from PIL import Image, ImageDraw


def doubled(base: Picture) -> Image.Image:
    return Image.fromarray(base).resize(
        (2 * base.shape[1], 2 * base.shape[0]), Image.Resampling.NEAREST
    )


def reduced(canvas: Image.Image) -> Picture:
    half = (canvas.width // 2, canvas.height // 2)
    return np.array(canvas.resize(half, Image.Resampling.LANCZOS))


def dot(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: str) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
