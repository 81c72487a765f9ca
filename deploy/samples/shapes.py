"""Shapes of the sample products: turned, bent, boxed, stuffed and laid-flat ones.

Lengths are in centimetres. On a turned shape u = 0.5 faces the camera. What this module does not
know: materials, light, and whether two shapes intersect (they may; a ray tracer does not mind).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from mesh import Floats, Mesh, grid, merged, moved
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage


def filleted(corners: Sequence[tuple[float, float]], radius: float, steps: int = 8) -> Floats:
    """The polyline with each inner corner rounded by a quadratic curve of about that radius."""
    points = np.array(corners, float)
    line = [points[0]]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        back, ahead = before - corner, after - corner
        far = [float(np.linalg.norm(side)) for side in (back, ahead)]
        start = corner + back * min(radius / far[0], 0.5)
        end = corner + ahead * min(radius / far[1], 0.5)
        t = np.linspace(0, 1, steps)[:, None]
        line.extend((1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end)
    return np.array([*line, points[-1]])


def curve(corners: ArrayLike, steps: int = 12, closed: bool = False) -> Floats:
    """A Catmull-Rom curve through the points [N, D]."""
    points = np.asarray(corners, float)
    if closed:
        padded = np.concatenate([points[-1:], points, points[:2]])
    else:
        padded = np.concatenate(
            [2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]]
        )
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = [
        0.5
        * (
            2 * b
            + (c - a) * t
            + (2 * a - 5 * b + 4 * c - d) * t**2
            + (3 * b - a - 3 * c + d) * t**3
        )
        for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False)
    ]
    return np.concatenate([*pieces, padded[-2:-1]])


def revolved(profile: ArrayLike, flutes: int = 0, depth: float = 0.0, segments: int = 160) -> Mesh:
    """Turns the profile [N, 2] of (radius, z), bottom up along the outside, about z.

    flutes waves of the given depth (a share of the radius) run around it.
    """
    line = np.asarray(profile, float)
    angle = -1.5 * np.pi + 2 * np.pi * np.linspace(0, 1, segments * (3 if flutes else 1) + 1)
    wave = 1 + depth * np.cos(flutes * angle)
    radius = line[:, :1] * wave
    height = np.broadcast_to(line[:, 1:], radius.shape)
    return grid(np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=-1))


def disc(radius: float, z: float = 0.0) -> Mesh:
    """A flat round plate facing up, its picture mapped straight on."""
    plate = revolved([(radius, z), (0.0, z)])
    return replace(plate, uv=plate.positions[:, :2] / (2 * radius) + 0.5)


def ball(radius: float) -> Mesh:
    angle = np.linspace(-np.pi / 2, np.pi / 2, 65)
    return revolved(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def torus(radius: float, thickness: float) -> Mesh:
    angle = np.linspace(-np.pi, np.pi, 49)
    return revolved(np.stack([radius + thickness * np.cos(angle), thickness * np.sin(angle)], 1))


def tube(
    path: ArrayLike,
    radius: ArrayLike,
    closed: bool = False,
    flat: float = 1.0,
    up: tuple[float, float, float] = (0, 0, 1),
) -> Mesh:
    """Sweeps a circle along the path [N, 3]; radius is one number or N of them.

    flat squeezes the section across `up`, the side that the section's height looks to: 0.3 makes
    a strap. Open ends are closed round.
    """
    line = np.asarray(path, float)
    girth = np.broadcast_to(np.asarray(radius, float), len(line)).copy()
    if closed:
        line, girth = np.concatenate([line, line[:1]]), np.append(girth, girth[0])
    ahead = np.gradient(line, axis=0)
    if closed:
        ahead[0] = ahead[-1] = line[1] - line[-2]
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    if not closed:
        line, girth, ahead = _round_ends(line, girth, ahead)
    side = np.cross(ahead, np.array(up, float))
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    over = np.cross(side, ahead)
    angle = -2 * np.pi * np.linspace(0, 1, 41)[None, :, None]
    ring = side[:, None] * np.cos(angle) + flat * over[:, None] * np.sin(angle)
    return grid(line[:, None] + girth[:, None, None] * ring)


def _round_ends(line: Floats, girth: Floats, ahead: Floats) -> tuple[Floats, Floats, Floats]:
    turn = np.linspace(0, np.pi / 2, 7)[:, None]
    head = line[0] - girth[0] * np.cos(turn) * ahead[0] * 0.6
    tail = line[-1] + girth[-1] * np.sin(turn) * ahead[-1] * 0.6
    return (
        np.concatenate([head, line, tail]),
        np.concatenate([girth[0] * np.sin(turn[:, 0]), girth, girth[-1] * np.cos(turn[:, 0])]),
        np.concatenate([np.repeat(ahead[:1], 7, 0), ahead, np.repeat(ahead[-1:], 7, 0)]),
    )


def box(width: float, depth: float, height: float, radius: float) -> dict[str, Mesh]:
    """The six faces of a box with rounded edges, standing on z = 0: front (to the camera), ..."""
    half = np.array([width, depth, height]) / 2
    sides = {
        "front": ((0, 1), (2, 1), (1, -1)),
        "back": ((0, -1), (2, 1), (1, 1)),
        "right": ((1, 1), (2, 1), (0, 1)),
        "left": ((1, -1), (2, 1), (0, -1)),
        "top": ((0, 1), (1, 1), (2, 1)),
        "bottom": ((0, 1), (1, -1), (2, -1)),
    }
    return {name: moved(_face(half, radius, *axes), z=height / 2) for name, axes in sides.items()}


def _face(
    half: Floats, radius: float, across: tuple[int, int], up: tuple[int, int], out: tuple[int, int]
) -> Mesh:
    rim = radius * np.tan(np.linspace(0, np.pi / 4, 7))
    lines = []
    for axis, _ in (across, up):
        flat = half[axis] - radius
        lines.append(np.concatenate([-flat - rim[::-1], [0.0], flat + rim]))
    u, v = np.meshgrid(lines[0], lines[1])
    points = np.zeros((*u.shape, 3))
    points[..., across[0]], points[..., up[0]] = u * across[1], v * up[1]
    points[..., out[0]] = half[out[0]] * out[1]
    inner = np.clip(points, -(half - radius), half - radius)
    away = points - inner
    points = inner + radius * away / np.linalg.norm(away, axis=-1, keepdims=True)
    mesh = grid(points)
    extent = np.array([half[across[0]], half[up[0]]])
    return replace(mesh, uv=np.stack([u, v], -1).reshape(-1, 2) / (2 * extent) + 0.5)


def rounded_box(width: float, depth: float, height: float, radius: float) -> Mesh:
    return merged(*box(width, depth, height, radius).values())


def pillow(width: float, height: float, depth: float, pinch: float = 0.07) -> Mesh:
    """A stuffed cushion standing upright: both sides bulge, the corners stay, the edges draw in."""
    side = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 81))
    x, z = np.meshgrid(side, side)
    bulge = depth / 2 * ((1 - x**2) * (1 - z**2)) ** 0.42
    wide = width / 2 * x * (1 - pinch * (1 - z**2))
    high = height / 2 * z * (1 - pinch * (1 - x**2)) + height / 2
    front = grid(np.stack([wide, -bulge, high], axis=-1))
    front = replace(front, uv=np.stack([x, z], axis=-1).reshape(-1, 2) / 2 + 0.5)
    back = grid(np.stack([-wide, bulge, high], axis=-1))
    return merged(front, replace(back, uv=front.uv))


def laid_flat(silhouette: Floats, width: float, thickness: float, creases: Floats) -> Mesh:
    """Cloth lying on the ground in the silhouette [4N, 4N] of 0..1 (row 0 is the far edge).

    creases [N, N] in centimetres are added to the height. The hem curls down within a thickness;
    from there the cloth rises by another one to its middle.
    """
    size = len(creases)
    distance = _inward(silhouette > 0.5, size)
    cell = width / size
    slope_row, slope_column = np.gradient(distance)
    row, column = np.mgrid[0:size, 0:size].astype(float)
    outside = np.minimum(distance, 0.0)
    row, column = row - outside * slope_row, column - outside * slope_column
    curl, swell = (np.clip(distance * cell / (reach * thickness), 0, 1) for reach in (1, 6))
    height = thickness * (np.sqrt(1 - (1 - curl) ** 2) + swell * (2 - swell)) + creases * curl
    x, y = (column + 0.5 - size / 2) * cell, (size / 2 - row - 0.5) * cell
    points = np.stack([x, y, np.maximum(height, 0.0)], axis=-1)[::-1]
    corners = np.stack([distance[:-1, :-1], distance[1:, :-1], distance[:-1, 1:], distance[1:, 1:]])
    keep = (corners.max(axis=0) > 0) & (corners.min(axis=0) > -2)
    sheet = grid(points, keep[::-1])
    return replace(sheet, uv=sheet.positions[:, :2] / width + 0.5)


def _inward(inside: NDArray[np.bool_], size: int) -> Floats:
    """Distance to the edge in cells, negative outside, averaged from a mask of four times size."""
    fine = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    cells = fine.reshape(size, 4, size, 4).mean(axis=(1, 3)) / 4
    smooth: Floats = ndimage.gaussian_filter(cells, 0.8)
    return smooth
