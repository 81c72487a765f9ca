"""Set text in a box: line breaking, and the largest size at which it fits.

Lines break by a part of Unicode's line breaking (UAX 14): at spaces, after hyphens within words,
and between two characters of which one is full width. No line starts with closing punctuation or
ends with an opening one (Chinese: GB/T 15834 and W3C's clreq; Japanese small kana count with it),
spaces or not. Words are never cut. Of all ways with the fewest lines the most even one is taken, as
in TeX.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import ceil, floor, inf

from PIL import ImageDraw

from stylecore.poster.canvas import Box, Colour, Unsettable, advance, face, pens

NEVER_FIRST = frozenset(
    "，。、；：？！…—～·‧•）】》〉」』〕〗｝］’”〞％‰‱℃°′″｡､,.;:?!)]}%»›"
    "ーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ々〻ヽヾゝゞ゛゜！－–‐"
)
NEVER_LAST = frozenset("（【《〈「『〔〖｛［‘“〝([{«‹¥￥$＄€£￡₩#＃№@¿¡")
_STRAIGHT = frozenset("\"'")
"""May open or close: not separated from either neighbour."""
_HYPHENS = frozenset("-‐–/")
CLAUSE_ENDS = frozenset("，。；：？！,.;:?!、—")
LINE_COST, CLAUSE_BONUS = 100.0, 0.06
"""In squares of a line's empty share: one line more outweighs all; a clause's end, a little."""


def pieces(text: str) -> list[str]:
    """Split a line's text into pieces that are never parted; a leading space belongs to a piece."""
    found = [text[:1]] if text else []
    for place in range(1, len(text)):
        if _may_part(text, place):
            found.append(text[place])
        else:
            found[-1] += text[place]
    return found


def broken(text: str, size: int, width: int) -> list[str] | None:
    """Return the text in lines of at most `width` px at that size; None where a piece is wider.

    Its own line ends are kept.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        found = _even(pieces(paragraph), size, width)
        if found is None:
            return None
        lines += found
    return lines


def _may_part(text: str, place: int) -> bool:
    """Return whether a line may end before the character at `place`, or with it, a space."""
    before, after = text[place - 1], text[place]
    if before == " ":
        return False
    if after == " ":
        after = text[place + 1 : place + 2]
        return before not in NEVER_LAST and after not in NEVER_FIRST
    if before in NEVER_LAST or after in NEVER_FIRST or {before, after} & _STRAIGHT:
        return False
    if before in _HYPHENS:
        return after.isalpha() and text[place - 2 : place - 1].isalpha()
    return _is_wide(before) or _is_wide(after)


def _is_wide(sign: str) -> bool:
    return unicodedata.east_asian_width(sign) in "WF"


def _even(parts: Sequence[str], size: int, width: int) -> list[str] | None:
    """Break by dynamic programming over the last break: least cost of the first n pieces."""
    widths = [pens(part, size)[-1] for part in parts]
    space = size * advance(" ")
    costs, starts = [0.0] + [inf] * len(parts), [0] * (len(parts) + 1)
    for end in range(1, len(parts) + 1):
        length = 0.0
        for start in range(end - 1, -1, -1):
            length += widths[start]
            used = length - (space if parts[start].startswith(" ") else 0)
            if used > width:
                break
            ends_clause = end < len(parts) and parts[end - 1][-1] in CLAUSE_ENDS
            bonus = CLAUSE_BONUS if ends_clause else 0.0
            cost = costs[start] + LINE_COST + (1 - used / width) ** 2 - bonus
            if cost < costs[end]:
                costs[end], starts[end] = cost, start
    if costs[-1] == inf:
        return None
    lines, end = [], len(parts)
    while end:
        lines.append("".join(parts[starts[end] : end]).strip(" "))
        end = starts[end]
    return lines[::-1]


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
        """Return where the ink lies when its upper left corner is put there."""
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
    """Return the box of a line's ink, a pixel more at each side: a pen may be between pixels."""
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
    """Set the text at the largest of `sizes` (least, most) whose lines fit width x height px.

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
