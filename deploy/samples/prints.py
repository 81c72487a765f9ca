"""Lettering, labels, emblems, dials and seams that are drawn over a pattern.

Pictures are uint8 [H, W, 3] in sRGB; places are shares of the picture's sides. Lettering is in
the font that Pillow carries, so that every machine draws the same. What this module does not
know: the shape that a picture will be wrapped around.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from canvas import dot, doubled, reduced
from materials import Picture
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont


def lettered(
    base: Picture,
    text: str,
    colour: str,
    height: float,
    at: tuple[float, float] = (0.5, 0.5),
    weight: int = 3,
) -> Picture:
    """Centred lettering; height is the type size as a share of the picture's height."""
    canvas = doubled(base)
    font = ImageFont.load_default(height * canvas.height)
    ImageDraw.Draw(canvas).multiline_text(
        (at[0] * canvas.width, at[1] * canvas.height),
        text,
        colour,
        font,
        "mm",
        align="center",
        stroke_width=weight,
        stroke_fill=colour,
        spacing=0.1 * height * canvas.height,
    )
    return reduced(canvas)


def label(
    base: Picture, area: tuple[float, float, float, float], paper: str, frame: str
) -> Picture:
    """A paper label with a thin frame; area is left, top, right, bottom in shares."""
    canvas = doubled(base)
    w, h = canvas.size
    left, top, right, bottom = area[0] * w, area[1] * h, area[2] * w, area[3] * h
    draw = ImageDraw.Draw(canvas)
    draw.rounded_rectangle((left, top, right, bottom), 14, fill=paper)
    inset = 14
    draw.rounded_rectangle(
        (left + inset, top + inset, right - inset, bottom - inset), 8, outline=frame, width=5
    )
    return reduced(canvas)


def round_badge(
    base: Picture, centre: tuple[float, float], radius: float, colours: Sequence[str]
) -> Picture:
    """Rings of colour from the outside in; radius as a share of the picture's height."""
    canvas = doubled(base)
    draw = ImageDraw.Draw(canvas)
    for i, colour in enumerate(colours):
        reach = radius * canvas.height * (1 - i / len(colours))
        dot(draw, centre[0] * canvas.width, centre[1] * canvas.height, reach, colour)
    return reduced(canvas)


def sunrise(
    base: Picture, centre: tuple[float, float], radius: float, sun: str, sea: str
) -> Picture:
    """Half a sun with rays over three waves; radius as a share of the picture's height."""
    canvas = doubled(base)
    draw, reach = ImageDraw.Draw(canvas), radius * canvas.height
    x, y = centre[0] * canvas.width, centre[1] * canvas.height
    draw.pieslice(
        (x - 0.55 * reach, y - 0.55 * reach, x + 0.55 * reach, y + 0.55 * reach), 180, 360, fill=sun
    )
    for turn in np.radians(np.arange(180, 361, 22.5)):
        along = np.array([np.cos(turn), np.sin(turn)])
        draw.line(
            [
                tuple(np.array([x, y]) + along * reach * 0.68),
                tuple(np.array([x, y]) + along * reach),
            ],
            fill=sun,
            width=int(reach * 0.08),
        )
    across = np.linspace(-1, 1, 81)
    for row in range(3):
        wave = y + reach * (0.16 + 0.2 * row + 0.05 * np.sin(across * 3.5 * np.pi + row))
        points = [(float(x + reach * a), float(b)) for a, b in zip(across, wave, strict=True)]
        draw.line(points, fill=sea, width=int(reach * 0.08), joint="curve")
    return reduced(canvas)


def clock_face(size: int, paper: str, ink: str, second: str) -> Picture:
    """Dial with numerals, the hands at ten past ten."""
    canvas = Image.new("RGB", (2 * size, 2 * size), paper)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(0.21 * size)
    for minute in range(60):
        out = 0.95 if minute % 5 else 0.9
        _hand(draw, size, minute * 6, out, 0.97, ink, 4 if minute % 5 else 12)
    for hour in range(1, 13):
        turn = np.radians(hour * 30)
        place = (size * (1 + 0.74 * np.sin(turn)), size * (1 - 0.74 * np.cos(turn)))
        draw.text(place, str(hour), ink, font, "mm", stroke_width=3, stroke_fill=ink)
    _hand(draw, size, 305, -0.1, 0.42, ink, 34)
    _hand(draw, size, 60, -0.1, 0.62, ink, 24)
    _hand(draw, size, 210, -0.15, 0.66, second, 10)
    dot(draw, size, size, 0.055 * size, second)
    return np.array(canvas.resize((size, size), Image.Resampling.LANCZOS))


def _hand(
    draw: ImageDraw.ImageDraw,
    size: int,
    degrees: float,
    start: float,
    end: float,
    colour: str,
    thick: int,
) -> None:
    along = np.array([np.sin(np.radians(degrees)), -np.cos(np.radians(degrees))]) * size
    draw.line([tuple(size + along * start), tuple(size + along * end)], fill=colour, width=thick)


def outline(points: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The filled polygon [N, 2] (x right, y up, both 0..1) as a picture [size, size] of 0..1."""
    canvas = Image.new("L", (2 * size, 2 * size), 0)
    corners = [(float(x * 2 * size), float((1 - y) * 2 * size)) for x, y in points]
    ImageDraw.Draw(canvas).polygon(corners, fill=255)
    return np.array(canvas.resize((size, size), Image.Resampling.BOX), np.float64) / 255


def stitched(
    base: Picture, lines: Sequence[Sequence[tuple[float, float]]], colour: str, thick: int = 3
) -> Picture:
    """Seams and trims: lines through points (x right, y up, both 0..1)."""
    canvas = doubled(base)
    draw, (width, height) = ImageDraw.Draw(canvas), canvas.size
    for line in lines:
        draw.line(
            [(x * width, (1 - y) * height) for x, y in line],
            fill=colour,
            width=2 * thick,
            joint="curve",
        )
    return reduced(canvas)


def filled(base: Picture, points: Sequence[tuple[float, float]], colour: str) -> Picture:
    """A patch through the points (x right, y up, both 0..1)."""
    canvas = doubled(base)
    width, height = canvas.size
    ImageDraw.Draw(canvas).polygon([(x * width, (1 - y) * height) for x, y in points], fill=colour)
    return reduced(canvas)
