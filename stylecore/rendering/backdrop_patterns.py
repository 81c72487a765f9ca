"""Painters of backdrops without a floor: what a product lies or hangs on. See backdrops.py."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stylecore.arrays import Floats
from stylecore.rendering.backdrop_rooms import lit_wall
from stylecore.rendering.canvas import Canvas, Coverage, shaded, smoothstep, turned

Colours = Sequence[Floats]
_BLACK = np.zeros(3, np.float32)
_MIDDLE = np.zeros(2, np.float32)


def gradient(canvas: Canvas, c: Colours) -> None:
    """Two colours that run into each other, and a third as a glow."""
    turn, bend = (float(number) for number in canvas.random(2))
    along, beside = turned(canvas.x, canvas.y, np.pi * (0.25 + 0.5 * turn))
    along = along + 0.10 * np.sin(3.2 * beside + 6 * bend).astype(np.float32)
    canvas.paint(smoothstep(0.5 + along / (1.3 * max(canvas.right, canvas.bottom))), c[1])
    canvas.glow(canvas.place(bend - 0.5, 0.32), 0.9, c[2], 0.55)


def rays(canvas: Canvas, c: Colours) -> None:
    """Wedges from the middle."""
    turn, wedges = (float(number) for number in canvas.random(2))
    count = 14 + 2 * round(4 * wedges)
    away = canvas.away(np.array([0, 0.02]), 1)
    wave = np.sin(count * (np.arctan2(canvas.y - 0.02, canvas.x) + 2 * np.pi * turn))
    canvas.paint(canvas.edge(-wave * away / count), c[1])
    canvas.light(0.5 * smoothstep(1 - away / 0.62) - 0.10 * smoothstep(away - 0.35))


def waves(canvas: Canvas, c: Colours) -> None:
    """Waves of cut paper, one before the other."""
    canvas.light(0.22 * smoothstep(0.4 - canvas.y))
    for number, phase in enumerate(canvas.random(4)):
        bend = (0.052 - 0.004 * number) * np.sin(2 * np.pi * (0.85 * canvas.x + phase))
        ripple = 0.018 * np.sin(2 * np.pi * (1.7 * canvas.x + 2 * phase))
        below = canvas.y - canvas.row(0.50 + 0.13 * number) - bend - ripple
        canvas.light(-0.22 * smoothstep(1 + below / 0.05) * (below < 0))
        canvas.paint(canvas.edge(-below), c[1 + number])
        crest = canvas.edge(np.abs(below - 0.02) - 0.004)
        canvas.paint(0.55 * crest, shaded(c[1 + number], 0.6))


def leaves(canvas: Canvas, c: Colours) -> None:
    """Twigs from the corners."""
    lit_wall(canvas, 0.2)
    for number, (x, y) in enumerate(((-1, 0), (1, 0), (1, 1), (-1, 1))):
        root = 1.04 * canvas.place(x, y)
        inward = float(np.arctan2(-root[1], -root[0]))
        for twig, (jitter, bend, size) in enumerate(canvas.random(2, 3)):
            turn = inward + (0.5 if twig else -0.55) + 0.4 * (float(jitter) - 0.5)
            colour = c[1 + (number + twig) % 2]
            _twig(canvas, root, (turn, float(bend) - 0.5), 0.36 + 0.10 * float(size), colour)


def _twig(
    canvas: Canvas, root: Floats, turns: tuple[float, float], size: float, colour: Floats
) -> None:
    """Paint leaves in pairs along a stalk, their shadow first; `turns`: its start and its bend."""
    for shadow in (True, False):
        place, turn = root + np.float32(0.016 * shadow), turns[0]
        share = 0.13 if shadow else 1.0
        for step in range(7):
            length = size * (0.42 - 0.035 * step)
            for side in (-1, 1):
                leaf = canvas.leaf(length, 0.36 * length, turn + side * (0.95 - 0.07 * step))
                tone = _BLACK if shadow else shaded(colour, 0.10 * side + 0.02 * step)
                canvas.stamp(place, 1.05 * length, leaf, tone, share)
            turn += turns[1] / 14
            place = place + size * 0.15 * np.array([np.cos(turn), np.sin(turn)])
        tip = canvas.leaf(0.3 * size, 0.10 * size, turn)
        canvas.stamp(place, 0.32 * size, tip, _BLACK if shadow else colour, share)


def terrazzo(canvas: Canvas, c: Colours) -> None:
    """Chips of stone, the large ones rare."""
    canvas.light(-0.06 * canvas.y)
    places = canvas.scattered(190)
    for place, numbers in zip(places, canvas.random(len(places), 9), strict=True):
        size = 0.008 + 0.030 * float(numbers[0]) ** 2.2
        turns = 2 * np.pi * (np.arange(6) + 0.8 * numbers[1:7]) / 6
        reaches = size * (0.65 + 0.6 * np.roll(numbers[1:7], 2))
        tone = shaded(c[1 + int(4 * numbers[7])], 0.25 * float(numbers[8]) + 0.1)
        canvas.stamp(place, 2.2 * size, _chip(canvas, turns, reaches), tone)


def _chip(canvas: Canvas, turns: Floats, reaches: Floats) -> Coverage:
    """Return the coverage of what lies within straight sides."""

    def cover(x: Floats, y: Floats) -> Floats:
        sides = [
            turned(x, y, float(turn))[0] - reach for turn, reach in zip(turns, reaches, strict=True)
        ]
        return canvas.edge(np.maximum.reduce(sides))

    return cover


def checks(canvas: Canvas, c: Colours) -> None:
    """Gingham: stripes across stripes."""
    pitch = 0.125
    weave = 0.5 + 0.04 * np.sin(2 * np.pi * (canvas.x + canvas.y) / 0.0125)
    for line, start in zip((canvas.x, canvas.y), canvas.random(2), strict=True):
        inside = np.abs((line + start * pitch) % (2 * pitch) - pitch) - pitch / 2
        canvas.paint(canvas.edge(inside) * weave, c[1])


def dots(canvas: Canvas, c: Colours) -> None:
    """Dots in rows, each row half a step on."""
    pitch, (shift, turn) = 0.155, canvas.random(2)
    along, beside = turned(canvas.x, canvas.y, 0.25 + 0.3 * float(turn))
    row = np.floor(beside / pitch)
    x = ((along + shift) / pitch + 0.5 * (row % 2)) % 1 - 0.5
    canvas.paint(canvas.edge(np.hypot(x, beside / pitch - row - 0.5) * pitch - 0.031), c[1])
    lit_wall(canvas, 0.10)


def paper(canvas: Canvas, c: Colours) -> None:
    """Sheets from three sides, torn along white edges."""
    fibres = canvas.wavy(canvas.x, 9, 3) * canvas.wavy(canvas.y, 7, 3)
    canvas.light(0.012 * fibres)
    start = 2 * np.pi * float(canvas.random(1)[0])
    for number, (turn, inset) in enumerate(((0.0, 0.36), (2.3, 0.34), (4.2, 0.41))):
        outward, along = turned(canvas.x, canvas.y, start + turn)
        torn = 0.030 * canvas.wavy(along, 1.1, 2) + 0.006 * canvas.wavy(along, 13, 4)
        rim = 0.016 + 0.006 * canvas.wavy(along, 17, 3)
        far = abs(float(np.cos(start + turn))) * canvas.right
        far += abs(float(np.sin(start + turn))) * canvas.bottom
        inside = (1 - inset) * far + torn - outward
        canvas.light(-0.30 * (1 - smoothstep(inside / 0.045 + 0.3)))
        canvas.paint(canvas.edge(inside), np.array([0.97, 0.96, 0.94], np.float32))
        canvas.paint(canvas.edge(inside + rim), c[1 + number])


def confetti(canvas: Canvas, c: Colours) -> None:
    """Discs and strips of paper, thrown."""
    canvas.light(0.25 * smoothstep(0.7 - canvas.away(_MIDDLE, 1)))
    places = canvas.scattered(120)
    for place, (size, turn, kind, tone) in zip(places, canvas.random(len(places), 4), strict=True):
        big = 0.007 + 0.010 * float(size)
        half = (big * (2.0 if kind > 0.7 else 1.2), 0.55 * big)
        strip = canvas.box(half, np.pi * float(turn), 0.2 * big)
        cover = canvas.disc(0.8 * big) if kind < 0.4 else strip
        canvas.stamp(place + np.array([0.004, 0.006]), 3 * big, cover, _BLACK, 0.12)
        canvas.stamp(place, 3 * big, cover, c[1 + int(4 * tone)])


def hearts(canvas: Canvas, c: Colours) -> None:
    """Hearts of all sizes."""
    canvas.light(0.25 * smoothstep(0.75 - canvas.away(_MIDDLE, 1)))
    places = canvas.scattered(26)
    for place, (size, turn, kind) in zip(places, canvas.random(len(places), 3), strict=True):
        big = 0.022 + 0.045 * float(size) ** 2

        def heart(x: Floats, y: Floats, big: float = big, turn: float = float(turn)) -> Floats:
            across, down = turned(x / np.float32(big), y / np.float32(big), 0.9 * (turn - 0.5))
            shape = across**2 + (1.15 * down + 0.62 * np.sqrt(np.abs(across))) ** 2 - 1
            return canvas.edge(0.42 * big * shape)

        canvas.stamp(place + np.array([0.008, 0.012]), 2 * big, heart, _BLACK, 0.10)
        canvas.stamp(place, 2 * big, heart, c[1 + int(3 * kind)])
