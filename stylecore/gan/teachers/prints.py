"""The printed and drawn styles: ukiyo-e, ink line, pop art, neon and vintage film.

Lines are those of `outlines`, an extended difference of Gaussians (Winnemoeller 2011).

- Ukiyo-e: flat areas of a woodblock's few pigments, a dark key line, grain of the cherry wood. Flat
  areas by the Kuwahara filter (Kyprianidis 2009) and a soft choice among the pigments of prints by
  Hiroshige and Hokusai: Prussian blue and indigo, beni red, ochre, sage, sumi ink on buff paper.
- Ink line: black lines and slanted hatching on paper. Hatching is a threshold of noise convolved
  along fixed slants (Cabral & Leedom 1993), so it has no lattice; the threshold follows the tone,
  as in tonal art maps (Praun et al. 2001).
- Pop art: saturated flat primaries, bold black outlines, dots in the mid-tones. Posterized after
  Winnemoeller, Olsen & Gooch 2006 ("Real-time video abstraction", soft quantization). The dots
  stand for Ben Day dots but lie as blue noise, because a lattice would have an absolute phase.
- Neon: glowing tubes of colour along the edges on a night-blue ground. Edges are sharpened to
  tubes; the glow is the same light blurred, combined as light adds. Coloured cloth keeps its hue,
  grey cloth takes cyan or magenta by the direction of the edge.
- Vintage film: a faded curve, warm light and teal shadows, silver grain; no vignette, which is not
  local. Curve and split toning are those of an old colour negative; grain is noise of about one
  pixel, strongest in the mid-tones as on film (Newson, Delon & Galerne 2017).
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Floats
from stylecore.gan.teachers.filters import (
    Flow,
    along,
    band_noise,
    blur,
    cells,
    dots,
    edge_strength,
    flow,
    kuwahara,
    local_contrast,
    luminance,
    mix,
    outlines,
    smoothstep,
    straight,
    unit_noise,
)
from stylecore.imaging.color import from_oklab, to_oklab

UKIYO_E_PAPER = (0.949, 0.902, 0.796)

_KEY = np.array((0.09, 0.09, 0.15), np.float32)

_PIGMENTS = np.array(
    [
        UKIYO_E_PAPER,
        (0.87, 0.77, 0.60),  # buff
        (0.93, 0.80, 0.45),  # gamboge
        (0.80, 0.58, 0.24),  # ochre
        (0.56, 0.36, 0.20),  # umber
        (0.90, 0.64, 0.53),  # pale beni
        (0.80, 0.30, 0.21),  # beni red
        (0.52, 0.15, 0.15),  # dark red
        (0.72, 0.79, 0.79),  # pale blue
        (0.42, 0.58, 0.72),  # blue
        (0.13, 0.31, 0.56),  # Prussian blue
        (0.10, 0.16, 0.33),  # indigo
        (0.60, 0.66, 0.46),  # sage
        (0.25, 0.40, 0.30),  # green
        (0.63, 0.60, 0.55),  # grey
        (0.17, 0.18, 0.25),  # sumi
        (0.45, 0.33, 0.48),  # violet
        (0.34, 0.32, 0.33),  # thin sumi
        (0.46, 0.45, 0.45),  # thinner sumi
        (0.80, 0.52, 0.48),  # beni in shadow
        (0.88, 0.75, 0.77),  # lilac
    ],
    np.float32,
)


def paint_ukiyo_e(photo: Floats, noise: Floats) -> Floats:
    """Print `photo` [H,W,3] as a woodblock from a noise field [H,W,3]."""
    light = luminance(photo)
    lines = flow(light, 1.5)
    flat = _printed(kuwahara(photo, 3.2), light)
    grain = along(noise[..., 0], straight(light.shape, 4.0), 12)
    mottle = unit_noise(noise[..., 1], 1.2)
    flat = flat * (1 + 0.13 * grain + 0.018 * mottle)[..., None]
    ink = outlines(light, lines, sigma=0.95, threshold=0.05, sharpness=9.0, floor=0.045, smooth=3)
    return np.clip(mix(flat, _KEY, 0.93 * ink), 0, 1).astype(np.float32)


def _printed(flat: Floats, light: Floats) -> Floats:
    """Replace colours by their nearest pigments, keeping a little of the own colour."""
    lab = to_oklab(flat)
    lightness = lab[..., 0] + 0.06 * local_contrast(light, 9.0, 0.05)
    lab = np.stack([lightness * 0.90 + 0.125, lab[..., 1] * 1.6, lab[..., 2] * 1.6], axis=2)
    pigments = to_oklab(_PIGMENTS)
    scale = np.array([1.0, 2.0, 2.0], np.float32)
    apart = (((lab * scale)[:, :, None] - pigments * scale) ** 2).sum(axis=3)
    share = np.exp(-(apart - apart.min(axis=2, keepdims=True)) / 0.0025)
    chosen = (share / share.sum(axis=2, keepdims=True)) @ pigments
    return from_oklab((chosen + 0.10 * (lab - chosen)).astype(np.float32))


INK_LINE_PAPER = (0.957, 0.933, 0.875)

_INK = np.array((0.10, 0.09, 0.10), np.float32)

_SLANTS = (-52.0, 38.0)


def paint_ink_line(photo: Floats, noise: Floats) -> Floats:
    """Draw `photo` [H,W,3] in ink from a noise field [H,W,3]."""
    light = luminance(photo)
    lines = flow(light, 2.0)
    ink = outlines(light, lines, 0.95, threshold=0.05, sharpness=11.0, floor=0.04, smooth=3)
    calm = luminance(kuwahara(photo, 3.0))
    folds = 0.12 * local_contrast(blur(light, 1.0), 8.0, 0.05)
    tone = np.asarray(np.clip(0.66 - calm - folds, 0, 1), np.float32)
    hatching = _hatching(tone, noise[..., 0], _SLANTS[0])
    hatching = np.maximum(hatching, _hatching(tone - 0.28, noise[..., 1], _SLANTS[1]))
    paper = np.broadcast_to(np.array(INK_LINE_PAPER, np.float32), photo.shape)
    washed = mix(paper, _INK, 0.42 * smoothstep(0.02, 0.62, tone))
    return np.asarray(mix(washed, _INK, np.maximum(ink, 0.62 * hatching)), np.float32)


def _hatching(tone: Floats, noise: Floats, slant: float) -> Floats:
    """Compute coverage [H,W] by hatching: about the share `tone` [H,W] of the streaks is drawn."""
    streaks = along(band_noise(noise, 0.75), straight(tone.shape, slant), 7)
    level = streaks * np.float32(2.6)
    wanted = 1.7 - 3.4 * np.clip(tone, -1, 0.6)
    return smoothstep(-0.25, 0.35, level - wanted)


_BLACK = np.array((0.04, 0.03, 0.06), np.float32)

_LEVELS = np.array([0.40, 0.62, 0.82, 0.985], np.float32)


def paint_pop_art(photo: Floats, noise: Floats) -> Floats:
    """Print `photo` [H,W,3] as a comic from a noise field [H,W,3]."""
    light = luminance(photo)
    lab = to_oklab(kuwahara(photo, 3.2))
    tone = lab[..., 0] + 0.10 * local_contrast(light, 7.0, 0.05)
    plain = from_oklab(_vivid(lab, _posterised(tone)))
    shade = from_oklab(_vivid(lab, _posterised(tone) - 0.25))
    cell = cells(noise[..., 0], 4.6)
    reach = 2.3 * smoothstep(0.84, 0.45, tone) * smoothstep(0.08, 0.40, tone)
    dotted = mix(plain, shade, dots(cell.distance, reach))
    ink = outlines(light, flow(light, 1.8), 1.15, threshold=0.065, sharpness=8.0, floor=0.04)
    return np.clip(mix(dotted, _BLACK, ink), 0, 1).astype(np.float32)


def _posterised(tone: Floats) -> Floats:
    """Quantize lightness to a few levels; the darkest is not black, so that outlines show on it."""
    result = np.full_like(tone, _LEVELS[0])
    for low, high, start in zip(_LEVELS, _LEVELS[1:], (0.36, 0.58, 0.80), strict=False):
        result += (high - low) * smoothstep(start - 0.03, start + 0.03, tone)
    return result


def _vivid(lab: Floats, lightness: Floats) -> Floats:
    """Raise chroma to a poster's; dark neutral tones turn blue violet."""
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    gain = (0.24 * smoothstep(0.03, 0.08, chroma)) / (chroma + 0.012)
    neutral = smoothstep(0.07, 0.03, chroma) * smoothstep(0.78, 0.50, lightness)
    a = lab[..., 1] * gain + 0.02 * neutral
    b = lab[..., 2] * gain - 0.17 * neutral
    return np.stack([lightness, a, b], axis=2).astype(np.float32)


