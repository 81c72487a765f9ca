"""Views of a batch of pictures: turned, zoomed, mirrored, lighter, darker, another white.

The same geometry is given to a photo and to its render, but for a few pixels, so that they stay a
pair whose parts lie where they lay. Colours move little: they belong to the style.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

ZOOM = (0.72, 1.05)
"""Share of the picture's sides that a view shows."""
ASPECT, TURN, ALONE = 0.12, math.radians(10), 0.03
LIGHT, CONTRAST, WHITE = 0.12, 0.2, 0.06


def random_geometry(count: int, random: torch.Generator) -> Tensor:
    """[count, 2, 3], affine maps from view to picture, in the terms of `affine_grid`."""

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=random)

    zoom, aspect, turn = between(*ZOOM), between(-ASPECT, ASPECT).exp(), between(-TURN, TURN)
    mirror = (torch.rand(count, generator=random) < 0.5).float() * 2 - 1
    across, down = zoom * aspect, zoom / aspect
    room = (1 - zoom).clamp_min(0)
    right, lower = between(-1, 1) * room, between(-1, 1) * room
    cos, sin = turn.cos(), turn.sin()
    rows = (across * cos * mirror, -down * sin, right, across * sin * mirror, down * cos, lower)
    return torch.stack(rows, dim=1).view(count, 2, 3)


def moved_a_little(geometry: Tensor, random: torch.Generator) -> Tensor:
    """The same maps, each shifted by up to 3 % of half a side."""
    shift = (torch.rand(len(geometry), 2, generator=random) * 2 - 1) * ALONE
    return torch.cat([geometry[:, :, :2], geometry[:, :, 2:] + shift[:, :, None]], dim=2)


def views(pictures: Tensor, geometry: Tensor, side: int) -> Tensor:
    """[B, 3, H, W] uint8 through the maps -> [B, 3, side, side] of 0-1; edges are mirrored."""
    grid = functional.affine_grid(geometry, [len(pictures), 3, side, side], align_corners=False)
    return functional.grid_sample(
        pictures.float() / 255, grid, padding_mode="reflection", align_corners=False
    )


def recoloured(pictures: Tensor, random: torch.Generator, strength: float = 1.0) -> Tensor:
    """Contrast, light and white point moved at random, each picture its own way."""

    def around(*shape: int) -> Tensor:
        return (torch.rand(len(pictures), *shape, generator=random) * 2 - 1) * strength

    contrast = 1 + CONTRAST * around(1, 1, 1)
    white = 1 + WHITE * around(3, 1, 1)
    return ((pictures - 0.5) * contrast * white + 0.5 + LIGHT * around(1, 1, 1)).clamp(0, 1)
