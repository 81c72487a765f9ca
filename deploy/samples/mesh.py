"""A triangle mesh with texture coordinates, and how to move, turn, join and shade it.

z is up and the camera looks along +y. Texture coordinates run from 0 to 1 with u to the right
and v up as seen from outside. What this module does not know: any particular shape.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Mesh:
    """Positions [V, 3] in centimetres, texture coordinates [V, 2], faces [F, 3]."""

    positions: Floats
    uv: Floats
    faces: NDArray[np.int64]


def moved(mesh: Mesh, x: float = 0, y: float = 0, z: float = 0) -> Mesh:
    return replace(mesh, positions=mesh.positions + np.array([x, y, z]))


def scaled(mesh: Mesh, x: float = 1, y: float = 1, z: float = 1) -> Mesh:
    return replace(mesh, positions=mesh.positions * np.array([x, y, z]))


def turned(mesh: Mesh, axis: str, degrees: float) -> Mesh:
    """Rotates about the axis "x", "y" or "z" through the origin, right-handed."""
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    rotation, angle = np.eye(3), np.radians(degrees)
    rotation[i, i] = rotation[j, j] = np.cos(angle)
    rotation[j, i], rotation[i, j] = np.sin(angle), -np.sin(angle)
    return replace(mesh, positions=mesh.positions @ rotation.T)


def merged(*meshes: Mesh) -> Mesh:
    starts = np.cumsum([0] + [len(mesh.positions) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.positions for mesh in meshes]),
        np.concatenate([mesh.uv for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]),
    )


def normals(mesh: Mesh) -> Floats:
    """Smooth normals [V, 3], weighted by area; vertices at the same place share theirs."""
    corners = mesh.positions[mesh.faces]
    areas = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    keys = np.round(mesh.positions / max(float(np.ptp(mesh.positions)), 1e-9), 6)
    place = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
    total = np.zeros((int(place.max()) + 1, 3))
    for corner in range(3):
        np.add.at(total, place[mesh.faces[:, corner]], areas)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    unit: Floats = total / np.maximum(length, 1e-12)
    return unit[place]


def grid(points: Floats, keep: NDArray[np.bool_] | None = None) -> Mesh:
    """A sheet of [R, C, 3] points; rows go up, columns to the right seen from outside.

    keep [R-1, C-1] leaves out cells. u is even over the columns, v follows the rows' length.
    """
    rows, columns = points.shape[:2]
    steps = np.linalg.norm(np.diff(points, axis=0), axis=2).mean(axis=1)
    v = np.concatenate([[0.0], np.cumsum(steps)]) / max(float(steps.sum()), 1e-12)
    uv = np.stack(np.meshgrid(np.linspace(0, 1, columns), v), axis=-1)
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    quads = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], axis=2)
    cells = quads if keep is None else quads[keep]
    return Mesh(points.reshape(-1, 3), uv.reshape(-1, 2), cells.reshape(-1, 3))
