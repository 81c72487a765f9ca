"""One picture with what the figures need of it, each computed once."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from stylecore.evaluation.colour import Lab, to_lab
from stylecore.images import Pixels, luma_of

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

RING_SHARE, THINNEST_RING = 0.04, 4
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
    def luma(self) -> Plane:
        """[H, W], ITU-R BT.601, 0-1."""
        return luma_of(self.pixels)

    @cached_property
    def lab(self) -> Lab:
        """[H, W, 3], CIE LAB."""
        return to_lab(self.pixels)

    @cached_property
    def ring(self) -> Mask:
        """[H, W], the border: the outer 4 % of the short side, at least 4 px."""
        thickness = max(THINNEST_RING, round(RING_SHARE * min(self.luma.shape)))
        ring = np.ones(self.luma.shape, bool)
        ring[thickness:-thickness, thickness:-thickness] = False
        return ring

    @cached_property
    def product(self) -> Mask:
        """[H, W], where the product is."""
        return product_by_colour(self.lab, self.ring)

    @cached_property
    def grey(self) -> Image.Image:
        """The luma with mean .5 and a deviation of .2: the texture without its colours."""
        spread = max(float(self.luma.std()), 0.02)
        grey = (self.luma - self.luma.mean()) / spread * TEXTURE_DEVIATION + 0.5
        return Image.fromarray((grey.clip(0, 1) * 255).astype(np.uint8)).convert("RGB")


def product_by_colour(lab: Lab, ring: Mask) -> Mask:
    """Where the picture differs from its ring's median colour, whatever the ground.

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
