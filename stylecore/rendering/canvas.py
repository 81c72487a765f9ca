"""A canvas to paint shapes on by formula: the same picture at every size.

Places are in units of the shorter side, from the middle; a shape's edge is a pixel wide or softer.
Coverage is a share of 0-1, colours are RGB of 0-1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stylecore.arrays import Floats

Numbers = NDArray[np.floating[Any]]
Coverage = Callable[[Floats, Floats], Numbers]
"""Of places (x, y) that are broadcast against one another."""


class Canvas:
    """A picture [H, W, 3] in the making, with its places and its random numbers."""

    def __init__(self, seed: int, height: int, width: int, ground: Floats) -> None:
        """Fill the canvas with a colour [3]."""
        side = min(height, width)
        self.pixel = 1 / side
        self.right, self.bottom = width / side / 2, height / side / 2
        self.x = _places(width, side)[None]
        self.y = _places(height, side)[:, None]
        self.picture: Floats = np.empty((height, width, 3), np.float32)
        self.picture[:] = ground
        self._stream = np.random.Philox(key=seed)

    def row(self, share: float) -> float:
        """Return the y of a share of the height, from the top."""
        return (2 * share - 1) * self.bottom

    def place(self, x: float, y: float) -> Floats:
        """Return the place [2] at shares of the half width from the middle and of the height."""
        return np.array([x * self.right, self.row(y)], np.float32)

    def random(self, *shape: int) -> Floats:
        """Return numbers of 0-1, the next of the seed's."""
        # Of NumPy's generators only the raw stream is the same in every version.
        words = self._stream.random_raw(int(np.prod(shape))) >> np.uint64(40)
        return (words / np.float32(2**24)).astype(np.float32).reshape(shape)

    def scattered(self, density: float) -> Floats:
        """Return [n, 2] places all over the canvas, evenly; `density` of them on a square of 1.

        The R2 sequence (Roberts 2018) from a random start.
        """
        count = max(1, round(density * 4 * round(self.right, 2) * round(self.bottom, 2)))
        steps = np.arange(count)[:, None] * np.array([0.7548776662, 0.5698402910])
        extent = 2.16 * np.array([self.right, self.bottom])  # a little beyond the edges
        return np.asarray(((self.random(2) + steps) % 1 - 0.5) * extent, np.float32)

    def edge(self, distance: Numbers, soft: float = 0.0) -> Floats:
        """Return the coverage of what lies at a distance below 0, its edge `soft` wide."""
        if soft <= self.pixel:
            return np.asarray(np.clip(0.5 - distance / self.pixel, 0, 1), np.float32)
        return smoothstep(0.5 - distance / soft)

    def away(self, place: Numbers, across: float, down: float | None = None) -> Floats:
        """Return [H, W], the distance from a place in units of an ellipse's half axes."""
        x = (self.x - place[0]) / across
        y = (self.y - place[1]) / (across if down is None else down)
        return np.asarray(np.hypot(x, y), np.float32)

    def paint(self, cover: Numbers, colour: Numbers) -> None:
        """Mix in a colour, [3] or broadcast to [H, W, 3], by its coverage."""
        self.picture += cover[..., None].astype(np.float32) * (colour - self.picture)

    def light(self, amount: Numbers) -> None:
        """Move towards white where `amount` is above 0, else towards black."""
        given = amount[..., None].astype(np.float32)
        self.picture += np.where(given > 0, given * (1 - self.picture), given * self.picture)

    def stamp(
        self, place: Numbers, reach: float, cover: Coverage, colour: Numbers, share: float = 1.0
    ) -> None:
        """Paint a small shape, which is asked for its coverage by places from its own middle."""
        x, y = float(place[0]), float(place[1])
        columns, rows = _within(self.x[0], x, reach), _within(self.y[:, 0], y, reach)
        found = cover(self.x[:, columns] - np.float32(x), self.y[rows] - np.float32(y))
        part = self.picture[rows, columns]
        part += np.float32(share) * found[..., None].astype(np.float32) * (colour - part)

    def glow(self, place: Numbers, radius: float, colour: Numbers, share: float) -> None:
        """Paint a disc that fades from its middle."""
        self.stamp(
            place, radius, lambda x, y: smoothstep(1 - np.hypot(x, y) / radius), colour, share
        )

    def disc(self, radius: float, soft: float = 0.0) -> Coverage:
        """Return a disc's coverage."""
        return lambda x, y: self.edge(np.hypot(x, y) - radius, soft)

    def box(self, half: tuple[float, float], turn: float = 0.0, rounded: float = 0.0) -> Coverage:
        """Return a turned rectangle's coverage, its corners rounded by a radius."""

        def cover(x: Floats, y: Floats) -> Floats:
            along, beside = turned(x, y, turn)
            across = np.abs(along) - np.float32(half[0] - rounded)
            down = np.abs(beside) - np.float32(half[1] - rounded)
            outside = np.hypot(np.maximum(across, 0), np.maximum(down, 0))
            return self.edge(outside + np.minimum(np.maximum(across, down), 0) - rounded)

        return cover

    def leaf(self, length: float, width: float, turn: float) -> Coverage:
        """Return a leaf's coverage: between two arcs, from its stalk at (0, 0)."""

        def cover(x: Floats, y: Floats) -> Floats:
            along, beside = turned(x, y, turn)
            share = along / np.float32(length)
            profile = width / 2 * np.sin(np.pi * np.clip(share, 0, 1) ** 0.8)
            beyond = np.maximum(np.abs(share - 0.5) - 0.5, 0) * length
            return self.edge(np.abs(beside) - profile + beyond)

        return cover

    def wavy(self, along: Floats, waves: float, octaves: int) -> Floats:
        """Return a random line of about -1 to 1 at places along it, `waves` bends a unit."""
        line = np.zeros_like(along)
        for octave, (pace, phase) in enumerate(self.random(octaves, 2)):
            rate = waves * 2**octave * (0.8 + 0.4 * pace)
            line = line + np.sin(2 * np.pi * (along * rate + phase)) / 2**octave
        return np.asarray(line / 1.6, np.float32)


def _places(count: int, side: int) -> Floats:
    return np.asarray((np.arange(count) + 0.5 - count / 2) / side, np.float32)


def _within(line: Floats, middle: float, reach: float) -> slice:
    first, last = np.searchsorted(line, [middle - reach, middle + reach])
    return slice(int(first), int(last))


def turned(x: Floats, y: Floats, turn: float) -> tuple[Floats, Floats]:
    """Return places along a direction of `turn` radians and across it."""
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    return cos * x + sin * y, cos * y - sin * x


def smoothstep(share: Numbers) -> Floats:
    """Return a share rising softly from 0 to 1 between 0 and 1."""
    inner = np.clip(share, 0, 1).astype(np.float32)
    return np.asarray(inner * inner * (3 - 2 * inner), np.float32)


def shaded(colour: Floats, amount: float) -> Floats:
    """Return a colour nearer to white by a share above 0, or to black by one below."""
    moved = colour + amount * (1 - colour) if amount > 0 else colour * (1 + amount)
    return np.asarray(moved, np.float32)
