"""Logos: decode within bounds, scale down, add margins and, where needed, a plate.

Only the size changes, by Lanczos' filter, and never upwards. A logo with too little contrast to the
panel gets a plate of white or near-black, whichever contrasts more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from stylecore.imaging.photo import NotAPhoto, read_picture
from stylecore.poster.canvas import INKS, Box, Colour, Unsettable, contrast

FORMATS = ("PNG", "WEBP", "JPEG")
MAX_PIXELS = 4_000_000
CLEAR = 0.25
"""Of the logo's height: what stays free around it."""
STANDS_OUT = 3.0
"""WCAG's least contrast of a graphic."""
_OPAQUE = 128


@dataclass(frozen=True)
class Logo:
    """A logo in RGBA."""

    image: Image.Image

    @property
    def colour(self) -> Colour:
        """The mean colour of what is opaque."""
        pixels = np.asarray(self.image)
        red, green, blue = pixels[pixels[..., 3] >= _OPAQUE][:, :3].mean(axis=0).round()
        return int(red), int(green), int(blue)

    @property
    def is_solid(self) -> bool:
        """Whether it has a ground of its own, edge to edge."""
        return bool((np.asarray(self.image)[..., 3] == 255).all())


def decode_logo(data: bytes) -> Logo:
    """Return the logo in a PNG, WebP or JPEG. Raises Unsettable where it is none, or too large."""
    try:
        picture, _ = read_picture(data, max_pixels=MAX_PIXELS, formats=FORMATS)
    except NotAPhoto as problem:
        raise Unsettable(f"the logo is no readable {', '.join(FORMATS)}: {problem}") from problem
    image = picture.convert("RGBA")
    if not (np.asarray(image)[..., 3] >= _OPAQUE).any():
        raise Unsettable("the logo is transparent all over")
    return Logo(image)


def place_logo(canvas: Image.Image, logo: Logo, row: Box, width: int, panel: Colour) -> Box:
    """Draw the logo at the row's right end, at most `width` px wide; its box, without the room."""
    source = logo.image
    most = int(row.height / (1 + 2 * CLEAR))
    scale = min(1.0, most / source.height, (width - 2 * CLEAR * most) / source.width)
    size = (max(1, round(source.width * scale)), max(1, round(source.height * scale)))
    clear = round(CLEAR * size[1])
    image = source if size == source.size else source.resize(size, Image.Resampling.LANCZOS)
    needs_plate = not logo.is_solid and contrast(logo.colour, panel) < STANDS_OUT
    left = row.right - size[0] - (clear if needs_plate else 0)
    top = row.top + (row.height - size[1]) // 2
    box = Box(left, top, left + size[0], top + size[1])
    if needs_plate:
        plate = box.inset(-clear)
        fill = max(INKS, key=lambda ink: contrast(logo.colour, ink))
        corners = (plate.left, plate.top, plate.right - 1, plate.bottom - 1)
        ImageDraw.Draw(canvas).rounded_rectangle(corners, clear, fill)
    canvas.paste(image, (left, top), image)
    return box
