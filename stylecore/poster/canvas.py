"""Typeface, rectangles and contrast: what text on a poster is measured with.

The typeface is Noto Sans CJK SC Bold. Each character is placed by its advance and the kerning table
beside the font, so that text is set alike on every machine: Pillow's kerning needs libraries that
some lack. Scripts that need shaping are not in the font; text in them is refused.

Rectangles are in whole pixels. Contrast follows WCAG 2.2 (relative luminance).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

from stylecore.arrays import Doubles
from stylecore.errors import Permanent
from stylecore.imaging.photo import Pixels

FOLDER = Path(__file__).parent / "font"
FONT = FOLDER / "NotoSansCJKsc-Bold.otf"
_EM = 1000
_NOT_IN_ANY_FONT = "\uffff"
_TRY_SIZE = 24


class Unsettable(Permanent):
    """The text cannot be set; the message says which, why, and what to do."""


@lru_cache(maxsize=256)
def face(size: int) -> ImageFont.FreeTypeFont:
    """Return the typeface with an em of `size` px."""
    return ImageFont.truetype(str(FONT), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=65_536)
def advance(sign: str) -> float:
    """Return how far a character moves the pen, in ems."""
    return face(_EM).getlength(sign) / _EM


def pens(line: str, size: int) -> list[float]:
    """Return where each character starts, in px from the line's start, and where the pen ends."""
    pairs, places = _kerning(), [0.0]
    for sign, after in zip(line, (*line[1:], ""), strict=True):
        places.append(places[-1] + size * (advance(sign) + pairs.get(sign + after, 0) / _EM))
    return places


@cache
def _kerning() -> dict[str, int]:
    """Map two characters to what the first one's advance changes by, in thousandths of an em."""
    return msgspec.json.decode((FOLDER / "kerning.json").read_bytes(), type=dict[str, int])


def cleaned(text: str, what: str) -> str:
    """Return the text in Unicode's composed form, white space made single; line ends stay.

    Raises Unsettable where nothing is left, or where the typeface lacks a character.
    """
    composed = unicodedata.normalize("NFC", text)
    lines = [" ".join(_words(line)) for line in composed.splitlines()]
    left = "\n".join(line for line in lines if line)
    if not left:
        raise Unsettable(f"the {what} is empty")
    missing = sorted({sign for sign in left if sign not in " \n" and not has(sign)})
    if missing:
        named = ", ".join(f"{sign!r} (U+{ord(sign):04X})" for sign in missing[:5])
        raise Unsettable(f"the {what} has characters that the typeface lacks: {named}; leave out")
    return left


@lru_cache(maxsize=65_536)
def has(sign: str) -> bool:
    """Return whether the typeface has this character."""
    shape = face(_TRY_SIZE).getmask(sign)
    empty = face(_TRY_SIZE).getmask(_NOT_IN_ANY_FONT)
    return (shape.size, bytes(shape)) != (empty.size, bytes(empty))


def _words(line: str) -> list[str]:
    """Split at white space that may be a line's end; no-break spaces stay."""
    kept = ("\u00a0", "\u202f")
    parted = "".join(" " if sign.isspace() and sign not in kept else sign for sign in line)
    return [word for word in parted.split(" ") if word.strip()]


@dataclass(frozen=True)
class Box:
    """From (left, top) up to, without, (right, bottom)."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top

    def inset(self, by: int) -> Box:
        """Shrink by so many pixels at each side; grow where `by` is negative."""
        return Box(self.left + by, self.top + by, self.right - by, self.bottom - by)

    def contains(self, other: Box) -> bool:
        """Return whether no pixel of the other lies outside."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.right <= self.right
            and other.bottom <= self.bottom
        )

    def meets(self, other: Box) -> bool:
        """Return whether they share a pixel."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


Colour = tuple[int, int, int]
"""sRGB, 0-255."""

MINIMUM = 4.5
"""WCAG's level AA for text of any size."""
INKS: tuple[Colour, Colour] = ((255, 255, 255), (17, 17, 17))
_SHARES = np.array([0.2126, 0.7152, 0.0722])


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast, 1 (alike) to 21 (black and white)."""
    return worst_contrast(one, np.array([[other]], np.uint8))


def worst_contrast(ink: Colour, under: Pixels) -> float:
    """Return the least contrast of an ink with any of the pixels [H, W, 3] under it."""
    inked = float(_luminance(np.array(ink)))
    grounds = _luminance(np.unique(under.reshape(-1, 3), axis=0))
    lighter, darker = np.maximum(grounds, inked), np.minimum(grounds, inked)
    return float(((lighter + 0.05) / (darker + 0.05)).min())


def readable_ink(wanted: Sequence[Colour], under: Pixels) -> Colour:
    """Return the first of the wanted colours with contrast enough, else white or near-black.

    Raises Unsettable where the ground is too uneven for any.
    """
    for ink in (*wanted, *INKS, (0, 0, 0)):
        if worst_contrast(ink, under) >= MINIMUM:
            return ink
    raise Unsettable("no colour can be read everywhere on the ground under the text")


def _luminance(colours: NDArray[np.generic]) -> Doubles:
    """Return relative luminance, 0 to 1, of sRGB colours [..., 3] of 0-255."""
    coded = colours.astype(np.float64) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ _SHARES, np.float64)


def colour_of(text: str) -> Colour:
    """Parse '#rrggbb'."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
