"""Backdrops of scenes, drawn by formula: what stands behind a product, or what it lies on.

A backdrop is a pure function of seed, colours, height and width; its places are in units of the
shorter side, so that it is the same picture at every size. Its first colour is the ground behind
the product, the second what meets it (floor, other stripe), others are accents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stylecore.arrays import Floats
from stylecore.rendering import backdrop_patterns as patterns
from stylecore.rendering import backdrop_rooms as rooms
from stylecore.rendering.canvas import Canvas

Surface = Literal["floor", "wall", "table"]
"""What a product stands on, hangs before or lies on."""
Occasion = Literal[
    "everyday",
    "spring",
    "summer",
    "winter",
    "new-year",
    "spring-festival",
    "mid-autumn",
    "valentine",
    "birthday",
    "sale",
]


@dataclass(frozen=True)
class Tone:
    """A colour of a backdrop: OKLab lightness and chroma, hue in degrees from the scene's."""

    lightness: float
    chroma: float
    turn: float = 0.0


Paint = Callable[[Canvas, Sequence[Floats]], None]


@dataclass(frozen=True)
class Backdrop:
    """A kind of backdrop: names, what it suits, its colours, and how it is painted."""

    name: str
    chinese: str
    occasions: tuple[Occasion, ...]
    surface: Surface
    tones: tuple[Tone, ...]
    paint: Paint
    behind: int = 2
    """How many of the first colours may meet the product's outline."""
    hues: tuple[float, ...] | None = None
    """Hues of OKLab in degrees that it keeps to, None for any."""


def draw_backdrop(
    name: str, seed: int, colours: Sequence[Floats], height: int, width: int
) -> Floats:
    """Return the backdrop [height, width, 3] of 0-1; colours [3] of RGB 0-1, two to five.

    Raises KeyError for a name that is none.
    """
    backdrop = BACKDROPS[name]
    wanted = [colours[number % len(colours)] for number in range(5)]
    canvas = Canvas(seed, height, width, wanted[0])
    backdrop.paint(canvas, wanted)
    return np.clip(canvas.picture, 0, 1)


