"""Pictures that the demo draws itself, so that it needs none of anybody's."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

SIDE = 512
LINE = 14
PAPER, INK = "#f2efe6", "#1a1a1a"
FIELDS = (
    ((0, 0, 180, 300), "#c8102e"),
    ((330, 0, 512, 120), "#f6c700"),
    ((330, 380, 512, 512), "#1d4e9e"),
    ((0, 430, 90, 512), "#f6c700"),
)
"""Of a composition after the manner of De Stijl."""
LINES = (
    (180, 0, 180, 512),
    (330, 0, 330, 512),
    (0, 300, 512, 300),
    (330, 120, 512, 120),
    (330, 380, 512, 380),
    (0, 430, 180, 430),
    (90, 430, 90, 512),
)


def classic_work() -> bytes:
    """A composition of lines and fields in primary colours, PNG."""
    picture = Image.new("RGB", (SIDE, SIDE), PAPER)
    canvas = ImageDraw.Draw(picture)
    for box, colour in FIELDS:
        canvas.rectangle(box, colour)
    for line in LINES:
        canvas.line(line, INK, LINE)
    return _png(picture)


def logo(colours: Sequence[str]) -> bytes:
    """A disc and two bars in the first colours, on nothing, PNG."""
    picture = Image.new("RGBA", (240, 80), (0, 0, 0, 0))
    canvas = ImageDraw.Draw(picture)
    canvas.ellipse((0, 0, 79, 79), colours[-1])
    canvas.rectangle((96, 12, 239, 35), colours[1 % len(colours)])
    canvas.rectangle((96, 46, 190, 69), colours[1 % len(colours)])
    return _png(picture)


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
