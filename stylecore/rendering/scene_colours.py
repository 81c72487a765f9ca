"""Colours of a backdrop that suit a product: the complement of its hue or an analogue of it.

A backdrop's colours are tones about one hue. Hues that stand in such a relation to the product's
are tried in order of preference, each lighter and darker; taken are the first whose ground is far
enough from the colours along the product's outline. A product without a hue of its own goes with
any; its backdrops keep to hues that please beside grey, by the scene's seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from stylecore.arrays import Floats
from stylecore.imaging.color import from_oklab, in_gamut, to_cielab, to_linear, to_oklab
from stylecore.imaging.photo import to_pixels
from stylecore.rendering.backdrops import BACKDROPS, Backdrop

LEAST_RATIO, LEAST_DIFFERENCE = 1.5, 20.0
"""Contrast at the outline: of luminance (WCAG 2, with its 0.05), or CIE76."""
SPARE = 1.7
"""How many times of that is wanted: light, shadow and paint take some."""
COLOURLESS = 0.025
"""Mean chroma in OKLab below which a product has no hue."""
OWN_HUE = 30.0
"""Degrees within which a hue is the product's own."""
_RELATIONS = (180.0, 150.0, 210.0, 60.0, -60.0, 90.0, -90.0)
_BESIDE_GREY = (255.0, 75.0, 25.0, 165.0, 300.0)
_SHIFTS = (0.0, 0.07, -0.10, -0.18, -0.27, 0.16, -0.36, 0.28)
"""Of lightness, in order of preference."""
_BAND = 3
"""Pixels inside of the outline whose colours count."""


def suited(name: str, photo: Floats, alpha: Floats, seed: int) -> list[Floats]:
    """Return the backdrop's colours, RGB [3] of 0-1, for a product in a photo [h, w, 3].

    `alpha` [h, w] is its matte. Raises KeyError for a name that is none.
    """
    backdrop = BACKDROPS[name]
    outline = outline_colours(photo, alpha)
    hue = hue_of(photo, alpha)
    best, reached = None, -1.0
    for wanted in _hues(backdrop, hue, seed):
        for shift in _SHIFTS:
            colours = _colours(backdrop, wanted, shift)
            found = min(contrast(colour, outline) for colour in colours[: backdrop.behind])
            if found >= SPARE:
                return colours
            if found > reached:
                best, reached = colours, found
    return best or _colours(backdrop, 0.0, 0.0)


def default_colours(name: str) -> list[Floats]:
    """Return a backdrop's colours without a product, RGB [3] of 0-1."""
    backdrop = BACKDROPS[name]
    number = list(BACKDROPS).index(name)
    return _colours(backdrop, _hues(backdrop, None, number)[0], 0.0)


def hue_of(photo: Floats, alpha: Floats) -> float | None:
    """Return the product's dominant hue in degrees of OKLab, None where it has none."""
    lab = to_oklab(photo[alpha > 0.9] if (alpha > 0.9).any() else photo.reshape(-1, 3))
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    across, up = (lab[:, 1:] * chroma[:, None]).sum(axis=0) / max(float(chroma.sum()), 1e-6)
    if float(np.hypot(across, up)) < COLOURLESS:
        return None
    return float(np.degrees(np.arctan2(up, across)) % 360)


def outline_colours(photo: Floats, alpha: Floats) -> Floats:
    """Return [n, 3], the product's colours just inside of its outline, RGB of 0-1."""
    product = alpha > 0.9
    band = product & ~ndimage.binary_erosion(product, iterations=_BAND, border_value=1)
    shown = photo[band if band.any() else alpha > 0]
    return shown if len(shown) else photo.reshape(-1, 3)


def contrast(ground: Floats, outline: Floats) -> float:
    """Return how far a ground [3] is from an outline's colours [n, 3]; at 1 it is just enough."""
    apart = np.linalg.norm(
        to_cielab(to_pixels(outline)) - to_cielab(to_pixels(ground[None])), axis=-1
    )
    light, other = _luminance(ground), _luminance(outline)
    ratio = np.maximum(light + 0.05, other + 0.05) / np.minimum(light + 0.05, other + 0.05)
    # In halves, since a light and a dark part of an outline are not each other's mean.
    either = np.maximum(
        apart / np.float32(LEAST_DIFFERENCE), np.log(ratio) / np.float32(np.log(LEAST_RATIO))
    )
    return float(np.minimum(either, 2.5).mean())


def _luminance(colours: Floats) -> Floats:
    return to_linear(colours) @ np.array([0.2126, 0.7152, 0.0722], np.float32)


def _hues(backdrop: Backdrop, product: float | None, seed: int) -> Sequence[float]:
    if backdrop.hues is not None:
        apart = [hue for hue in backdrop.hues if not is_near(hue, product)]
        return [*apart, *(hue for hue in backdrop.hues if hue not in apart)]
    if product is None:
        first = seed % len(_BESIDE_GREY)
        return [*_BESIDE_GREY[first:], *_BESIDE_GREY[:first]]
    return [(product + turn) % 360 for turn in _RELATIONS]


def is_near(hue: float, product: float | None) -> bool:
    """Whether a hue is the product's own."""
    return product is not None and abs((hue - product + 180) % 360 - 180) < OWN_HUE


def _colours(backdrop: Backdrop, hue: float, shift: float) -> list[Floats]:
    colours = []
    for tone in backdrop.tones:
        angle = np.radians(hue + tone.turn)
        lightness = np.clip(tone.lightness + shift, 0.16, 0.97)
        lab = [lightness, tone.chroma * np.cos(angle), tone.chroma * np.sin(angle)]
        colours.append(from_oklab(in_gamut(np.array([lab], np.float32)))[0])
    return colours
