"""The one typeface of posters, Noto Sans CJK SC Bold: what it has, how wide its signs are.

Each character is put at a place of its own, by its advance and the kerning that lies beside the
font, so that text is set alike on every machine: Pillow's kerning needs libraries that some lack.
Scripts that need shaping are not in the font; their text is refused.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from pathlib import Path

import msgspec
from PIL import ImageFont

from stylecore.errors import Permanent

FOLDER = Path(__file__).parent / "font"
FONT = FOLDER / "NotoSansCJKsc-Bold.otf"
_EM = 1000
_NOT_IN_ANY_FONT = "\uffff"
_TRY_SIZE = 24


class Unsettable(Permanent):
    """The text cannot be set; the message says which, why, and what to do."""


@lru_cache(maxsize=256)
def face(size: int) -> ImageFont.FreeTypeFont:
    """The typeface with an em of `size` px."""
    return ImageFont.truetype(str(FONT), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=65_536)
def advance(sign: str) -> float:
    """How far a character moves the pen, in ems."""
    return face(_EM).getlength(sign) / _EM


def pens(line: str, size: int) -> list[float]:
    """Where each character starts, in px from the line's start, and where the pen ends."""
    pairs, places = _kerning(), [0.0]
    for sign, after in zip(line, (*line[1:], ""), strict=True):
        places.append(places[-1] + size * (advance(sign) + pairs.get(sign + after, 0) / _EM))
    return places


@cache
def _kerning() -> dict[str, int]:
    """Two characters to what the first one's advance changes by, in thousandths of an em."""
    return msgspec.json.decode((FOLDER / "kerning.json").read_bytes(), type=dict[str, int])


def cleaned(text: str, what: str) -> str:
    """The text in Unicode's composed form, white space made single; line ends stay.

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
    """Whether the typeface has this character."""
    shape = face(_TRY_SIZE).getmask(sign)
    empty = face(_TRY_SIZE).getmask(_NOT_IN_ANY_FONT)
    return (shape.size, bytes(shape)) != (empty.size, bytes(empty))


def _words(line: str) -> list[str]:
    """Parted at white space that may be a line's end; no-break spaces stay."""
    kept = ("\u00a0", "\u202f")
    parted = "".join(" " if sign.isspace() and sign not in kept else sign for sign in line)
    return [word for word in parted.split(" ") if word.strip()]
