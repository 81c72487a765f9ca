"""Turned ceramics of the sample catalogue: mugs, bowls, teapots, vases, a potted cactus.

Lengths are in centimetres. One function a product family; what tells the products of a family
apart is passed in. What this module does not know: titles, prices, light.
"""

from __future__ import annotations

import numpy as np
from materials import Paint, Surface, glazed, matte, metal, satin
from mesh import merged, moved, scaled, turned
from product import Part
from shapes import ball, curve, disc, filleted, revolved, tube


def mug(
    print_: Paint,
    inside: str,
    handle: str,
    surface: str = "glazed",
    rim: str = "",
    belly: float = 0.0,
) -> list[Part]:
    """A mug of 8 by 9 cm; belly swells the middle in centimetres, rim colours its edge."""
    finish = {"glazed": glazed, "satin": satin}[surface]
    wall = curve([(3.7, 0.35), (4.0 + belly * 0.8, 2.5), (4.0 + belly, 5), (4.0, 8.75)], 16)
    outside = revolved(np.concatenate([filleted([(0, 0), (3.4, 0), (3.7, 0.35)], 0.2), wall]))
    edge = revolved(curve([(4.0, 8.75), (3.96, 8.95), (3.85, 9.0), (3.72, 8.94), (3.66, 8.75)], 6))
    inner = revolved(filleted([(3.66, 8.75), (3.6 + belly, 5), (3.4, 0.6), (0, 0.6)], 0.8))
    reach = 6.9 + belly
    grip = curve(
        [
            (3.6 + belly, 0, 7.3),
            (5.6 + belly, 0, 7.5),
            (reach, 0, 5.6),
            (6.3 + belly, 0, 3.2),
            (3.7 + belly * 0.9, 0, 2.2),
        ],
        14,
    )
    loop = turned(tube(grip, 0.52, flat=1.35, up=(0, 1, 0)), "z", -28)
    return [
        (outside, finish(handle)),
        (revolved(wall + np.array([0.01, 0])), finish(print_)),
        (edge, finish(rim or inside)),
        (inner, finish(inside)),
        (loop, finish(handle)),
    ]


def bowl(
    outside: Paint, inside: Paint, radius: float = 8, height: float = 6.5, surface: str = "glazed"
) -> list[Part]:
    finish = {"glazed": glazed, "satin": satin}[surface]
    foot = filleted([(0, 0), (radius * 0.42, 0), (radius * 0.42, 0.7), (radius * 0.5, 1.0)], 0.2)
    wall = curve([(radius * 0.5, 1.0), (radius * 0.82, height * 0.45), (radius, height)], 20)
    lip = curve([(radius, height), (radius - 0.15, height + 0.15), (radius - 0.35, height)], 5)
    hollow = curve(
        [(radius - 0.35, height), (radius * 0.77, height * 0.5), (radius * 0.4, 1.7), (0, 1.5)], 20
    )
    base = outside if isinstance(outside, str) else inside
    return [
        (revolved(foot), finish(base)),
        (revolved(wall), finish(outside)),
        (revolved(np.concatenate([lip, hollow])), finish(inside)),
    ]


def teapot(print_: Paint, trim: str, tall: float = 1.0, metal_handle: bool = False) -> list[Part]:
    """A round pot with spout, lid and handle; tall stretches it."""
    body = curve([(0.01, 0), (4.2, 0.15), (7.0, 3.2), (6.6, 7.2), (3.6, 9.6), (3.2, 9.7)], 24)
    lid = curve([(3.5, 9.55), (3.3, 10.0), (2.0, 10.7), (0.8, 11.0), (0.01, 11.05)], 10)
    knob = moved(ball(1.0), z=11.8)
    spout = curve([(5.4, 0, 3.4), (8.3, 0, 4.4), (9.6, 0, 7.2), (11.2, 0, 9.2)], 14)
    width = np.interp(np.linspace(0, 1, len(spout)), [0, 0.5, 1], [2.0, 1.25, 0.75])
    if metal_handle:
        grip = curve(
            [(-5.2, 0, 8.2), (-5.6, 0, 12.5), (0, 0, 17.5), (5.6, 0, 12.5), (5.2, 0, 8.2)], 16
        )
        handle: Part = (tube(grip, 0.42, up=(0, 1, 0)), metal("#c98a5c", 0.25))
    else:
        grip = curve(
            [(-5.6, 0, 8.0), (-9.2, 0, 8.8), (-10.6, 0, 6.2), (-9.2, 0, 3.2), (-6.4, 0, 2.8)], 14
        )
        handle = (tube(grip, 0.62, flat=1.3, up=(0, 1, 0)), glazed(trim))
    parts = [
        (revolved(body), glazed(print_)),
        (revolved(lid), glazed(trim)),
        (knob, glazed(trim)),
        (tube(spout, width, up=(0, 1, 0)), glazed(trim)),
        handle,
    ]
    return [(scaled(mesh, z=tall), surface) for mesh, surface in parts]


def vase(
    profile: list[tuple[float, float]],
    surface: Surface,
    inside: str,
    flutes: int = 0,
    depth: float = 0.0,
) -> list[Part]:
    """A vase from the points of its outline (radius, height), bottom up; open at the top."""
    line = curve([(0.01, 0.0), (profile[0][0] * 0.8, 0.0), *profile], 18)
    radius, top = profile[-1]
    lip = np.array([(radius - 0.12, top + 0.18), (radius - 0.3, top + 0.1)])
    hollow = line[::-1][: len(line) // 3] - np.array([0.4, 0.1])
    mouth = np.concatenate([line[-1:], lip, hollow])
    return [
        (revolved(line, flutes, depth), surface),
        (revolved(mouth, flutes, depth), matte(inside)),
    ]


def cactus(pot: Paint, plant: str, flower: str) -> list[Part]:
    """A ribbed cactus with an arm and a flower in a glazed pot."""
    outer = filleted([(0, 0), (3.8, 0), (4.8, 7.0), (4.3, 7.0), (4.1, 5.8)], 0.3)
    stem = curve([(2.2, 5.5), (2.9, 9), (3.0, 13), (2.2, 16.4), (0.9, 17.7), (0.01, 17.9)], 16)
    arm = curve([(2.0, 0, 10.0), (4.4, 0, 10.4), (5.4, 0, 12.0), (5.5, 0, 14.4)], 12)
    width = np.interp(np.linspace(0, 1, len(arm)), [0, 0.8, 1], [1.1, 1.25, 0.7])
    petals = merged(
        *[
            turned(
                tube([(0, 0, 0), (0.9, 0, 0.5), (1.5, 0, 1.3)], [0.25, 0.45, 0.2], up=(0, 1, 0)),
                "z",
                turn,
            )
            for turn in range(0, 360, 45)
        ]
    )
    return [
        (revolved(outer), glazed(pot)),
        (disc(4.2, 6.2), matte("#5b4334")),
        (revolved(stem, 12, 0.07), satin(plant, 0.55)),
        (tube(arm, width, up=(0, 1, 0)), satin(plant, 0.55)),
        (moved(petals, z=17.6), satin(flower)),
        (moved(ball(0.5), z=18.1), satin("#f6c445")),
    ]
