"""Bottles and candles of the sample catalogue.

Lengths are in centimetres; one function a product family. What this module does not know:
titles, prices, light.
"""

from __future__ import annotations

import numpy as np
from materials import Paint, Surface, dark_glass, matte, metal, satin
from mesh import Floats, Mesh, moved
from product import Part
from shapes import curve, filleted, revolved, tube


def flask(coat: Paint, cap: str, lettering: Paint) -> list[Part]:
    """An insulated steel bottle with a screw cap and a carrying loop."""
    wall = filleted([(3.55, 1.6), (3.55, 17.0), (2.3, 20.4), (2.3, 21.4)], 2.2, 14)
    foot = filleted([(0, 0), (3.5, 0), (3.5, 1.5)], 0.35)
    lid = filleted([(2.5, 21.5), (2.5, 24.4), (0, 24.4)], 0.45)
    grip = curve(
        [(-2.3, 0, 23.4), (-2.5, 0, 26.2), (0, 0, 27.4), (2.5, 0, 26.2), (2.3, 0, 23.4)], 12
    )
    return [
        (revolved(foot), metal()),
        (revolved(wall), satin(coat, 0.42)),
        (revolved([(3.56, 4.0), (3.56, 14.5)]), satin(lettering, 0.42)),
        (revolved([(2.35, 21.3), (2.35, 21.6)]), metal()),
        (revolved(lid), satin(cap)),
        (tube(grip, 0.45, up=(0, 1, 0)), satin(cap)),
    ]


def glass_bottle(
    profile: list[tuple[float, float]], colour: str, stopper: Surface, paper: Paint
) -> list[Part]:
    """A full bottle of dark glass with a wrap-around label and a stopper.

    profile gives (radius, height) from the foot up; the label is on its first, straight part.
    """
    outer = curve([(0.01, 0), (profile[0][0] * 0.88, 0), *profile], 14)
    (wide, low), (_, high) = profile[0], profile[2]
    radius, top = profile[-1]
    plug = filleted(
        [(0, top - 0.8), (radius + 0.2, top - 0.8), (radius + 0.2, top + 1.8), (0, top + 1.8)], 0.3
    )
    wrap = revolved([(wide + 0.06, low + 1.2), (wide + 0.06, high - 1.0)])
    return [
        (revolved(outer), dark_glass(colour)),
        (wrap, satin(paper, 0.6)),
        (revolved(plug), stopper),
    ]


def jar_candle(jar: Surface, wax: str, paper: Paint, lid: Surface | None) -> list[Part]:
    wall = filleted([(0, 0), (4.0, 0), (4.0, 9.2), (3.75, 9.2), (3.75, 0.5), (0, 0.5)], 0.35)
    fill = filleted([(0, 0.55), (3.7, 0.55), (3.7, 8.0), (0, 8.0)], 0.3)
    parts: list[Part] = [
        (revolved(wall), jar),
        (revolved(fill), satin(wax, 0.45)),
        (revolved([(4.03, 1.6), (4.03, 7.4)]), satin(paper, 0.6)),
        (_wick(8.0, 1.0), matte("#3a3430")),
    ]
    if lid is None:
        return parts
    cover = filleted([(0, 9.3), (4.15, 9.3), (4.15, 10.4), (0, 10.4)], 0.25)
    return [*parts, (revolved(cover), lid)]


def pillar_candles(colours: tuple[str, str, str], tray: Surface) -> list[Part]:
    """Three pillars of different height on a round tray."""
    dish = filleted([(0, 0), (8.4, 0), (8.8, 1.0), (8.4, 1.0), (8.1, 0.5), (0, 0.5)], 0.2)
    parts: list[Part] = [(revolved(dish), tray)]
    places = ((-3.6, 1.6, 15.0), (3.4, 2.0, 11.0), (0.7, -3.8, 7.0))
    for colour, (x, y, height) in zip(colours, places, strict=True):
        stick = filleted(
            [(0, 0.5), (2.9, 0.5), (2.9, height), (2.3, height - 0.1), (0, height - 0.5)], 0.3
        )
        parts.append((moved(revolved(stick), x, y), satin(colour, 0.5)))
        parts.append((moved(_wick(height - 0.5, 1.2), x, y), matte("#3a3430")))
    return parts


def _wick(z: float, length: float) -> Mesh:
    path: Floats = np.array([(0, 0, z - 0.2), (0, 0.02, z + length / 2), (0.15, 0, z + length)])
    return tube(path, 0.11, up=(0, 1, 0))
