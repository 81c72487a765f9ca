"""Painters of backdrops with a floor: rooms, landscapes, nights. See backdrops.py."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stylecore.arrays import Floats
from stylecore.rendering.canvas import Canvas, shaded, smoothstep

HORIZON, BASE = 0.70, 0.86
"""Where a floor begins and where a product stands on it, as shares of the height."""
Colours = Sequence[Floats]


def lit_wall(canvas: Canvas, amount: float) -> None:
    """Light from the upper left, which falls off to the corners."""
    canvas.light(amount * (0.55 - smoothstep(canvas.away(np.array([-0.22, -0.25]), 1.1))))


def _floor(canvas: Canvas, colour: Floats, soft: float = 0.0, horizon: float = HORIZON) -> None:
    """Paint a floor from the horizon down, lighter where it comes near."""
    top = canvas.row(horizon)
    near = smoothstep((canvas.y - top) / (canvas.bottom - top))[..., None]
    far = shaded(colour, -0.07)
    canvas.paint(canvas.edge(top - canvas.y, soft), far + near * (shaded(colour, 0.08) - far))


def _sky(canvas: Canvas, c: Colours, share: float, pale: float) -> None:
    """Make the ground paler towards the horizon."""
    down = (canvas.y + canvas.bottom) / (2 * HORIZON * canvas.bottom)
    canvas.paint(share * smoothstep(down), shaded(c[0], pale))


def studio(canvas: Canvas, c: Colours) -> None:
    """A wall that bends into the floor."""
    lit_wall(canvas, 0.30)
    _floor(canvas, c[1], soft=0.09)


def arch(canvas: Canvas, c: Colours) -> None:
    """A niche in a wall."""
    lit_wall(canvas, 0.16)
    half = min(0.40, 0.80 * canvas.right)
    top = canvas.row(0.10) + half

    def niche(shift: float) -> Floats:
        x, y = canvas.x - shift, canvas.y - top - shift
        return np.asarray(np.where(y < 0, np.hypot(x, y), np.abs(x)) - half, np.float32)

    inside = canvas.edge(niche(0))
    canvas.paint(inside, c[1])
    canvas.light(-0.20 * inside * (1 - canvas.edge(niche(0.035), 0.05)))
    _floor(canvas, c[2], horizon=0.75)


def podium(canvas: Canvas, c: Colours) -> None:
    """A round stand, lit from the left."""
    lit_wall(canvas, 0.30)
    _floor(canvas, c[1], soft=0.04)
    half, flat = min(0.43, 0.88 * canvas.right), 0.19
    top = np.array([0, canvas.row(BASE) - 0.025])
    cast = canvas.away(top + np.array([0.10, 0.16]), 1.12 * half, 0.30 * half)
    canvas.light(-0.20 * smoothstep(1.35 - cast) * (canvas.y > canvas.row(HORIZON)))
    across = np.clip(canvas.x / half, -1, 1)
    rim = top[1] + half * flat * np.sqrt(1 - across**2)
    side = canvas.edge(np.abs(canvas.x) - half) * canvas.edge(canvas.y - rim - 0.17)
    round_ = (1.02 - 0.20 * (across + 0.35) ** 2)[..., None]
    canvas.paint(side * (canvas.y > top[1]), shaded(c[2], -0.16) * round_)
    disc = canvas.edge((canvas.away(top, half, half * flat) - 1) * half * flat)
    canvas.paint(disc, shaded(c[2], 0.22))


def window(canvas: Canvas, c: Colours) -> None:
    """The light of a window on a wall, broken by a plant."""
    lit_wall(canvas, 0.20)
    start = 0.10 * float(canvas.random(1)[0]) - 0.05
    across, down = canvas.x + 0.32 * canvas.y + start, canvas.y - 0.16 * canvas.x
    lit = np.zeros_like(canvas.picture[..., 0])
    for left in (-0.28, -0.01, 0.26):
        for high in (-0.33, -0.04, 0.25):
            pane = np.maximum(np.abs(across - left) - 0.12, np.abs(down - high) - 0.13)
            lit += canvas.edge(pane, 0.035)
    plant = np.sin(14 * across + 3 * np.sin(5 * down)) * np.sin(11 * down + 2 * np.sin(7 * across))
    lit *= 1 - 0.25 * smoothstep(1.5 * plant - 0.2)
    canvas.paint(0.75 * lit, c[1])
    _floor(canvas, c[2], soft=0.004, horizon=0.77)
    canvas.light(0.16 * lit * (canvas.y > canvas.row(0.77)))


def hills(canvas: Canvas, c: Colours) -> None:
    """Three ridges in haze, and the sun."""
    _sky(canvas, c, 0.75, 0.65)
    sun = canvas.place(0.6 * (2 * float(canvas.random(1)[0]) - 1), 0.24)
    canvas.glow(sun, 0.40, c[3], 0.4)
    canvas.stamp(sun, 0.11, canvas.disc(0.10), c[3])
    for number, (high, haze) in enumerate(((0.54, 0.45), (0.62, 0.20), (0.71, 0.0))):
        line = canvas.row(high) + 0.05 * canvas.wavy(canvas.x, 0.7, 3)
        far = shaded(c[2] if number == 2 else c[1], haze)
        near = shaded(far, 0.25 - 0.07 * number) - far
        mist = smoothstep((canvas.y - line) / 0.30)[..., None]
        canvas.paint(canvas.edge(line - canvas.y), far + mist * near)


def bokeh(canvas: Canvas, c: Colours) -> None:
    """Lights out of focus behind a table."""
    canvas.light(0.14 * smoothstep(0.7 - canvas.away(np.array([0, -0.1]), 1)) - 0.10)
    places, floor = canvas.scattered(46), canvas.row(0.73)
    for place, (size, strength, kind) in zip(places, canvas.random(len(places), 3), strict=True):
        radius = 0.03 + 0.09 * float(size) ** 2
        soft = 0.35 * radius
        if place[1] < floor - 0.5 * radius:
            share = 0.18 + 0.45 * float(strength)
            disc = canvas.disc(radius, soft)
            canvas.stamp(place, radius + soft, disc, c[1 + int(3 * kind)], share)
    below = canvas.edge(floor - canvas.y, 0.05)
    canvas.paint(below, shaded(c[0], 0.12))
    canvas.paint(0.4 * below * smoothstep(1 - canvas.away(np.array([0, floor]), 0.8, 0.42)), c[1])


def snow(canvas: Canvas, c: Colours) -> None:
    """Firs and falling snow."""
    _sky(canvas, c, 0.55, 0.5)
    places = canvas.scattered(16)
    for number, (place, size) in enumerate(zip(places, canvas.random(len(places)), strict=True)):
        tall = 0.20 + 0.20 * float(size)

        def fir(x: Floats, y: Floats, tall: float = tall) -> Floats:
            high = np.clip(-y / tall, 0, 1)
            tier = (1 - high) * 0.34 * (0.72 + 0.28 * (1 - (high * 4) % 1))
            return canvas.edge(np.abs(x) - tall * tier) * (y < 0) * (y > -tall)

        tone = shaded(np.asarray((c[0] + c[2]) / 2, np.float32), 0.25 if number % 2 else 0.05)
        canvas.stamp(np.array([place[0], canvas.row(0.72)]), 0.45, fir, tone)
    line = canvas.row(0.695) + 0.018 * canvas.wavy(canvas.x, 0.8, 2)
    far = shaded(c[1], -0.10)
    near = smoothstep((canvas.y - line) / 0.35)[..., None]
    canvas.paint(canvas.edge(line - canvas.y), far + near * (c[1] - far))
    flakes = canvas.scattered(70)
    for place, (size, strength) in zip(flakes, canvas.random(len(flakes), 2), strict=True):
        radius = 0.004 + 0.012 * float(size) ** 3
        disc = canvas.disc(radius, radius)
        canvas.stamp(place, 2 * radius, disc, shaded(c[1], 0.6), 0.4 + 0.6 * float(strength))


_LANTERNS = (
    *((-0.84, 0.20, 0.075), (-0.50, 0.10, 0.048), (0.52, 0.11, 0.050)),
    *((0.85, 0.26, 0.080), (-0.92, 0.47, 0.045), (0.93, 0.52, 0.042)),
)
"""Share of the half width, of the height, and size."""


def lanterns(canvas: Canvas, c: Colours) -> None:
    """Lanterns on cords at both sides."""
    canvas.light(0.20 * smoothstep(0.75 - canvas.away(np.array([0, -0.05]), 1)) - 0.10)
    for (x, y, size), (high, grown) in zip(_LANTERNS, canvas.random(6, 2), strict=True):
        place = canvas.place(x, y + 0.05 * (float(high) - 0.5))
        _lantern(canvas, place, size * (0.9 + 0.25 * float(grown)), c)
    _floor(canvas, c[3], soft=0.02, horizon=0.74)
    canvas.light(0.16 * smoothstep(1 - canvas.away(canvas.place(0, 0.86), 0.7, 0.16)))


def _lantern(canvas: Canvas, place: Floats, size: float, c: Colours) -> None:
    def body(x: Floats, y: Floats) -> Floats:
        return canvas.edge(np.hypot(x / 1.15, y / 0.85) - size)

    def ribs(x: Floats, y: Floats) -> Floats:
        bow = 1.15 * np.sqrt(np.clip(size**2 - (y / 0.85) ** 2, 0, None))
        lines = [
            canvas.edge(np.abs(np.abs(x) - rib * bow) - 0.012 * size) for rib in (0, 0.38, 0.72)
        ]
        return np.asarray(body(x, y) * np.maximum.reduce(lines), np.float32)

    def shine(x: Floats, y: Floats) -> Floats:
        return body(x, y) * smoothstep(1 - np.hypot(x, y) / (1.1 * size))

    def part(across: float, down: float, half: tuple[float, float]) -> None:
        box = canvas.box((half[0] * size, half[1] * size), 0.0, 0.03 * size)
        canvas.stamp(place + size * np.array([across, down]), 1.01 * size, box, c[2])

    cord = canvas.box((0.002, 0.6))
    canvas.stamp(place - np.array([0, 0.6 + 0.7 * size]), 0.62, cord, c[2])
    canvas.glow(place, 2.6 * size, shaded(c[1], 0.35), 0.35)
    canvas.stamp(place, 1.3 * size, body, c[1])
    canvas.stamp(place, 1.3 * size, ribs, shaded(c[1], -0.28), 0.8)
    canvas.stamp(place, 1.3 * size, shine, shaded(c[2], 0.35), 0.5)
    for end in (-0.86, 0.86):
        part(0, end, (0.42, 0.09))
    for strand in (-0.16, 0.0, 0.16):
        part(strand, 1.35, (0.035, 0.42))


_BURSTS = (
    *((-0.62, 0.20, 0.22), (0.60, 0.17, 0.26), (0.02, 0.10, 0.17)),
    *((-0.78, 0.50, 0.15), (0.80, 0.50, 0.17)),
)
"""Share of the half width, of the height, and radius."""


def fireworks(canvas: Canvas, c: Colours) -> None:
    """Bursts over dark ground, which shines."""
    _sky(canvas, c, 0.5, 0.22)
    for number, ((x, y, size), jitter) in enumerate(zip(_BURSTS, canvas.random(5, 3), strict=True)):
        place = canvas.place(x, y) + 0.07 * (jitter[:2] - 0.5)
        reach = size * (0.85 + 0.3 * float(jitter[2]))
        rays, colour = 22 + 2 * number, c[1 + number % 3]

        def burst(x: Floats, y: Floats, reach: float = reach, rays: int = rays) -> Floats:
            away = np.hypot(x, y)
            turn = (np.arctan2(y, x) * np.float32(rays / 2 / np.pi)) % 1
            apart = np.abs(turn - 0.5) * away * (2 * np.pi / rays)
            rise = smoothstep(away / (0.25 * reach)) * smoothstep((reach - away) / (0.10 * reach))
            beads = 0.55 + 0.45 * np.sin(34 * away / reach)
            line = canvas.edge(apart - 0.0012 - 0.004 * np.clip(away / reach, 0, 1), 0.004)
            return np.asarray(line * rise * beads, np.float32)

        canvas.glow(place, 1.35 * reach, colour, 0.22)
        canvas.stamp(place, reach, burst, shaded(colour, 0.25))
    canvas.paint(canvas.edge(canvas.row(0.74) - canvas.y, 0.03), shaded(c[0], 0.10))
    canvas.paint(0.25 * smoothstep(1 - canvas.away(canvas.place(0, 0.85), 0.75, 0.15)), c[1])


_CLOUDS = ((-0.72, 0.20, 0.13), (0.70, 0.30, 0.16), (-0.66, 0.58, 0.17), (0.74, 0.62, 0.13))
"""Share of the half width, of the height, and size."""


def moon(canvas: Canvas, c: Colours) -> None:
    """A full moon between clouds as on silk."""
    _sky(canvas, c, 0.5, 0.30)
    middle, radius = canvas.place(0, 0.42), min(0.36, 0.74 * canvas.right)
    canvas.glow(middle, 0.80, shaded(c[1], 0.2), 0.45)
    canvas.stamp(middle, radius + 0.01, canvas.disc(radius), c[1])
    canvas.glow(middle - 0.2 * radius, 0.8 * radius, shaded(c[1], 0.4), 0.7)
    for (x, y, size), jitter in zip(_CLOUDS, canvas.random(4, 2), strict=True):
        place = canvas.place(x, y) + 0.08 * (jitter - 0.5)
        for across, down, long in ((0.0, 0.0, 1.0), (-0.35, -0.20, 0.55), (0.40, 0.20, 0.65)):
            bar = canvas.box((long * size, 0.105 * size), 0.0, 0.104 * size)
            canvas.stamp(place + size * np.array([across, down]), 1.3 * size, bar, c[2])
    _floor(canvas, c[3], soft=0.02, horizon=0.75)
