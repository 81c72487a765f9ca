"""What the figures of evaluation need of a picture, each part worked out once.

Cleanliness of the ground is its distance from white or the style's paper, and its evenness. They
mean something only where the photo's border is nearly white and even (`stands_on_white`), since a
coloured backdrop is part of the picture.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from PIL import Image
from scipy import ndimage

from stylecore.arrays import Bools, Floats
from stylecore.imaging.color import to_cielab
from stylecore.imaging.foreground import border_ring
from stylecore.imaging.photo import Pixels, luma_of

TEXTURE_DEVIATION = 0.2


class View:
    """A picture of [H, W, 3], 0-255."""

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels

    @cached_property
    def picture(self) -> Image.Image:
        """The same for Pillow."""
        return Image.fromarray(self.pixels)

    @cached_property
    def luma(self) -> Floats:
        """[H, W], ITU-R BT.601, 0-1."""
        return luma_of(self.pixels)

    @cached_property
    def lab(self) -> Floats:
        """[H, W, 3], CIE LAB."""
        return to_cielab(self.pixels)

    @cached_property
    def ring(self) -> Bools:
        """[H, W], the border (`border_ring`)."""
        return border_ring(self.luma.shape)

    @cached_property
    def product(self) -> Bools:
        """[H, W], where the product is."""
        return product_by_colour(self.lab, self.ring)

    @cached_property
    def grey(self) -> Image.Image:
        """The luma with mean .5 and a deviation of .2: the texture without its colours."""
        spread = max(float(self.luma.std()), 0.02)
        grey = (self.luma - self.luma.mean()) / spread * TEXTURE_DEVIATION + 0.5
        return Image.fromarray((grey.clip(0, 1) * 255).astype(np.uint8)).convert("RGB")


def product_by_colour(lab: Floats, ring: Bools) -> Bools:
    """Return where the picture differs from its ring's median colour, whatever the ground.

    Gaps up to a fifteenth of the short side are closed, for white cartons on white. The middle 60 %
    of each side stands in where the result is under 5 % or over 85 % of the picture.
    """
    distance = np.linalg.norm(lab - np.median(lab[ring], axis=0), axis=2)
    threshold = max(10.0, 2.5 * float(np.median(distance[ring])))
    height, width = ring.shape
    bridge = max(2, min(height, width) // 30)
    opened = np.pad(ndimage.binary_opening(distance > threshold, iterations=2), bridge)
    closed = ndimage.binary_fill_holes(ndimage.binary_closing(opened, iterations=bridge))
    mask = np.asarray(closed)[bridge:-bridge, bridge:-bridge]
    if 0.05 < mask.mean() < 0.85:
        return mask
    middle = np.zeros_like(ring)
    middle[height // 5 : -(height // 5), width // 5 : -(width // 5)] = True
    return middle


Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)


def drift(render: View, paper: Colour | None) -> float:
    """Mean CIE76 difference of the border ring from white or the paper, whichever is nearer."""
    return min(_from(render, colour) for colour in (WHITE, paper or WHITE))


def unevenness(render: View) -> float:
    """Standard deviation of the border ring in LAB, the root of the summed variances."""
    return float(np.sqrt(render.lab[render.ring].var(axis=0).sum()))


def _from(render: View, colour: Colour) -> float:
    asked: Pixels = np.array(colour, np.uint8)
    return float(np.linalg.norm(render.lab[render.ring] - to_cielab(asked), axis=1).mean())
