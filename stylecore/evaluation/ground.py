"""Does plain ground stay clean: its distance from white or the style's paper, and its evenness.

Only photos whose border is nearly white and even are asked, so a backdrop in a colour is no ground.
"""

from __future__ import annotations

import numpy as np

from stylecore.evaluation.colour import to_lab
from stylecore.evaluation.view import View
from stylecore.images import Pixels

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
LEAST_MEAN, LARGEST_SPREAD = 240.0, 6.0
"""Of the border ring of a photo that stands on white, each channel."""


def stands_on_white(photo: View) -> bool:
    """Whether the photo's border ring is nearly white and even."""
    ring = photo.pixels[photo.ring].astype(np.float32)
    return bool(ring.mean(axis=0).min() >= LEAST_MEAN and ring.std(axis=0).max() <= LARGEST_SPREAD)


def drift(render: View, paper: Colour | None) -> float:
    """Mean CIE76 difference of the border ring from white or the paper, whichever is nearer."""
    return min(_from(render, colour) for colour in (WHITE, paper or WHITE))


def unevenness(render: View) -> float:
    """Standard deviation of the border ring in LAB, the root of the summed variances."""
    return float(np.sqrt(render.lab[render.ring].var(axis=0).sum()))


def _from(render: View, colour: Colour) -> float:
    asked: Pixels = np.array(colour, np.uint8)
    return float(np.linalg.norm(render.lab[render.ring] - to_lab(asked), axis=1).mean())
