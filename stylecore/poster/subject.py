"""What a poster shows: the render, where its product is, and on what ground it stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from stylecore.arrays import Bools, Floats
from stylecore.imaging.foreground import has_plain_ground, product_mask
from stylecore.imaging.photo import Pixels, to_floats
from stylecore.poster.accent import accent_of
from stylecore.poster.boxes import Box
from stylecore.poster.contrast import Colour

MASK_SIDE = 384
"""Longest side at which the product is looked for, px."""
GROUND_SHARE, BORDER_SHARE = 0.7, 0.9
"""Ground, or a picture's border, is even where such a share is within _CALM levels of its median:
shadows lie on grounds, and a border goes on over the canvas."""
_CALM = 14
_BORDER = 0.03
"""Width of a picture's border, of its shorter side."""
_ON_EDGE = 0.012
"""Of a side: a product so near to the frame is taken to be cut by it."""


@dataclass(frozen=True)
class Subject:
    """A picture [H, W, 3] and what is known of it."""

    pixels: Pixels
    product: Box
    """In the picture; all of it where the product does not stand free on even ground."""
    ground: Colour | None
    """The even colour around the product, None where there is none."""
    accent: Colour
    """A strong colour of the product's own hue, on which white or near-black text can be read."""


def subject_of(picture: Pixels, photo: Pixels) -> Subject:
    """The subject in a render, found by the photo that it was drawn from; any two sizes."""
    height, width = picture.shape[:2]
    whole = Box(0, 0, width, height)
    mask = product_mask(to_floats(_small(photo)))
    size = (mask.shape[1], mask.shape[0])
    small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))
    accent = accent_of(small[mask > 0.9] if (mask > 0.9).any() else small.reshape(-1, 3))
    box = _box_of(mask, width, height)
    if has_plain_ground(mask) and not _is_cut(box, whole):
        ground = _even_ground(small[mask == 0], GROUND_SHARE)
        return Subject(picture, whole if ground is None else box, ground, accent)
    return Subject(picture, whole, _even_ground(small[_border(mask.shape)], BORDER_SHARE), accent)


def _small(photo: Pixels) -> Pixels:
    small = Image.fromarray(photo)
    small.thumbnail((MASK_SIDE, MASK_SIDE), Image.Resampling.BOX)
    return np.asarray(small)


def _box_of(mask: Floats, width: int, height: int) -> Box:
    """The product's box in a picture of that size, a pixel of the mask wider at each side."""
    rows, columns = np.nonzero((mask > 0).any(axis=1))[0], np.nonzero((mask > 0).any(axis=0))[0]
    across, down = width / mask.shape[1], height / mask.shape[0]
    return Box(
        max(0, int((columns[0] - 1) * across)),
        max(0, int((rows[0] - 1) * down)),
        min(width, int(np.ceil((columns[-1] + 2) * across))),
        min(height, int(np.ceil((rows[-1] + 2) * down))),
    )


def _is_cut(box: Box, whole: Box) -> bool:
    near = round(_ON_EDGE * min(whole.width, whole.height))
    return not whole.inset(near).contains(box)


def _border(shape: tuple[int, ...]) -> Bools:
    width = max(1, round(_BORDER * min(shape)))
    border = np.ones(shape, bool)
    border[width:-width, width:-width] = False
    return border


def _even_ground(pixels: Pixels, share: float) -> Colour | None:
    median = np.median(pixels, axis=0)
    apart = np.abs(pixels - median).max(axis=1)
    if (apart <= _CALM).mean() < share:
        return None
    red, green, blue = (int(value + 0.5) for value in median)
    return red, green, blue
