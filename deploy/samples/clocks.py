"""Clocks and watches of the sample catalogue.

Lengths are in centimetres; one function a product family. What this module does not know:
titles, prices, light.
"""

from __future__ import annotations

import numpy as np
from materials import Paint, Picture, glazed, leather, metal, satin
from mesh import Floats, Mesh, grid, merged, moved, turned
from product import Part
from shapes import (
    ball,
    curve,
    disc,
    filleted,
    revolved,
    tube,
)


def alarm_clock(face: Paint, shell: str, brass: str) -> list[Part]:
    """Two bells, a hammer, a handle, legs; the dial faces the camera."""
    case = filleted(
        [(0, -3), (5.6, -3), (6, -2.4), (6, 2.6), (5.5, 3), (5.1, 2.6), (5.1, 2.4)], 0.5
    )

    def upright(mesh: Mesh) -> Mesh:
        return moved(turned(mesh, "x", 90), z=8)

    dome = curve([(2.6, 0), (2.5, 0.9), (1.6, 1.8), (0.01, 2.1)], 10)
    bells = [moved(turned(revolved(dome), "y", side * 38), side * 4.2, 0, 13.6) for side in (-1, 1)]
    legs = [
        tube([(side * 3.4, 0, 3.6), (side * 5.0, 0, 0.3)], [0.55, 0.4], up=(0, 1, 0))
        for side in (-1, 1)
    ]
    grip = tube(
        curve([(-3.6, 0, 15), (-3, 0, 17.8), (0, 0, 18.8), (3, 0, 17.8), (3.6, 0, 15)], 12),
        0.3,
        up=(0, 1, 0),
    )
    hammer = merged(
        tube([(0, 0, 13.5), (0, 0, 15.4)], 0.25, up=(0, 1, 0)), moved(ball(0.7), z=15.7)
    )
    return [
        (upright(revolved(case)), glazed(shell)),
        (upright(disc(5.15, 2.45)), satin(face)),
        (merged(*bells, grip, hammer), metal(brass, 0.18)),
        (merged(*legs), metal(brass, 0.18)),
    ]


def wristwatch(face: Picture, strap: str, case: str) -> list[Part]:
    """A watch with its strap closed to a ring, the dial up and to the camera."""
    around = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    ring = np.stack([0 * around, 2.9 * np.cos(around), 2.5 + 2.35 * np.sin(around)], 1)
    band = _strap(ring, 1.0, 0.14)
    shell = filleted(
        [(0, -0.35), (1.85, -0.35), (2.05, 0.1), (1.95, 0.5), (1.75, 0.55), (1.72, 0.42)], 0.12
    )
    crown = moved(
        turned(
            revolved(filleted([(0, 0), (0.3, 0), (0.3, 0.45), (0, 0.45)], 0.08), 20, 0.04), "y", 90
        ),
        2.0,
        0,
        0.1,
    )

    def seated(mesh: Mesh) -> Mesh:
        tilted = turned(mesh, "x", 62)
        return moved(tilted, 0, -2.9 * np.cos(np.radians(32)), 2.5 + 2.5 * np.sin(np.radians(32)))

    parts: list[Part] = [
        (band, leather(strap, 11)),
        (seated(merged(revolved(shell), crown)), metal(case, 0.16)),
        (seated(disc(1.74, 0.43)), satin(face, 0.3)),
    ]
    return [(turned(mesh, "z", 24), surface) for mesh, surface in parts]


def _strap(ring: Floats, half: float, thick: float) -> Mesh:
    """A closed band around the ring in the y-z plane, that wide to both sides along x."""
    centre = ring.mean(axis=0)
    out = (ring - centre) / np.linalg.norm(ring - centre, axis=1, keepdims=True)
    angle = -np.linspace(0, 2 * np.pi, 49)
    across = half * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.3
    high = thick * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 0.6
    points = ring[:, None] + out[:, None] * high[None, :, None]
    points[..., 0] += across
    closed = np.concatenate([points, points[:1]])
    return grid(closed)
