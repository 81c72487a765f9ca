"""Renders broken on purpose, each in a way that the gate should see; and which figure should.

Every breakage is made from good renders and depends on the photo's place alone, so that a picture
can be made again for a sheet without being kept. They stand for what goes wrong: pictures mixed up,
a network that says nothing, a network gone wild, ground that is not kept clean, a pale product that
is drawn as paper.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy import ndimage

from stylecore.arrays import Floats
from stylecore.calibration.drawn import Drawn
from stylecore.drawing import meant_ground
from stylecore.imaging.photo import Pixels, to_floats, to_pixels

GOOD = "good"
BLUR_SHARE, NOISE, TILES = 1 / 40, 0.3, 8
"""Sigma of the blur by the short side; deviation of the noise; tiles a side that are shuffled."""
DIRT, FADED, VANISHED = 0.12, 0.5, 0.95
"""How much darker the dirt is at most; the share of white in a faded render, of ground in one whose
product has vanished."""


def other_product(drawn: Drawn, stem: str, style: str) -> Pixels:
    """The next photo's render in the same style."""
    place = drawn.stems.index(stem)
    picture = drawn.pictures[drawn.stems[(place + 1) % len(drawn.stems)], style]
    height, width = drawn.pictures[stem, style].shape[:2]
    return np.asarray(Image.fromarray(picture).resize((width, height)))


def other_style(drawn: Drawn, stem: str, style: str) -> Pixels:
    """The same photo in another style, each photo in another one in turn."""
    steps = 1 + drawn.stems.index(stem) % (len(drawn.styles) - 1)
    place = (drawn.styles.index(style) + steps) % len(drawn.styles)
    return drawn.pictures[stem, drawn.styles[place]]


def copy(drawn: Drawn, stem: str, style: str) -> Pixels:  # noqa: ARG001 (as the others)
    """The photo as it is."""
    return to_pixels(drawn.source(stem).pixels)


def blurred(drawn: Drawn, stem: str, style: str) -> Pixels:
    """Mush."""
    picture = to_floats(drawn.pictures[stem, style])
    sigma = BLUR_SHARE * min(picture.shape[:2])
    return to_pixels(ndimage.gaussian_filter(picture, (sigma, sigma, 0)))


def noisy(drawn: Drawn, stem: str, style: str) -> Pixels:
    """Heavy noise on every pixel."""
    picture = to_floats(drawn.pictures[stem, style])
    noise = _random(drawn, stem).normal(0, NOISE, picture.shape).astype(np.float32)
    return to_pixels(picture + noise)


def shuffled(drawn: Drawn, stem: str, style: str) -> Pixels:
    """The render's tiles in another order."""
    picture = drawn.pictures[stem, style].copy()
    height, width = (side // TILES for side in picture.shape[:2])
    places = [(row * height, column * width) for row in range(TILES) for column in range(TILES)]
    tiles = [picture[top : top + height, left : left + width].copy() for top, left in places]
    for place, (top, left) in zip(
        _random(drawn, stem).permutation(len(tiles)), places, strict=True
    ):
        picture[top : top + height, left : left + width] = tiles[place]
    return picture


def dirty(drawn: Drawn, stem: str, style: str) -> Pixels:
    """Grey clouds over picture and ground."""
    picture = to_floats(drawn.pictures[stem, style])
    return to_pixels(picture * (1 - DIRT * _clouds(picture, drawn, stem)))


def faded(drawn: Drawn, stem: str, style: str) -> Pixels:
    """Half of it gone to white."""
    return to_pixels(1 + (1 - FADED) * (to_floats(drawn.pictures[stem, style]) - 1))


def vanished(drawn: Drawn, stem: str, style: str) -> Pixels:
    """The product hardly differs from its ground."""
    ground = meant_ground(drawn.tasks[stem, style], drawn.manifest)
    return to_pixels(ground + (1 - VANISHED) * (to_floats(drawn.pictures[stem, style]) - ground))


BREAKAGES: dict[str, Callable[[Drawn, str, str], Pixels]] = {
    "other product": other_product,
    "other style": other_style,
    "copy": copy,
    "blurred": blurred,
    "noisy": noisy,
    "shuffled": shuffled,
    "dirty": dirty,
    "faded": faded,
    "vanished": vanished,
}
ANSWERABLE = {
    "identity": ("other product", "shuffled"),
    "structure": ("blurred", "noisy", "shuffled"),
    "style": ("other style", "copy", "faded"),
    "background": ("dirty",),
    "visibility": ("vanished",),
}
"""The breakages that each figure has to see; what it sees beside is welcome."""


def picture_of(kind: str, drawn: Drawn, stem: str, style: str) -> Pixels:
    """The good render of a photo in a style, or a broken one."""
    return drawn.pictures[stem, style] if kind == GOOD else BREAKAGES[kind](drawn, stem, style)


def _random(drawn: Drawn, stem: str) -> np.random.Generator:
    return np.random.default_rng(drawn.stems.index(stem))


def _clouds(picture: Floats, drawn: Drawn, stem: str) -> Floats:
    """[H, W, 1] of 0-1, about a dozen soft spots."""
    coarse = _random(drawn, stem).random((5, 5), np.float32)
    height, width = picture.shape[:2]
    wide = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(wide, np.float32).clip(0, 1)[..., None]
