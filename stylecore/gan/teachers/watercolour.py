"""Watercolour: washes that fade into cream paper, sepia in the darks, pigment gathered at edges.

Pigment density after Bousseau, Kaplan, Thollot & Sillion 2006 ("Interactive watercolor rendering
with temporal coherence and abstraction"), washes by the generalised Kuwahara filter. The references
are fruit on bare paper, their darks warm: light quiet places are left to the paper, and what is
neither blue nor green takes umber as it darkens, so grey and black cloth turns brown. What it does
not know: whether a light quiet place is ground or a pale product; colour alone keeps the latter.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Floats
from stylecore.gan.teachers.colour import from_oklab, to_oklab
from stylecore.gan.teachers.filters import (
    blur,
    displaced,
    gradient,
    local_contrast,
    luminance,
    smoothstep,
    unit_noise,
)
from stylecore.gan.teachers.kuwahara import kuwahara
from stylecore.gan.teachers.outlines import outlines
from stylecore.gan.teachers.structure import flow

PAPER = (0.992, 0.972, 0.898)
_PAPER_LAB = to_oklab(np.array(PAPER, np.float32))
_DEEPEST = 0.82
_UMBER = (0.075, 0.105)
"""OKLab a and b that a neutral wash gains for each unit of depth."""


def paint(photo: Floats, noise: Floats) -> Floats:
    """Watercolour of `photo` [H,W,3] from a noise field [H,W,3]."""
    first, second = noise[..., 0], noise[..., 1]
    wobbly = displaced(photo, 0.8 * unit_noise(first, 6.0), 0.8 * unit_noise(second, 6.0))
    wash = 0.6 * kuwahara(wobbly, 2.4) + 0.4 * wobbly
    lab, edge = to_oklab(np.clip(wash, 0, 1)), _edge(luminance(wash))
    tone = _tone(lab, luminance(wobbly))
    depth = _pigment(tone * _kept(lab, edge), edge, noise)
    depth = np.clip(depth + 0.25 * _pencil(photo) * np.clip(0.75 - depth, 0, 1), 0, _DEEPEST)
    return _coloured(lab, np.asarray(0.65 * tone + 0.35 * depth, np.float32), depth)


def _edge(light: Floats) -> Floats:
    """Gradient over luminance [H,W], so that a dark edge counts as much as a light one."""
    down, across = gradient(blur(light, 0.8))
    return np.asarray(np.hypot(down, across) / (0.25 * light + 0.05), np.float32)


def _tone(lab: Floats, light: Floats) -> Floats:
    """Depth of the wash below the paper's lightness [H,W], highlights eased into the paper."""
    lightness = 0.10 + 1.02 * lab[..., 0] + 0.015 * local_contrast(light, 5.0, 0.03)
    depth = _PAPER_LAB[0] - lightness
    eased = np.maximum(depth + 0.08, 0) ** 2 / 0.32
    return np.asarray(np.where(depth < 0.08, eased, depth), np.float32)


def _kept(lab: Floats, edge: Floats) -> Floats:
    """Share of the wash [H,W] that stays: light quiet places fade, coloured ones less."""
    chroma = blur(np.hypot(lab[..., 1], lab[..., 2]), 2.0)
    quiet = smoothstep(0.24, 0.05, blur(edge, 8.0)) * smoothstep(0.42, 0.68, lab[..., 0])
    return np.asarray(1 - 0.45 * quiet * (1 - 0.85 * smoothstep(0.03, 0.10, chroma)), np.float32)


def _pigment(depth: Floats, edge: Floats, noise: Floats) -> Floats:
    """Depth [H,W] times the pigment's density (section 4.1), less slips of bare paper at edges."""
    density = (
        0.13 * unit_noise(noise[..., 2], 12.0)
        + 0.08 * unit_noise(noise[..., 0], 3.0)
        + 0.10 * unit_noise(noise[..., 1], 1.5)
        + 0.4 * smoothstep(0.08, 0.6, edge)
    )
    bare = smoothstep(0.7, 1.5, unit_noise(noise[..., 2], 3.0))
    bare = bare * smoothstep(0.12, 0.35, blur(edge, 1.0))
    thin = np.clip(1 - depth / _PAPER_LAB[0], 0.15, 1)
    return np.asarray(depth * (1 + density * thin) * (1 - 0.3 * bare), np.float32)


def _pencil(photo: Floats) -> Floats:
    light = luminance(photo)
    return outlines(light, flow(light, 2.0), 0.8, threshold=0.10, floor=0.06)


def _coloured(lab: Floats, tint: Floats, depth: Floats) -> Floats:
    """Picture [H,W,3]: the wash's colour as strong as the `tint`, umber by the `depth` [H,W]."""
    a, b = lab[..., 1], lab[..., 2]
    gain = 1.2 / (1 + 2 * np.hypot(a, b)) * smoothstep(0.0, 0.05, tint)
    cool = np.maximum(smoothstep(0.004, 0.03, -b - 0.3 * a), smoothstep(0.003, 0.025, -a))
    warm = depth * (1 - 0.8 * cool)
    paper = smoothstep(0.12, 0.0, depth)
    golden = smoothstep(0.005, 0.03, blur(b - a, 3.0))  # even, or dark green turns rusty
    red = gain * a + _UMBER[0] * warm * (1 - 0.9 * golden) + _PAPER_LAB[1] * paper
    yellow = gain * b + _UMBER[1] * warm + _PAPER_LAB[2] * (0.3 + 0.7 * paper)
    return from_oklab(np.stack([_PAPER_LAB[0] - depth, red, yellow], axis=2))
