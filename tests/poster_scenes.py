"""Pictures for posters: a product on plain ground, and a scene from edge to edge."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

from stylecore.imaging.photo import Pixels
from stylecore.poster.compose import Subject, subject_of


def product_on(ground: str = "white", product: str = "#2d4f8e", side: int = 256) -> Pixels:
    """A disc with a stripe, a little off the middle."""
    image = Image.new("RGB", (side, side), ground)
    draw = ImageDraw.Draw(image)
    draw.ellipse((side * 0.25, side * 0.3, side * 0.65, side * 0.85), product)
    draw.rectangle((side * 0.4, side * 0.5, side * 0.5, side * 0.6), "#d9822b")
    return np.asarray(image)


def scene(width: int = 240, height: int = 240) -> Pixels:
    """Coloured noise: no ground anywhere."""
    return np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8)


def plain_subject(ground: str = "white") -> Subject:
    """A product that stands free."""
    return subject_of(product_on(ground), product_on())


def logo_file(width: int = 90, height: int = 30, ink: str = "#e4572e") -> bytes:
    """A PNG with transparency: a disc and a bar with a hard edge."""
    image = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.ellipse((0, 0, height - 1, height - 1), ink)
    draw.rectangle((height + 4, height // 3, width - 1, 2 * height // 3), "#1b998b")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
