"""Shirts and tote bags of the sample catalogue, laid flat and photographed from above.

Lengths are in centimetres; one function a product family. What this module does not know:
titles, prices, light.
"""

from __future__ import annotations

import numpy as np
from materials import Picture, cloth, satin
from mesh import Floats
from prints import filled, outline, stitched
from product import Part
from scipy import ndimage
from shapes import (
    curve,
    laid_flat,
    tube,
)

GRID = 420


SHIRT_FOLDS = [
    ((0.24, 0.70), (0.44, 0.46)), ((0.76, 0.70), (0.55, 0.42)), ((0.25, 0.62), (0.37, 0.28)),
    ((0.75, 0.62), (0.66, 0.30)), ((0.28, 0.16), (0.52, 0.34)), ((0.73, 0.12), (0.58, 0.30)),
    ((0.42, 0.05), (0.47, 0.24)), ((0.33, 0.84), (0.40, 0.66)), ((0.67, 0.84), (0.61, 0.68)),
]  # fmt: skip
BAG_FOLDS = [
    ((0.25, 0.12), (0.42, 0.30)), ((0.74, 0.10), (0.62, 0.34)), ((0.42, 0.62), (0.38, 0.40)),
    ((0.58, 0.62), (0.60, 0.44)), ((0.28, 0.50), (0.36, 0.22)),
]  # fmt: skip


def t_shirt(print_: Picture, trim: str, seed: int, long_sleeves: bool = False) -> list[Part]:
    """A shirt laid flat; print_ covers the unit square, the chest near its middle."""
    cuff, under = ((0.47, 0.30), (0.385, 0.265)) if long_sleeves else ((0.475, 0.655), (0.38, 0.59))
    elbow = [(0.375, 0.70), (0.43, 0.49)] if long_sleeves else []
    shoulder = curve([(0.0, 0.874), (0.05, 0.878), (0.09, 0.897), (0.15, 0.914), (0.23, 0.888),
                      (0.31, 0.845), *elbow, cuff], 10)  # fmt: skip
    side = curve([under, (0.30, 0.66), (0.268, 0.60), (0.252, 0.42), (0.258, 0.22),
                  (0.272, 0.065)], 10)  # fmt: skip
    hem = curve([(0.272, 0.065), (0.13, 0.052), (0.0, 0.05)], 6)
    right = np.concatenate([shoulder, side, hem])
    shape = np.concatenate([right, right[::-1] * np.array([-1, 1])]) + np.array([0.5, 0.0])
    sheet = laid_flat(outline(shape, 4 * GRID), 70, 1.5, _creases(seed, SHIRT_FOLDS))
    return [(sheet, cloth(_sewn(print_, trim), 420, 0.35))]


def _sewn(print_: Picture, trim: str) -> Picture:
    """The print with armhole seams, a hem, a collar, and the inside of the back in its opening."""
    seams = [
        [(0.5 + s * 0.30, 0.86), (0.5 + s * 0.268, 0.78), (0.5 + s * 0.275, 0.66)] for s in (-1, 1)
    ]
    hem = [(0.225, 0.085), (0.37, 0.072), (0.63, 0.072), (0.775, 0.085)]
    front = [(0.405, 0.89), (0.45, 0.838), (0.5, 0.826), (0.55, 0.838), (0.595, 0.89)]
    collar = [(float(x), float(y)) for x, y in curve(front, 8)]
    back = [(0.41, 0.893), (0.45, 0.874), (0.55, 0.874), (0.59, 0.893)]
    picture = stitched(print_, [*seams, hem], _darker(print_), 2)
    picture = filled(picture, [*collar, *back[::-1]], _darker(print_))
    picture = stitched(picture, [back], trim, 8)
    return stitched(picture, [collar], trim, 11)


def tote_bag(print_: Picture, handle: str, seed: int) -> list[Part]:
    """A canvas bag laid flat with both handles up."""
    bag = curve([(0.24, 0.06), (0.5, 0.05), (0.76, 0.06), (0.775, 0.09), (0.765, 0.35),
                 (0.76, 0.66), (0.5, 0.665), (0.24, 0.66), (0.235, 0.35), (0.225, 0.09)],
                8, closed=True)  # fmt: skip
    picture = stitched(print_, [[(0.2, 0.62), (0.8, 0.62)]], _darker(print_), 2)
    sheet = laid_flat(outline(bag, 4 * GRID), 60, 1.2, _creases(seed, BAG_FOLDS))
    parts: list[Part] = [(sheet, cloth(picture, 300, 0.4))]
    for shift, lift in ((0.0, 1.4), (1.2, 0.7)):
        half = [
            (8, 5.5, 3.4 + lift),
            (8.3, 12, 1.8 + lift),
            (7.4 + shift, 19, lift),
            (3, 25 + shift, lift),
        ]
        loop = curve([(-x, y, z) for x, y, z in half] + half[::-1], 14)
        parts.append((tube(loop, 1.25, flat=0.22), satin(handle, 0.8)))
    return parts


def _darker(picture: Picture) -> str:
    colour = np.median(picture.reshape(-1, 3), axis=0) * 0.72
    return "#" + "".join(f"{int(part):02x}" for part in colour)


def _creases(seed: int, folds: list[tuple[tuple[float, float], tuple[float, float]]]) -> Floats:
    """Soft unevenness and a few folds (from, to), in centimetres."""
    random = np.random.default_rng(seed)
    heights: Floats = np.zeros((GRID, GRID))
    for scale, height in ((34, 1.2), (14, 0.5)):
        noise = ndimage.gaussian_filter(random.standard_normal((GRID, GRID)), scale)
        heights += height * noise / np.abs(noise).max()
    row, column = np.mgrid[0:GRID, 0:GRID] / GRID
    at = np.stack([column, 1 - row], axis=-1)
    for start, end in folds:
        a, b = np.array(start), np.array(end)
        share = np.clip((at - a) @ (b - a) / float((b - a) @ (b - a)), 0, 1)
        away = np.linalg.norm(at - (a + share[..., None] * (b - a)), axis=-1)
        heights += 1.9 * np.sin(np.pi * share) * np.exp(-((away / 0.02) ** 2))
    return heights
