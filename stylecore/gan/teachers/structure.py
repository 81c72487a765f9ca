"""Which way the picture flows, and streaks along it.

The smoothed structure tensor (Brox, Weickert, Burgeth & Mrazek 2006) gives the direction of least
change; line integral convolution (Cabral & Leedom 1993) averages along it. A weak tensor drawn from
noise joins in, so that strokes swirl gently where the photo itself says nothing. It does not know
objects: at a corner the direction is a compromise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stylecore.arrays import Floats
from stylecore.gan.teachers.filters import blur, gradient, unit_noise


@dataclass(frozen=True)
class Flow:
    """Unit tangent (down, across) and anisotropy in [0,1], each [H,W]."""

    down: Floats
    across: Floats
    anisotropy: Floats


def flow(
    light: Floats,
    sigma: float,
    swirl: Floats | None = None,
    weight: float = 0.0,
    lean: float = 0.0,
) -> Flow:
    """Direction along the edges of a luminance [H,W].

    `sigma` smooths the tensor, in pixels; `swirl` [H,W] is white noise that leads with `weight`
    (in squared gradient units) where the photo is flat, about `lean` degrees from the horizontal.
    """
    dy, dx = gradient(blur(light, 1.0))
    xx, xy, yy = blur(dx * dx, sigma), blur(dx * dy, sigma), blur(dy * dy, sigma)
    if swirl is not None:
        angle = np.float32(np.pi) * unit_noise(swirl, 13.0) * np.float32(0.42)
        angle += np.float32(np.deg2rad(lean))
        xx = xx + weight * (np.sin(angle) ** 2)
        yy = yy + weight * (np.cos(angle) ** 2)
        xy = xy - weight * np.sin(angle) * np.cos(angle)
    spread = np.sqrt((xx - yy) ** 2 + 4 * xy * xy)
    normal = 0.5 * np.arctan2(2 * xy, xx - yy)
    anisotropy = spread / (xx + yy + 1e-6)
    return Flow(
        np.cos(normal).astype(np.float32),
        (-np.sin(normal)).astype(np.float32),
        anisotropy.astype(np.float32),
    )


def straight(shape: tuple[int, int], degrees: float) -> Flow:
    """A flow in one direction everywhere, counted from the horizontal."""
    angle = np.deg2rad(degrees)
    return Flow(
        np.full(shape, np.sin(angle), np.float32),
        np.full(shape, np.cos(angle), np.float32),
        np.ones(shape, np.float32),
    )


def along(picture: Floats, lines: Flow, length: int, step: float = 1.0) -> Floats:
    """Line integral convolution of [H,W] or [H,W,C]: the mean over 2 length + 1 places each."""
    height, width = lines.down.shape
    flat = picture.reshape(height * width, -1)
    total = flat.copy()
    for sign in (1.0, -1.0):
        total += _walk(flat, lines, sign * step, length)
    mean = total / np.float32(2 * length + 1)
    return np.asarray(mean.reshape(picture.shape), np.float32)


def _walk(flat: Floats, lines: Flow, step: float, length: int) -> Floats:
    """Sum of the picture at `length` steps on one side, following the tangent's own sign."""
    height, width = lines.down.shape
    y = np.repeat(np.arange(height, dtype=np.float32), width)
    x = np.tile(np.arange(width, dtype=np.float32), height)
    tangent_y, tangent_x = lines.down.ravel(), lines.across.ravel()
    dy, dx = tangent_y * np.float32(step), tangent_x * np.float32(step)
    total = np.zeros_like(flat)
    for _ in range(length):
        y, x = np.clip(y + dy, 0, height - 1), np.clip(x + dx, 0, width - 1)
        place = _index(y, x, width)
        total += flat[place]
        next_y, next_x = tangent_y[place], tangent_x[place]
        turn = np.where(next_y * dy + next_x * dx < 0, np.float32(-1), np.float32(1))
        turn *= np.float32(abs(step))
        dy, dx = next_y * turn, next_x * turn
    return total


def _index(y: Floats, x: Floats, width: int) -> NDArray[np.intp]:
    return (y + 0.5).astype(np.intp) * width + (x + 0.5).astype(np.intp)
