"""Is lettering still readable at full size: characters at known places, read by templates.

No text recogniser is at hand that we may ship, so the reader is the simplest one: of all characters
of the alphabet, set in the same type, the one that correlates best with the place. A character
that it misses may still be read by a person from the word around it, and one that it reads may be
ugly; what it cannot know is any type but its own.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from stylecore.arrays import Floats
from stylecore.evaluation.structure import correlation, fine_band
from stylecore.evaluation.typeset import ALPHABET, Glyph, Typeset, drawn_glyph, glyph_cell
from stylecore.imaging.photo import Pixels, luma_of

REACH = 3
"""px by which a render may have moved a character."""


def read_share(typeset: Typeset, render: Pixels) -> float:
    """Share of the characters that the reader names rightly in a render of the typeset's size."""
    luma = luma_of(render)
    return float(np.mean([_read(glyph, luma) == glyph.character for glyph in typeset.glyphs]))


def lettering_correlation(typeset: Typeset, photo: Pixels, render: Pixels) -> float:
    """Correlation of the fine luminance where the characters stand, ink reversed or not, 0..1."""
    bands = [fine_band(luma_of(pixels)) for pixels in (photo, render)]
    places = [np.concatenate([_box(g, band).ravel() for g in typeset.glyphs]) for band in bands]
    return abs(correlation(*places))


def _read(glyph: Glyph, luma: Floats) -> str:
    """The character whose template has the largest absolute correlation within REACH."""
    templates = _templates(glyph.size)
    height, width = _box(glyph, luma).shape
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
    """[characters, pixels], each with mean 0 and length 1."""
    drawn = np.stack([drawn_glyph(character, size).ravel() for character in ALPHABET])
    drawn -= drawn.mean(axis=1, keepdims=True)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


def _box(glyph: Glyph, plane: Floats) -> Floats:
    width, height = glyph_cell(glyph)
    return plane[glyph.top : glyph.top + height, glyph.left : glyph.left + width]
