"""Text set in a box: the largest size at which it fits, with its lines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import ceil, floor

from PIL import ImageDraw

from stylecore.poster.boxes import Box
from stylecore.poster.contrast import Colour
from stylecore.poster.line_breaking import broken
from stylecore.poster.typeface import Unsettable, face, pens

LEADING = 1.22
"""From one baseline to the next, in ems: display type is set tight, but accents must not touch."""


@dataclass(frozen=True)
class Setting:
    """Lines at a size. Their ink, not their advances, is what fits and what is aligned."""

    size: int
    lines: tuple[str, ...]

    @cached_property
    def inks(self) -> list[tuple[int, int, int, int]]:
        """Left, top, right, bottom of each line's ink, from the first baseline's start."""
        return [_ink(line, self.size, self._down(n)) for n, line in enumerate(self.lines)]

    @property
    def width(self) -> int:
        """Of the widest line's ink, in px."""
        return max(right - left for left, _, right, _ in self.inks)

    @property
    def height(self) -> int:
        """From the highest ink to the lowest, in px."""
        return max(box[3] for box in self.inks) - self._top

    def box_at(self, left: int, top: int) -> Box:
        """Where the ink lies when its upper left corner is put there."""
        return Box(left, top, left + self.width, top + self.height)

    def draw(self, canvas: ImageDraw.ImageDraw, left: int, top: int, ink: Colour) -> None:
        """Draw every line, its ink flush with `left`."""
        for number, (line, box) in enumerate(zip(self.lines, self.inks, strict=True)):
            baseline = top - self._top + self._down(number)
            for sign, pen in zip(line, pens(line, self.size), strict=False):
                place = (left - box[0] + pen, baseline)
                canvas.text(place, sign, ink, face(self.size), anchor="ls")

    def _down(self, number: int) -> int:
        return round(number * LEADING * self.size)

    @property
    def _top(self) -> int:
        return min(box[1] for box in self.inks)


def _ink(line: str, size: int, down: int) -> tuple[int, int, int, int]:
    """The box of a line's ink; a pixel more at each side, for a pen may stand between pixels."""
    signs = [
        (pen, _ink_of(sign, size))
        for sign, pen in zip(line, pens(line, size), strict=False)
        if sign.strip()
    ]
    return (
        min(floor(pen + box[0]) for pen, box in signs),
        min(box[1] for _, box in signs) + down,
        max(ceil(pen + box[2]) for pen, box in signs) + 1,
        max(box[3] for _, box in signs) + down,
    )


@lru_cache(maxsize=65_536)
def _ink_of(sign: str, size: int) -> tuple[int, int, int, int]:
    left, top, right, bottom = face(size).getbbox(sign, anchor="ls")
    return floor(left), floor(top), ceil(right), ceil(bottom)


def largest_setting(
    text: str, width: int, height: int, sizes: tuple[int, int], what: str, most_lines: int = 99
) -> Setting:
    """The text at the largest size of `sizes` (least, most) whose lines fit into width x height px.

    Raises Unsettable where it does not even fit at the least.
    """
    least, most = sizes
    best = _fitting(text, width, height, least, most_lines)
    if best is None:
        raise Unsettable(
            f"the {what} of {len(text)} characters does not fit into {width} x {height} px at the "
            f"least legible size, {least} px: shorten it"
        )
    while least < most:
        middle = (least + most + 1) // 2
        found = _fitting(text, width, height, middle, most_lines)
        if found is None:
            most = middle - 1
        else:
            best, least = found, middle
    return best


def _fitting(text: str, width: int, height: int, size: int, most_lines: int) -> Setting | None:
    lines = broken(text, size, width)
    if lines is None or len(lines) > most_lines:
        return None
    setting = Setting(size, tuple(lines))
    return setting if setting.width <= width and setting.height <= height else None
