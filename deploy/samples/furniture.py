"""Stools, chairs and armchairs of the sample catalogue.

Lengths are in centimetres; one function a product family. What this module does not know:
titles, prices, light.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from materials import Paint, cloth, satin
from mesh import Floats, Mesh, grid, merged, moved, turned
from product import Part
from shapes import curve, filleted, pillow, revolved, rounded_box, tube


def stool(seat: Paint, legs: str, feet: str) -> list[Part]:
    """A round seat on three splayed legs that are dipped in colour."""
    top = filleted([(0, 42), (16, 42), (16, 45.5), (0, 45.5)], 1.2)
    plate = revolved(top)
    plate = replace(plate, uv=plate.positions[:, :2] / 34 + 0.5)
    parts: list[Part] = [(plate, satin(seat, 0.4))]
    for turn in (30, 150, 270):
        for ends, width, colour in (
            ((43.0, 14.0), (1.9, 1.45), legs),
            ((14.0, 0.4), (1.45, 1.1), feet),
        ):
            path = [(8 + (43 - z) * 0.22, 0, z) for z in ends]
            parts.append((turned(tube(path, width, up=(0, 1, 0)), "z", turn), satin(colour, 0.45)))
    return parts


def chair(seat: str, wood: Paint) -> list[Part]:
    """A shell chair on four wooden legs: one bent sheet is seat and back."""
    line = curve(
        [
            (0, -22, 44),
            (0, -19, 46.5),
            (0, -6, 45.2),
            (0, 12, 44.6),
            (0, 18, 49),
            (0, 21, 62),
            (0, 24, 78),
            (0, 25, 84),
        ],
        10,
    )
    width = np.interp(np.linspace(0, 1, len(line)), [0, 0.3, 0.55, 0.85, 1], [20, 22, 20, 20, 15])
    shell = _across(line, width)
    legs = [
        tube([(sx * 13, 2 + sy * 12, 45), (sx * 20, 2 + sy * 20, 0.5)], [1.7, 1.0], up=(0, 1, 0))
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    bars = tube([(-15, 2, 40), (15, 2, 40)], 1.0, up=(0, 1, 0))
    return [
        (turned(shell, "z", 32), satin(seat, 0.35)),
        (turned(merged(*legs, bars), "z", 32), satin(wood, 0.45)),
    ]


def _across(line: Floats, width: Floats) -> Mesh:
    """A dished sheet along the line, that wide to each side, with rounded rims."""
    angle = np.linspace(0, 2 * np.pi, 121)
    across = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.5
    thick = np.sin(angle) * 0.9
    ahead = np.gradient(line, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    above = np.stack([0 * ahead[:, 0], -ahead[:, 2], ahead[:, 1]], axis=1)
    taper = np.sqrt(np.clip(1 - np.linspace(-1, 1, len(line)) ** 12, 0.0, 1))
    x = (width * (0.35 + 0.65 * taper))[:, None] * across
    lift = 4.5 * across**4 * taper[:, None] + thick * np.maximum(taper, 0.02)[:, None]
    points = line[:, None] + lift[..., None] * above[:, None]
    points[..., 0] += x
    return grid(points)


def armchair(fabric: Paint, legs: str, cushion_: Paint) -> list[Part]:
    """A low upholstered armchair with a loose cushion."""

    def block(w: float, d: float, h: float, r: float, x: float, y: float, z: float) -> Mesh:
        return moved(rounded_box(w, d, h, r), x, y, z)

    body = merged(
        block(76, 66, 16, 5, 0, 0, 12),
        block(14, 66, 34, 6.5, -33, 0, 14),
        block(14, 66, 34, 6.5, 33, 0, 14),
        moved(turned(rounded_box(62, 16, 52, 7.5), "x", -9), 0, 24, 24),
    )
    seat = block(52, 54, 14, 5.5, 0, -5, 27)
    feet = merged(
        *[
            tube([(sx * 30, sy * 26, 13), (sx * 32, sy * 28, 0.5)], [2.2, 1.4], up=(0, 1, 0))
            for sx in (-1, 1)
            for sy in (-1, 1)
        ]
    )
    loose = moved(turned(pillow(36, 34, 12), "x", -22), 3, 4, 40)
    parts: list[Part] = [
        (body, cloth(fabric, 260, 0.4)),
        (seat, cloth(fabric, 260, 0.4)),
        (feet, satin(legs)),
        (loose, cloth(cushion_, 200)),
    ]
    return [(turned(mesh, "z", 28), surface) for mesh, surface in parts]
