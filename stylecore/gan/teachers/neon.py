"""Neon: glowing tubes of colour along the edges, on a night-blue ground.

Edges by a difference of Gaussians of the local contrast (Winnemoeller 2011), sharpened to tubes;
the glow is the same light blurred, added as light adds. Coloured cloth keeps its hue, grey cloth
takes cyan or magenta by the direction of the edge.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Floats
from stylecore.gan.teachers.colour import from_oklab, to_oklab
from stylecore.gan.teachers.filters import blur, luminance, smoothstep
from stylecore.gan.teachers.kuwahara import kuwahara
from stylecore.gan.teachers.outlines import edge_strength
from stylecore.gan.teachers.structure import Flow, along, flow

PAPER = (0.035, 0.025, 0.085)
_SEEN = (0.22, 0.24, 0.30)
"""Share of the photo that shows in the dark: without it one product looks like another."""


def paint(photo: Floats, noise: Floats) -> Floats:
    """Neon sign of `photo` [H,W,3]; the noise field makes the light flicker a little."""
    light = luminance(photo)
    lines = flow(light, 2.0)
    edge = along(edge_strength(light, 1.0, 0.035), lines, 4)
    tube = smoothstep(0.04, 0.36, edge - 0.62 * blur(edge, 5.0))
    colour = _colours(photo, lines)
    flicker = 1 + 0.18 * blur(noise[..., 0], 2.0) * np.float32(7.0)
    lit = colour * (tube * flicker)[..., None]
    body = colour * (0.20 * luminance(kuwahara(photo, 3.0)) + 0.02)[..., None]
    glow = 0.8 * blur(lit, 2.2) + 0.9 * blur(lit, 6.0)
    core = 0.55 * (smoothstep(0.35, 0.8, tube))[..., None]
    night = np.array(PAPER, np.float32)
    sign = np.clip(night + body + lit * 0.95 + glow + core * lit, 0, 1)
    seen = (
        photo
        * np.array(_SEEN, np.float32)
        * (1 - smoothstep(0.985, 1.0, photo.min(axis=2)))[..., None]
    )
    return np.asarray(1 - (1 - sign) * (1 - seen), np.float32)


def _colours(photo: Floats, lines: Flow) -> Floats:
    """Bright saturated colour [H,W,3] of each place."""
    lab = to_oklab(blur(photo, 2.0))
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    own = lab[..., 1:] * (0.23 / (chroma + 1e-4))[..., None]
    upright = lines.down**2
    cyan, magenta = np.array((-0.11, -0.10), np.float32), np.array((0.24, -0.12), np.float32)
    given = cyan + (magenta - cyan) * upright[..., None]
    share = smoothstep(0.02, 0.07, chroma)[..., None]
    ab = given + (own - given) * share
    return from_oklab(np.concatenate([np.full((*chroma.shape, 1), 0.74, np.float32), ab], axis=2))
