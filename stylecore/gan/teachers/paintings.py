"""The painted styles: Van Gogh, watercolour, pastel and pointillism.

Colours go to the references' by linear optimal transport (Pitie & Kokaram 2007), except in
watercolour; contours are those of `outlines` (Winnemoeller 2011).

- Van Gogh: thick strokes that follow the forms, in blues and yellows, lit like ridges of paint.
  Strokes are noise convolved along the structure tensor (Cabral & Leedom 1993; as painting: Hays &
  Essa 2004), each slightly varied in hue and lightness.
- Watercolour: washes that fade into cream paper, sepia in the darks, pigment gathered at edges.
  Pigment density after Bousseau, Kaplan, Thollot & Sillion 2006 ("Interactive watercolor rendering
  with temporal coherence and abstraction"), washes by the generalized Kuwahara filter. The
  references are fruit on bare paper with warm darks: light, quiet places fade to paper, and colours
  that are neither blue nor green take umber as they darken, so grey and black cloth turns brown. A
  light, quiet place may be ground or a pale product; only colour keeps the latter.
- Pastel: chalk strokes of broken colour on buff paper over blocks of the stick's side. Strokes of
  two sizes (Hertzmann 1998, Litwinowicz 1997) lie along a slant that bends with the forms; the
  pressure of the hand is noise convolved along the slant; contours are redrawn in dark chalk. Lines
  thinner than a stroke break.
- Pointillism: three layers of dots of clear colour, never mixed. Dots sit at the maxima of noise
  and take the photo's colour at their seed, each slightly turned in hue, with complementaries among
  them as Signac (1899) describes.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Floats
from stylecore.gan.teachers.color import PHOTOS
from stylecore.gan.teachers.filters import (
    Mark,
    along,
    band_noise,
    blur,
    cells,
    displaced,
    dots,
    flow,
    gradient,
    kuwahara,
    local_contrast,
    luminance,
    mix,
    outlines,
    smoothstep,
    straight,
    strokes,
    unit_noise,
)
from stylecore.imaging.color import Gaussian, from_oklab, to_oklab, transport


def paint_van_gogh(photo: Floats, noise: Floats, palette: Gaussian) -> Floats:
    """Paint `photo` [H,W,3] in oil from a noise field [H,W,3], in the references' colours."""
    light = luminance(photo)
    lines = flow(light, 4.0, noise[..., 2], weight=0.0006)
    strokes = along(np.stack([band_noise(noise[..., k], 1.45) for k in range(3)], 2), lines, 11)
    strokes *= np.float32(2.3)
    steep = blur(np.hypot(*gradient(light)), 1.0)
    strokes *= (1 - 0.55 * smoothstep(0.06, 0.22, steep))[..., None]
    lab = transport(to_oklab(along(blur(photo, 0.9), lines, 5)), PHOTOS, palette, 0.55)
    contrast = local_contrast(light, 8.0, 0.05)
    lab[..., 0] = 0.06 + 0.92 * lab[..., 0] + 0.022 * contrast + 0.070 * strokes[..., 0]
    lab[..., 1] = 1.35 * lab[..., 1] + 0.022 * strokes[..., 1]
    lab[..., 2] = 1.35 * lab[..., 2] + 0.055 * strokes[..., 2]
    lab[..., 2] -= 0.07 * smoothstep(0.55, 0.25, light)
    ridge = gradient(blur(strokes[..., 0] + 0.5 * strokes[..., 2], 0.5))
    lab[..., 0] += 0.075 * (ridge[0] + ridge[1])
    ink = outlines(light, lines, sigma=1.1, threshold=0.10, sharpness=6.0, floor=0.06)
    lab *= (1 - 0.45 * ink)[..., None]
    return from_oklab(lab)


WATERCOLOUR_PAPER = (0.992, 0.972, 0.898)

_PAPER_LAB = to_oklab(np.array(WATERCOLOUR_PAPER, np.float32))

_DEEPEST = 0.82

_UMBER = (0.075, 0.105)
"""OKLab a and b that a neutral wash gains for each unit of depth."""


def paint_watercolour(photo: Floats, noise: Floats) -> Floats:
    """Paint `photo` [H,W,3] in watercolour from a noise field [H,W,3]."""
    first, second = noise[..., 0], noise[..., 1]
    wobbly = displaced(photo, 0.8 * unit_noise(first, 6.0), 0.8 * unit_noise(second, 6.0))
    wash = 0.6 * kuwahara(wobbly, 2.4) + 0.4 * wobbly
    lab, edge = to_oklab(np.clip(wash, 0, 1)), _edge(luminance(wash))
    tone = _tone(lab, luminance(wobbly))
    depth = _pigment(tone * _kept(lab, edge), edge, noise)
    depth = np.clip(depth + 0.25 * _pencil(photo) * np.clip(0.75 - depth, 0, 1), 0, _DEEPEST)
    return _coloured(lab, np.asarray(0.65 * tone + 0.35 * depth, np.float32), depth)


def _edge(light: Floats) -> Floats:
    """Return gradient over luminance [H,W]: a dark edge counts as much as a light one."""
    down, across = gradient(blur(light, 0.8))
    return np.asarray(np.hypot(down, across) / (0.25 * light + 0.05), np.float32)


