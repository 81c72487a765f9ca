"""Lamps and cushions of the sample catalogue.

Lengths are in centimetres; one function a product family. What this module does not know:
titles, prices, light.
"""

from __future__ import annotations

import numpy as np
from materials import Paint, Surface, cloth, glazed, matte, metal, satin
from mesh import Mesh, merged, moved, turned
from product import Part
from shapes import (
    ball,
    curve,
    filleted,
    pillow,
    revolved,
    torus,
    tube,
)


def table_lamp(base: Surface, outline: list[tuple[float, float]], shade: Paint) -> list[Part]:
    """A turned foot from its outline (radius, height) with a fabric drum on top."""
    foot = curve([(0.01, 0), (outline[0][0] * 0.9, 0), *outline, (0.01, outline[-1][1])], 16)
    top = outline[-1][1]
    drum = revolved([(10.5, top + 3), (7.5, top + 17)])
    lining = revolved([(7.35, top + 17), (10.35, top + 3)])
    trims = [moved(torus(10.5, 0.22), z=top + 3), moved(torus(7.5, 0.22), z=top + 17)]
    return [
        (revolved(foot), base),
        (revolved([(0.6, top - 0.5), (0.6, top + 9)]), metal("#d8b25c")),
        (drum, cloth(shade, 240)),
        (lining, matte("#fff6e4")),
        (merged(*trims), satin("#efe6d4")),
    ]


def mushroom_lamp(colour: str, glow: str) -> list[Part]:
    """A lacquered dome on a flared stem."""
    stem = curve(
        [(0.01, 0), (7, 0), (7.4, 0.8), (5.2, 2.2), (2.4, 7), (2.0, 14), (3.0, 19), (3.6, 20)], 14
    )
    dome = curve([(12.2, 18.2), (13, 19.0), (12.2, 22.5), (8.6, 26.8), (4, 28.7), (0.01, 29.2)], 16)
    hollow = curve([(0.01, 28), (8, 25.4), (11.6, 21.5), (12.2, 18.2)], 14)
    return [
        (revolved(stem), glazed(colour)),
        (revolved(dome), glazed(colour)),
        (revolved(hollow), satin(glow)),
    ]


def desk_lamp(colour: str) -> list[Part]:
    """A jointed arm on a round foot, a cone for a head."""
    foot = filleted([(0, 0), (8, 0), (8, 1.4), (1.6, 2.0), (0, 2.0)], 0.5)
    lower = tube([(0, 0, 1.5), (-4.5, 0, 20)], 0.55, up=(0, 1, 0))
    upper = tube([(-4.5, 0, 20), (10, 0, 34)], 0.55, up=(0, 1, 0))
    joints = [
        turned(revolved(filleted([(0, -1.1), (1.2, -1.1), (1.2, 1.1), (0, 1.1)], 0.3)), "x", 90)
    ]
    elbows = merged(moved(joints[0], -4.5, 0, 20), moved(joints[0], 10, 0, 34))
    shell = curve([(6.4, -10), (5.9, -7), (3.6, -2), (2.4, 0.5), (2.0, 2.6), (0.01, 2.9)], 14)
    lining = curve([(0.01, 0.5), (3.3, -2.2), (5.6, -7), (6.4, -10)], 14)

    def hung(mesh: Mesh) -> Mesh:
        return moved(turned(mesh, "y", -28), 11.5, 0, 32.5)

    bulb = moved(ball(2.4), z=-6)
    return [
        (revolved(foot), satin(colour, 0.3)),
        (merged(lower, upper), metal("#d8b25c", 0.2)),
        (elbows, metal("#d8b25c", 0.2)),
        (hung(revolved(shell)), satin(colour, 0.3)),
        (hung(revolved(lining)), satin("#fbf7ee")),
        (hung(bulb), glazed("#fff3c9")),
    ]


def cushion(print_: Paint, piping: str, width: float = 45, height: float = 45) -> list[Part]:
    """A stuffed cushion that leans back a little, with a corded edge."""
    stuffed = pillow(width, height, 15)
    t = np.linspace(-1, 1, 40, endpoint=False)
    side = np.sin(t * np.pi / 2)
    one = np.ones_like(side)
    x = np.concatenate([side, one, -side, -one])
    z = np.concatenate([-one, side, one, -side])
    rim = np.stack(
        [
            width / 2 * x * (1 - 0.07 * (1 - z**2)),
            0 * x,
            height / 2 * z * (1 - 0.07 * (1 - x**2)) + height / 2,
        ],
        1,
    )
    cord = tube(rim, 0.55, closed=True, up=(0, 1, 0))
    return [
        (turned(stuffed, "x", -12), cloth(print_, 200, 0.3)),
        (turned(cord, "x", -12), satin(piping, 0.8)),
    ]
