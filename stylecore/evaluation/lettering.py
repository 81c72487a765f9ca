"""Legibility at full size: packshots with characters at known places, read by templates.

typeset_pictures draws codes in capitals and figures in several sizes, dark on light and light on
dark, on a carton and on cloth, each product on white ground. read_share names each character by the
template of the same type that correlates best with its place, because no text recognizer is at hand
that may be shipped. A person may still read a missed character from its word; the reader knows no
other type.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stylecore.arrays import Doubles, Floats
from stylecore.imaging.photo import Pixels, luma_of

SIDE = 1024

SIZES = (20, 28, 40, 72)
"""Font sizes in px at a side of 1,024; capitals are about .7 of it high."""

ALPHABET = "ABCDEFGHJKLMNPRSTUVWXYZ23456789"
"""Without I, O, Q, 0 and 1, which shops leave out of codes because they are confused."""

MOST_IN_A_LINE = 18

BOX = (152, 132, 872, 892)
"""left, top, right, bottom of the product."""

DARK, LIGHT = (34, 38, 52), (238, 232, 218)


@dataclass(frozen=True)
class Glyph:
    """A character, its font size and the corner of its box, in px."""

    character: str
    size: int
    left: int
    top: int


@dataclass(frozen=True)
class Typeset:
    """A picture [1024, 1024, 3] and its characters."""

    name: str
    pixels: Pixels
    glyphs: tuple[Glyph, ...]


def typeset_pictures(seed: int = 1) -> list[Typeset]:
    """Draw carton and cloth, each dark on light and light on dark; deterministic."""
    random = np.random.default_rng(seed)
    kinds = [(ground, dark) for ground in ("carton", "cloth") for dark in (True, False)]
    return [_typeset(ground, dark, random) for ground, dark in kinds]


def _typeset(ground: str, dark_ink: bool, random: np.random.Generator) -> Typeset:
    ink, surface = (DARK, LIGHT) if dark_ink else (LIGHT, DARK)
    pixels = np.full((SIDE, SIDE, 3), 255, np.uint8)
    left, top, right, bottom = BOX
    weave = _weave(bottom - top, right - left, random) if ground == "cloth" else 0.0
    pixels[top:bottom, left:right] = (np.array(surface) + weave).clip(0, 255)
    picture = Image.fromarray(pixels)
    glyphs = _laid_out(random)
    draw = ImageDraw.Draw(picture)
    for glyph in glyphs:
        _draw_centred(draw, glyph, ink)
    name = f"{'dark' if dark_ink else 'light'} ink on {ground}"
    return Typeset(name, np.asarray(picture), glyphs)


def _weave(height: int, width: int, random: np.random.Generator) -> Doubles:
    """Draw woven threads of 6 px and folds, [height, width, 1]."""
    y, x = np.mgrid[:height, :width]
    threads = np.sin(2 * np.pi * x / 6) * np.sin(2 * np.pi * y / 6)
    folds = np.sin(x / 90 + np.sin(y / 130)) * np.cos(y / 170)
    return np.asarray(8 * threads + 10 * folds + random.normal(0, 3, (height, width)))[..., None]


def _laid_out(random: np.random.Generator) -> tuple[Glyph, ...]:
    """Lay out two lines of every size, largest first, each as wide as the product allows."""
    glyphs, top = [], BOX[1] + 40
    for size in reversed(SIZES):
        count = min(MOST_IN_A_LINE, (BOX[2] - BOX[0] - 60) // size)
        for _ in range(2):
            for place in range(count):
                character = ALPHABET[int(random.integers(len(ALPHABET)))]
                glyphs.append(Glyph(character, size, BOX[0] + 30 + place * size, top))
            top += round(1.5 * size)
    return tuple(glyphs)


def _draw_centred(draw: ImageDraw.ImageDraw, glyph: Glyph, ink: int | tuple[int, ...]) -> None:
    width, height = glyph_cell(glyph)
    centre = (glyph.left + width / 2, glyph.top + height / 2)
    font = ImageFont.load_default(glyph.size)
    draw.text(centre, glyph.character, ink, font, anchor="mm")


def glyph_cell(glyph: Glyph) -> tuple[int, int]:
    """Return width and height of the box of a size's characters, in px."""
    return glyph.size, round(1.1 * glyph.size)


def drawn_glyph(character: str, size: int) -> Floats:
    """Draw a character alone in its box, [height, width], 1 ink, 0 ground."""
    picture = Image.new("L", glyph_cell(Glyph(character, size, 0, 0)), 0)
    _draw_centred(ImageDraw.Draw(picture), Glyph(character, size, 0, 0), 255)
    return np.asarray(picture, np.float32) / np.float32(255)


REACH = 3
"""Pixels by which a render may have moved a character."""


def read_share(typeset: Typeset, render: Pixels) -> float:
    """Return the share of characters that are read correctly in a render of the typeset's size."""
    luma = luma_of(render)
    return float(np.mean([_read(glyph, luma) == glyph.character for glyph in typeset.glyphs]))


def _read(glyph: Glyph, luma: Floats) -> str:
    """Find the character whose template has the largest absolute correlation within REACH."""
    templates = _templates(glyph.size)
    width, height = glyph_cell(glyph)
    around = luma[
        glyph.top - REACH : glyph.top + height + REACH,
        glyph.left - REACH : glyph.left + width + REACH,
    ]
    windows = np.lib.stride_tricks.sliding_window_view(around, (height, width))
    patches = windows.reshape(-1, height * width)
    patches = patches - patches.mean(axis=1, keepdims=True)
    norms = np.maximum(np.linalg.norm(patches, axis=1, keepdims=True), 1e-6)
    likeness = np.abs(patches / norms @ templates.T).max(axis=0)
    return ALPHABET[int(likeness.argmax())]


@cache
def _templates(size: int) -> Floats:
    """Draw templates [characters, pixels], each with mean 0 and length 1."""
    drawn = np.stack([drawn_glyph(character, size).ravel() for character in ALPHABET])
    drawn -= drawn.mean(axis=1, keepdims=True)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))