def _tone(lab: Floats, light: Floats) -> Floats:
    """Return the wash's depth [H,W] below the paper's lightness; highlights blend into it."""
    lightness = 0.10 + 1.02 * lab[..., 0] + 0.015 * local_contrast(light, 5.0, 0.03)
    depth = _PAPER_LAB[0] - lightness
    eased = np.maximum(depth + 0.08, 0) ** 2 / 0.32
    return np.asarray(np.where(depth < 0.08, eased, depth), np.float32)


def _kept(lab: Floats, edge: Floats) -> Floats:
    """Return the wash's share [H,W] that stays: light quiet places fade, coloured ones less."""
    chroma = blur(np.hypot(lab[..., 1], lab[..., 2]), 2.0)
    quiet = smoothstep(0.24, 0.05, blur(edge, 8.0)) * smoothstep(0.42, 0.68, lab[..., 0])
    return np.asarray(1 - 0.45 * quiet * (1 - 0.85 * smoothstep(0.03, 0.10, chroma)), np.float32)


def _pigment(depth: Floats, edge: Floats, noise: Floats) -> Floats:
    """Return depth [H,W] times pigment density (section 4.1), less slips of bare paper at edges."""
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
    """Paint [H,W,3]: the wash's colour as strong as the `tint`, umber by the `depth` [H,W]."""
    a, b = lab[..., 1], lab[..., 2]
    gain = 1.2 / (1 + 2 * np.hypot(a, b)) * smoothstep(0.0, 0.05, tint)
    cool = np.maximum(smoothstep(0.004, 0.03, -b - 0.3 * a), smoothstep(0.003, 0.025, -a))
    warm = depth * (1 - 0.8 * cool)
    paper = smoothstep(0.12, 0.0, depth)
    golden = smoothstep(0.005, 0.03, blur(b - a, 3.0))  # even, or dark green turns rusty
    red = gain * a + _UMBER[0] * warm * (1 - 0.9 * golden) + _PAPER_LAB[1] * paper
    yellow = gain * b + _UMBER[1] * warm + _PAPER_LAB[2] * (0.3 + 0.7 * paper)
    return from_oklab(np.stack([_PAPER_LAB[0] - depth, red, yellow], axis=2))


PASTEL_PAPER = (0.84, 0.75, 0.60)

_SLANT = -58.0

_BLOCKS = Mark(spacing=7.0, length=24.0, width=7.5, tolerance=0.12)

_STROKES = Mark(spacing=5.0, length=15.0, width=3.4, tolerance=0.07)

_BROKEN = np.array([0.010, 0.008, 0.014], np.float32)
"""Deviation of a stroke's colour from its place's, in OKLab."""


def paint_pastel(photo: Floats, noise: Floats, palette: Gaussian) -> Floats:
    """Draw `photo` [H,W,3] in chalk from a noise field [H,W,3], near the references' colours."""
    light = luminance(photo)
    lines = flow(light, 3.5, noise[..., 2], weight=0.0006, lean=_SLANT)
    lab = _chalks(photo, light, palette)
    pressure = along(band_noise(noise[..., 1], 7.0), straight(light.shape, _SLANT), 9, 1.5)
    pressed = lab + 0.095 * pressure[..., None] * np.array([1, 0, 0], np.float32)
    drawn = pressed
    for mark, channels in ((_BLOCKS, [0, 1]), (_STROKES, [2, 0])):
        laid = strokes(lab, noise[..., channels], lines, mark)
        chance = np.clip(laid.of(np.roll(noise, 1, axis=2)), -2, 2)
        drawn = mix(drawn, laid.of(pressed) + chance * _BROKEN, laid.covered)
    drawn = blur(drawn, 0.6)
    drawn[..., 0] += 0.005 * unit_noise(noise[..., 0], 0.8)
    contour = outlines(light, lines, sigma=1.1, threshold=0.10, sharpness=6.0)
    return from_oklab(drawn * (1 - 0.12 * contour)[..., None])


def _chalks(photo: Floats, light: Floats, palette: Gaussian) -> Floats:
    """Choose the OKLab colours [H,W,3] of strokes, near the references'."""
    lab = transport(to_oklab(blur(photo, 1.0)), PHOTOS, palette, 0.6)
    lab[..., 0] += 0.04 * local_contrast(light, 8.0, 0.05)
    lab[..., 1:] *= 1.3
    return lab


_LAYERS = ((4.2, 9.0), (3.7, 1.8), (3.2, 1.25))
"""Spacing and radius of each layer in pixels; the first covers all."""


def paint_pointillism(photo: Floats, noise: Floats, palette: Gaussian) -> Floats:
    """Paint `photo` [H,W,3] in dots from a noise field [H,W,3], in the references' colours."""
    lab = transport(to_oklab(blur(photo, 0.7)), PHOTOS, palette, 0.3)
    lab[..., 0] += 0.24 * (1 - lab[..., 0]) + 0.05 * local_contrast(luminance(photo), 5.0, 0.05)
    lab[..., 1:] *= 1.9
    result = np.zeros_like(photo)
    for layer, (spacing, radius) in enumerate(_LAYERS):
        cell = cells(noise[..., layer], spacing)
        jitter = cell.of(np.roll(noise, layer + 1, axis=2))
        colour = cell.of(lab)
        colour = colour + jitter * np.array([0.050, 0.028, 0.036], np.float32)
        result = mix(result, from_oklab(colour), dots(cell.distance, radius))
    return result
