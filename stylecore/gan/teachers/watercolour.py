"""Watercolour: pale washes, pigment gathered at their edges, paper grain, slips of bare paper.

Pigment density after Bousseau, Kaplan, Thollot & Sillion 2006 ("Interactive watercolor rendering
with temporal coherence and abstraction"), washes by the generalised Kuwahara filter.
"""

from __future__ import annotations

import numpy as np

from stylecore.gan.teachers.colour import from_lab, to_lab
from stylecore.gan.teachers.filters import (
    Plane,
    blur,
    displaced,
    gradient,
    local_contrast,
    luminance,
    mix,
    smoothstep,
    unit_noise,
)
from stylecore.gan.teachers.kuwahara import kuwahara
from stylecore.gan.teachers.outlines import outlines
from stylecore.gan.teachers.structure import flow

PAPER = (0.988, 0.961, 0.886)
_PENCIL = np.array((0.30, 0.24, 0.24), np.float32)


def paint(photo: Plane, noise: Plane) -> Plane:
    """Watercolour of `photo` [H,W,3] from a noise field [H,W,3]."""
    first, second, third = noise[..., 0], noise[..., 1], noise[..., 2]
    wobbly = displaced(photo, 0.9 * unit_noise(first, 6.0), 0.9 * unit_noise(second, 6.0))
    wash = 0.7 * kuwahara(wobbly, 2.4) + 0.3 * wobbly
    pale = _pale(wash, luminance(wobbly))
    down, across = gradient(blur(luminance(wash), 0.8))
    edge = np.hypot(down, across) / (0.25 * luminance(wash) + 0.05)
    rim = smoothstep(0.10, 0.75, edge)
    density = (
        1
        + 0.30 * unit_noise(third, 12.0)
        + 0.16 * unit_noise(first, 3.0)
        + 0.15 * unit_noise(second, 0.7)
        + 1.3 * rim
    )
    coloured = _pigment(pale, density)
    gap = smoothstep(0.7, 1.5, unit_noise(third, 3.0)) * smoothstep(0.12, 0.35, blur(edge, 1.0))
    light = luminance(photo)
    pencil = outlines(light, flow(light, 2.0), 0.8, threshold=0.10, floor=0.06)
    bare = np.ones_like(photo)
    drawn = mix(mix(coloured, bare, 0.55 * gap), _PENCIL, 0.42 * pencil)
    return np.asarray(drawn * np.array(PAPER, np.float32), np.float32)


def _pale(wash: Plane, light: Plane) -> Plane:
    """Lifted shadows, cool as Payne's grey, fresh colours, folds by the local contrast."""
    lab = to_lab(wash)
    lightness = 0.42 + 0.69 * lab[..., 0] + 0.050 * local_contrast(light, 5.0, 0.03)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    gain = (0.7 + 0.8 * smoothstep(0.02, 0.08, chroma)) / (1 + 1.5 * chroma)
    cool = 0.035 * smoothstep(0.75, 0.35, lab[..., 0]) * smoothstep(0.08, 0.02, chroma)
    a, b = lab[..., 1] * gain - 0.3 * cool, lab[..., 2] * gain - cool
    bare = 1 - 0.8 * smoothstep(0.86, 1.0, lightness) * smoothstep(0.07, 0.03, chroma)
    return from_lab(np.stack([np.minimum(lightness, 1), a * bare, b * bare], axis=2))


def _pigment(colour: Plane, density: Plane) -> Plane:
    """Density 1 leaves the colour, more darkens it, less lets the paper through (section 4.1)."""
    thick = (colour - colour * colour) * (density[..., None] - 1)
    return np.asarray(np.clip(colour - thick, 0, 1), np.float32)
