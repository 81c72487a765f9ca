"""Where lines may end, and the breaks that make them even.

A part of Unicode's line breaking (UAX 14): at spaces, after hyphens within words, and between two
signs of which one is full width. No line starts with closing punctuation or ends with an opening
one (Chinese: GB/T 15834 and W3C's clreq; Japanese small kana count with it), spaces or not. Words
are never cut. Of all ways with the fewest lines the most even one is taken, as TeX would.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from math import inf

from stylecore.poster.typeface import advance, pens

NEVER_FIRST = frozenset(
    "，。、；：？！…—～·‧•）】》〉」』〕〗｝］’”〞％‰‱℃°′″｡､,.;:?!)]}%»›"
    "ーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ々〻ヽヾゝゞ゛゜！－–‐"
)
NEVER_LAST = frozenset("（【《〈「『〔〖｛［‘“〝([{«‹¥￥$＄€£￡₩#＃№@¿¡")
_STRAIGHT = frozenset("\"'")
"""Open or close, who knows: they stay with both neighbours."""
_HYPHENS = frozenset("-‐–/")
CLAUSE_ENDS = frozenset("，。；：？！,.;:?!、—")
LINE_COST, CLAUSE_BONUS = 100.0, 0.06
"""In squares of a line's empty share: one line more outweighs all; a clause's end, a little."""


def pieces(text: str) -> list[str]:
    """A single line's text in pieces that are never parted; a leading space belongs to a piece."""
    found = [text[:1]] if text else []
    for place in range(1, len(text)):
        if _may_part(text, place):
            found.append(text[place])
        else:
            found[-1] += text[place]
    return found


def broken(text: str, size: int, width: int) -> list[str] | None:
    """The text in lines of at most `width` px at that size; None where a piece is wider.

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
    """Whether a line may end before the character at `place`, or, there being a space, with it."""
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
    """Dynamic programming over the last break: least cost of the first n pieces."""
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
            cost = costs[start] + _cost(parts[end - 1], 1 - used / width, end == len(parts))
            if cost < costs[end]:
                costs[end], starts[end] = cost, start
    if costs[-1] == inf:
        return None
    lines, end = [], len(parts)
    while end:
        lines.append("".join(parts[starts[end] : end]).strip(" "))
        end = starts[end]
    return lines[::-1]


def _cost(last: str, empty: float, is_last_line: bool) -> float:
    bonus = 0.0 if is_last_line or last[-1] not in CLAUSE_ENDS else CLAUSE_BONUS
    return LINE_COST + empty**2 - bonus
