"""Books, gift boxes, headphones and radios of the sample catalogue.

Lengths are in centimetres; one function a product family. What this module does not know:
titles, prices, light.
"""

from __future__ import annotations

import numpy as np
from materials import Paint, leather, matte, metal, satin
from mesh import Floats, Mesh, grid, merged, moved, scaled, turned
from product import Part
from shapes import ball, box, curve, disc, filleted, revolved, rounded_box, torus, tube


def book(cover: Paint, spine: Paint, board: str, turn: float = 24) -> list[Part]:
    """A hardback standing upright, its front to the camera and its spine to the left."""
    w, h, d, t = 15.0, 22.0, 3.4, 0.35
    front = moved(scaled(box(w, t, h, 0.15)["front"]), y=-d / 2)
    boards = merged(*[mesh for name, mesh in box(w, t, h, 0.15).items() if name != "front"])
    back = moved(rounded_box(w, t, h, 0.15), y=d / 2)
    ridge = box(t, d + t, h, 0.15)
    pages = moved(rounded_box(w - 0.6, d - t, h - 0.8, 0.1), 0.0, 0, 0.4)
    parts: list[Part] = [
        (front, satin(cover, 0.45)),
        (moved(boards, y=-d / 2), satin(board, 0.45)),
        (back, satin(board, 0.45)),
        (moved(ridge["left"], x=-w / 2), satin(spine, 0.45)),
        (moved(merged(ridge["top"], ridge["bottom"]), x=-w / 2), satin(board, 0.45)),
        (pages, matte("#efe6d2")),
    ]
    return [(turned(mesh, "z", turn), surface) for mesh, surface in parts]


def gift_box(wrap: Paint, ribbon: str) -> list[Part]:
    """A wrapped box with a ribbon both ways and a bow."""
    body, lid = rounded_box(18, 18, 12, 0.4), moved(rounded_box(19, 19, 3.4, 0.4), z=11)
    bands = merged(
        rounded_box(2.6, 18.3, 12, 0.3),
        rounded_box(18.3, 2.6, 12, 0.3),
        moved(rounded_box(2.6, 19.3, 3.6, 0.3), z=11),
        moved(rounded_box(19.3, 2.6, 3.6, 0.3), z=11),
    )
    loop = curve(
        [
            (0, 0, 14.5),
            (3.5, 0, 18.5),
            (7.5, 0, 18.8),
            (7.6, 0, 16.2),
            (3.4, 0, 14.9),
            (0, 0, 14.7),
        ],
        12,
    )
    bows = merged(*[turned(_ribbon(loop, 1.5), "z", turn) for turn in (20, 110, 200, 290)])
    knot = moved(scaled(ball(1.6), z=0.8), z=15.3)
    parts: list[Part] = [
        (body, satin(wrap, 0.4)),
        (lid, satin(wrap, 0.4)),
        (merged(bands, bows, knot), satin(ribbon, 0.3)),
    ]
    return [(turned(mesh, "z", 28), surface) for mesh, surface in parts]


def _ribbon(path: Floats, half: float) -> Mesh:
    """A thin band along a path in the x-z plane, that wide to both sides along y."""
    left, right = path - np.array([0, half, 0]), path + np.array([0, half, 0])
    return grid(np.stack([left, right], axis=1))


def headphones(colour: str, pad: str, trim: str) -> list[Part]:
    """Over-ear headphones, upright, turned a little."""
    arc = np.linspace(-0.12, np.pi + 0.12, 60)
    path = np.stack([8.2 * np.cos(arc), 0 * arc, 9.5 + 9.2 * np.sin(arc)], 1)
    band = tube(path, 1.35, flat=0.4, up=(0, 1, 0))
    pad_arc = arc[14:-14]
    soft = tube(
        np.stack([7.7 * np.cos(pad_arc), 0 * pad_arc, 9.2 + 8.8 * np.sin(pad_arc)], 1),
        1.25,
        flat=0.65,
        up=(0, 1, 0),
    )
    parts: list[Part] = [(band, satin(colour, 0.35)), (soft, leather(pad, 3))]
    shell = filleted([(0, 0), (4.4, 0), (4.6, 1.0), (3.4, 2.6), (0, 2.8)], 0.8)
    for side in (-1, 1):
        for mesh, surface in (
            (revolved(shell), satin(colour, 0.3)),
            (moved(torus(3.1, 1.35), z=-0.9), leather(pad, 4)),
            (disc(2.0, 2.84), metal(trim, 0.2)),
            (moved(torus(2.05, 0.18), z=2.8), metal(trim, 0.2)),
        ):
            cup = scaled(turned(mesh, "y", 90 * side), z=1.18)
            parts.append((moved(cup, side * 7.6, 0, 5.6), surface))
        arm = tube([(side * 8.2, 0, 8.6), (side * 9.4, 0, 6.0)], 0.55, up=(0, 1, 0))
        parts.append((arm, metal(trim, 0.2)))
    return [(turned(mesh, "z", 34), surface) for mesh, surface in parts]


def radio(front: Paint, shell: Paint, brass: str) -> list[Part]:
    """A table radio: cloth grille and dial printed on the front, two knobs, a handle."""
    faces = box(26, 9, 15, 1.6)
    rest = merged(*[mesh for name, mesh in faces.items() if name != "front"])
    plate = moved(box(23.6, 1, 12.6, 0.4)["front"], y=-4.2, z=1.2)
    knobs = []
    for x in (6.2, 10.0):
        knob = revolved(filleted([(0, 0), (1.35, 0), (1.25, 1.5), (0, 1.5)], 0.2), 24, 0.02)
        knobs.append(moved(turned(knob, "x", 90), x - 1.6, -4.7, 4.4))
    grip = tube(
        curve(
            [(-9, 0, 14.8), (-9, 0, 17.6), (-7, 0, 18.6), (7, 0, 18.6), (9, 0, 17.6), (9, 0, 14.8)],
            10,
        ),
        0.55,
        up=(0, 1, 0),
    )
    feet = merged(*[moved(ball(0.9), x, y, 0) for x in (-9, 9) for y in (-2.5, 2.5)])
    parts: list[Part] = [
        (merged(rest, faces["front"]), satin(shell, 0.4)),
        (plate, satin(front, 0.6)),
        (merged(*knobs), metal(brass, 0.2)),
        (grip, leather("#6b3f24", 5)),
        (feet, satin("#2b2624")),
    ]
    return [(turned(mesh, "z", 22), surface) for mesh, surface in parts]
