"""Handbags and backpacks of the sample catalogue.

Lengths are in centimetres; one function a product family. What this module does not know:
titles, prices, light.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from materials import Paint, cloth, leather, metal
from mesh import merged, moved, turned
from product import Part
from shapes import (
    box,
    curve,
    rounded_box,
    torus,
    tube,
)


def handbag(colour: Paint, flap: Paint, brass: str) -> list[Part]:
    """A structured leather bag with a flap, a clasp and a bent handle."""
    body = rounded_box(26, 10, 18, 2.6)
    z = body.positions[:, 2:] / 18
    body = replace(
        body,
        positions=body.positions
        * np.concatenate([1 - 0.16 * z, 1 - 0.45 * z, np.ones_like(z)], axis=1),
    )
    cover = box(23.2, 6.6, 10.5, 2.2)
    lid = moved(turned(merged(*cover.values()), "x", -7), 0, -1.0, 8.6)
    grip = tube(
        curve(
            [(-8, 0, 17), (-8.4, 0, 22), (-4.5, 0, 27.5), (4.5, 0, 27.5), (8.4, 0, 22), (8, 0, 17)],
            14,
        ),
        0.75,
        up=(0, 1, 0),
    )
    rings = merged(*[moved(turned(torus(1.1, 0.22), "x", 90), x, -0.2, 17.6) for x in (-8, 8)])
    clasp = moved(turned(rounded_box(4.2, 2.6, 0.8, 0.35), "x", 83), 0, -4.0, 9.6)
    parts: list[Part] = [
        (body, leather(colour, 7)),
        (lid, leather(flap, 8)),
        (grip, leather(flap, 9)),
        (merged(rings, clasp), metal(brass, 0.2)),
    ]
    return [(turned(mesh, "z", 20), surface) for mesh, surface in parts]


def backpack(colour: Paint, pocket: Paint, straps: str) -> list[Part]:
    """A rounded rucksack with a front pocket, leather belts and a loop."""
    body = moved(rounded_box(29, 15, 40, 6.8))
    z = body.positions[:, 2:] / 40
    body = replace(
        body,
        positions=body.positions
        * np.concatenate([1 - 0.14 * z**2, 1 - 0.25 * z**2, np.ones_like(z)], axis=1),
    )
    front = moved(rounded_box(22, 6, 17, 2.8), 0, -8.0, 4)
    cover = moved(turned(rounded_box(24.5, 14.5, 9, 4.2), "x", 6), 0, -1.2, 32)
    belts = merged(*[moved(rounded_box(2.0, 1.0, 22, 0.3), x, -8.2, 15.5) for x in (-6, 6)])
    buckles = merged(*[moved(turned(torus(1.5, 0.3), "x", 90), x, -11.4, 18) for x in (-6, 6)])
    low = merged(*[moved(rounded_box(2.0, 0.8, 9, 0.3), x, -11.0, 12) for x in (-6, 6)])
    loop = tube(
        curve([(-4, 2, 40), (-3.6, 2, 44), (0, 2, 45.4), (3.6, 2, 44), (4, 2, 40)], 12),
        0.8,
        flat=0.6,
        up=(0, 1, 0),
    )
    parts: list[Part] = [
        (body, cloth(colour, 260, 0.35)),
        (front, cloth(pocket, 160, 0.35)),
        (cover, cloth(colour, 200, 0.35)),
        (merged(belts, low, loop), leather(straps, 6)),
        (buckles, metal("#d8b25c", 0.2)),
    ]
    return [(turned(mesh, "z", 24), surface) for mesh, surface in parts]