_ALL = (
    Backdrop(
        "studio",
        "摄影棚",
        ("everyday",),
        "floor",
        (Tone(0.88, 0.045), Tone(0.82, 0.055)),
        rooms.studio,
    ),
    Backdrop(
        "gradient",
        "渐变",
        ("everyday", "sale"),
        "wall",
        (Tone(0.86, 0.07), Tone(0.78, 0.10, 50), Tone(0.95, 0.03, 20)),
        patterns.gradient,
    ),
    Backdrop(
        "arch",
        "拱门",
        ("everyday", "spring"),
        "floor",
        (Tone(0.84, 0.05), Tone(0.92, 0.03, 30), Tone(0.76, 0.06)),
        rooms.arch,
    ),
    Backdrop(
        "podium",
        "展台",
        ("everyday", "new-year"),
        "floor",
        (Tone(0.84, 0.06), Tone(0.78, 0.065), Tone(0.88, 0.045, 15)),
        rooms.podium,
    ),
    Backdrop(
        "window",
        "窗光",
        ("everyday", "spring"),
        "floor",
        (Tone(0.76, 0.05), Tone(0.93, 0.045, 10), Tone(0.70, 0.05)),
        rooms.window,
    ),
    Backdrop(
        "rays",
        "放射",
        ("sale", "birthday"),
        "wall",
        (Tone(0.84, 0.11), Tone(0.93, 0.05)),
        patterns.rays,
    ),
    Backdrop(
        "hills",
        "远山",
        ("spring", "summer"),
        "floor",
        (Tone(0.80, 0.08), Tone(0.62, 0.09, -90), Tone(0.72, 0.11, -110), Tone(0.93, 0.09, -150)),
        rooms.hills,
        hues=(235.0, 260.0, 40.0),
    ),
    Backdrop(
        "waves",
        "波浪",
        ("summer",),
        "wall",
        (Tone(0.90, 0.04), Tone(0.72, 0.08), Tone(0.62, 0.10), Tone(0.53, 0.11), Tone(0.45, 0.10)),
        patterns.waves,
        hues=(220.0, 245.0, 190.0, 30.0),
    ),
    Backdrop(
        "bokeh",
        "光斑",
        ("winter", "new-year"),
        "floor",
        (Tone(0.36, 0.06), Tone(0.80, 0.13, 150), Tone(0.72, 0.13, 110), Tone(0.85, 0.06, 180)),
        rooms.bokeh,
        1,
    ),
    Backdrop(
        "leaves",
        "枝叶",
        ("spring", "summer"),
        "table",
        (Tone(0.92, 0.03, -60), Tone(0.58, 0.09), Tone(0.68, 0.09, -20)),
        patterns.leaves,
        1,
        hues=(145.0, 160.0, 60.0),
    ),
    Backdrop(
        "terrazzo",
        "水磨石",
        ("everyday",),
        "table",
        (
            Tone(0.93, 0.015),
            Tone(0.70, 0.09),
            Tone(0.62, 0.06, 60),
            Tone(0.80, 0.06, -60),
            Tone(0.50, 0.05, 180),
        ),
        patterns.terrazzo,
        1,
    ),
    Backdrop(
        "checks",
        "格纹",
        ("everyday", "summer"),
        "table",
        (Tone(0.95, 0.02), Tone(0.74, 0.10)),
        patterns.checks,
    ),
    Backdrop(
        "dots",
        "波点",
        ("birthday", "sale"),
        "wall",
        (Tone(0.84, 0.08), Tone(0.95, 0.03)),
        patterns.dots,
    ),
    Backdrop(
        "paper",
        "撕纸",
        ("everyday", "sale"),
        "table",
        (Tone(0.88, 0.05), Tone(0.76, 0.10), Tone(0.80, 0.09, 60), Tone(0.70, 0.10, -50)),
        patterns.paper,
        1,
    ),
    Backdrop(
        "snow",
        "雪景",
        ("winter", "new-year"),
        "floor",
        (Tone(0.72, 0.07), Tone(0.96, 0.012), Tone(0.48, 0.07)),
        rooms.snow,
        hues=(245.0, 265.0, 225.0, 300.0),
    ),
    Backdrop(
        "lanterns",
        "灯笼",
        ("spring-festival",),
        "floor",
        (Tone(0.40, 0.14), Tone(0.66, 0.22, 8), Tone(0.85, 0.13, 58), Tone(0.34, 0.11)),
        rooms.lanterns,
        1,
        hues=(27.0, 80.0, 10.0),
    ),
    Backdrop(
        "confetti",
        "彩纸",
        ("birthday", "sale", "new-year"),
        "table",
        (
            Tone(0.90, 0.05),
            Tone(0.70, 0.15),
            Tone(0.78, 0.14, 90),
            Tone(0.66, 0.15, 180),
            Tone(0.80, 0.12, -90),
        ),
        patterns.confetti,
        1,
    ),
    Backdrop(
        "fireworks",
        "烟花",
        ("new-year", "spring-festival"),
        "floor",
        (Tone(0.30, 0.08), Tone(0.84, 0.13, 170), Tone(0.76, 0.15, 90), Tone(0.85, 0.08, -60)),
        rooms.fireworks,
        1,
        hues=(270.0, 300.0, 245.0, 20.0),
    ),
    Backdrop(
        "moon",
        "明月",
        ("mid-autumn",),
        "floor",
        (Tone(0.40, 0.07), Tone(0.93, 0.06, 170), Tone(0.74, 0.06, 120), Tone(0.36, 0.07)),
        rooms.moon,
        hues=(265.0, 245.0, 200.0, 300.0),
    ),
    Backdrop(
        "hearts",
        "爱心",
        ("valentine",),
        "table",
        (Tone(0.90, 0.04), Tone(0.66, 0.17), Tone(0.78, 0.10), Tone(0.96, 0.02)),
        patterns.hearts,
        1,
        hues=(5.0, 20.0, 340.0, 300.0),
    ),
)
BACKDROPS: dict[str, Backdrop] = {backdrop.name: backdrop for backdrop in _ALL}