NEON_PAPER = (0.035, 0.025, 0.085)

_SEEN = (0.22, 0.24, 0.30)
"""Share of the photo that shows in the dark; without it products look alike."""


def paint_neon(photo: Floats, noise: Floats) -> Floats:
    """Draw `photo` [H,W,3] as a neon sign; the noise field makes the light vary a little."""
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
    night = np.array(NEON_PAPER, np.float32)
    sign = np.clip(night + body + lit * 0.95 + glow + core * lit, 0, 1)
    seen = (
        photo
        * np.array(_SEEN, np.float32)
        * (1 - smoothstep(0.985, 1.0, photo.min(axis=2)))[..., None]
    )
    return np.asarray(1 - (1 - sign) * (1 - seen), np.float32)


def _colours(photo: Floats, lines: Flow) -> Floats:
    """Choose a bright saturated colour for each place, [H,W,3]."""
    lab = to_oklab(blur(photo, 2.0))
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    own = lab[..., 1:] * (0.23 / (chroma + 1e-4))[..., None]
    upright = lines.down**2
    cyan, magenta = np.array((-0.11, -0.10), np.float32), np.array((0.24, -0.12), np.float32)
    given = cyan + (magenta - cyan) * upright[..., None]
    share = smoothstep(0.02, 0.07, chroma)[..., None]
    ab = given + (own - given) * share
    return from_oklab(np.concatenate([np.full((*chroma.shape, 1), 0.74, np.float32), ab], axis=2))


_FADED = np.array((0.20, 0.15, 0.20), np.float32)

_PEAK = np.array((0.99, 0.93, 0.78), np.float32)

TONE = (1.0, 0.95, 0.85)
"""Tint of a faded print."""

_CURVE = np.array((0.56, 0.66, 0.74), np.float32)


def paint_vintage_film(photo: Floats, noise: Floats) -> Floats:
    """Print `photo` [H,W,3] as faded film from a noise field [H,W,3]."""
    soft = 0.7 * photo + 0.3 * blur(photo, 1.5)
    grey = luminance(soft)[..., None]
    muted = grey + 0.92 * (soft - grey)
    toned = _FADED + (_PEAK - _FADED) * np.clip(muted, 0, 1) ** _CURVE
    grain = unit_noise(noise[..., 0], 0.7) + 0.35 * unit_noise(noise[..., 1], 1.6)
    strength = 0.030 * (0.35 + 4 * grey[..., 0] * (1 - grey[..., 0]) * 0.65)
    return np.asarray(np.clip(toned + (grain * strength)[..., None], 0, 1), np.float32)
