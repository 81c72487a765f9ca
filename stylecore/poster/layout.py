"""Lay out a poster: the places of the picture, the headline and the row of price and logo.

Three shapes: side by side on a wide canvas, the picture on top on a square one, and the picture
below the headline on a tall one. On a tall canvas the uppermost 14 % and the lowest 20 % hold no
text and no logo: phones overlay their controls there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stylecore.poster.canvas import Box, Unsettable

SIDES = (200, 4096)
"""Least and most of a canvas's side, px."""
WIDE, TALL = 1.3, 1.45
"""Ratios of the sides from which on a canvas counts as wide, or as tall."""
MARGIN = 0.06
"""Of the shorter side."""
MOST_STRETCHED = 4.0
"""Ratio of the sides beyond which there is no room for text beside a picture."""
_SAFE_TOP = 0.14
_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")


@dataclass(frozen=True)
class Layout:
    """The places of a canvas."""

    width: int
    height: int
    margin: int
    picture: Box
    """What the picture and its ground may fill."""
    focus: Box
    """Within that, where the product goes."""
    headline: Box
    row: Box
    """Price at its left, logo at its right."""

    @property
    def safe(self) -> Box:
        """The canvas without its margins."""
        return Box(0, 0, self.width, self.height).inset(self.margin)


def parse_size(text: str) -> tuple[int, int]:
    """Parse '1080x1920' as (width, height). Raises Unsettable where nothing fits on it."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise Unsettable(f"size {text!r}: write WIDTHxHEIGHT in pixels, such as 1080x1080")
    width, height = int(found[1]), int(found[2])
    least, most = SIDES
    if not least <= min(width, height) <= max(width, height) <= most:
        raise Unsettable(f"size {text}: each side must have {least} to {most} pixels")
    if max(width, height) > MOST_STRETCHED * min(width, height):
        raise Unsettable(f"size {text}: at most {MOST_STRETCHED:g} times as long as wide")
    return width, height


def layout_of(width: int, height: int, has_row: bool) -> Layout:
    """Return the places of a canvas; without a row the headline takes its room."""
    margin = round(MARGIN * min(width, height))
    if width >= WIDE * height:
        return _wide(width, height, margin, has_row)
    if height >= TALL * width:
        return _tall(width, height, margin, has_row)
    return _square(width, height, margin, has_row)


def _wide(width: int, height: int, margin: int, has_row: bool) -> Layout:
    middle = min(round(0.52 * width), height)
    left, right, bottom = middle + margin, width - margin, height - margin
    top_of_row = bottom - round(0.145 * height)
    picture = Box(0, 0, middle, height)
    return Layout(
        width,
        height,
        margin,
        picture=picture,
        focus=picture.inset(margin),
        headline=Box(left, margin, right, top_of_row - margin if has_row else bottom),
        row=Box(left, top_of_row, right, bottom),
    )


def _square(width: int, height: int, margin: int, has_row: bool) -> Layout:
    gap = margin // 2
    middle, bottom = round(0.61 * height), height - margin
    top_of_row = bottom - round(0.095 * height)
    picture = Box(0, 0, width, middle)
    return Layout(
        width,
        height,
        margin,
        picture=picture,
        focus=Box(margin, gap, width - margin, middle - gap),
        headline=Box(margin, middle + gap, width - margin, top_of_row - gap if has_row else bottom),
        row=Box(margin, top_of_row, width - margin, bottom),
    )


def _tall(width: int, height: int, margin: int, has_row: bool) -> Layout:
    top, middle = round(_SAFE_TOP * height), round(0.42 * height)
    top_of_row = middle - margin - round(0.058 * height)
    picture = Box(0, middle, width, height)
    return Layout(
        width,
        height,
        margin,
        picture=picture,
        focus=Box(margin, middle + margin, width - margin, round(0.88 * height)),
        headline=Box(
            margin, top, width - margin, top_of_row - margin if has_row else middle - margin
        ),
        row=Box(margin, top_of_row, width - margin, middle - margin),
    )
