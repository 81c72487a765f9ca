"""Colour palettes in OKLab: recolour a picture to a brand's palette, find a picture's own colours.

`repainted` moves a render to a palette of one to five colours. Lightness goes through one rising
curve that moves the picture's tones towards the palette's by rank, so that folds, print and
lettering stay, lighter above darker. Then each pixel takes hue and chroma of the nearest palette
colours, weighted by a softmax of the distance, less of them towards black and white. It recolours
all pixels; restricting it to the product is the caller's task.

`dominant_colours` finds up to six colours of a picture by k-means with deterministic starts.
Differences in hue and chroma weigh more than differences in lightness.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from schemas.types import COLOUR_PATTERN
from stylecore.arrays import Doubles, Floats
from stylecore.errors import SettingsError
from stylecore.imaging.color import in_gamut, to_oklab

MOST = 5
"""Colours of a palette."""
PULL = 0.6
"""Share of the way from a tone to the palette's of its rank."""
STEEPNESS = (0.45, 1.8)
"""Of the curve between two tones: less loses folds, more makes weave and noise coarse."""
SOFTNESS = 0.05
"""In OKLab: colours of the palette that are this much farther than the nearest count little."""
LIGHTNESS_SHARE = 0.7
"""What a difference in lightness counts in nearness, against one in a or b."""
FADE = 0.6
"""Power with which chroma fades towards black and white: 0 not at all, 1 in proportion."""


def parse_palette(text: str, what: str = "palette") -> list[str]:
    """Parse '#112233,#ddeeff'; `what` names it in errors.

    Raises SettingsError unless these are one to five '#rrggbb'.
    """
    colours = [part.strip() for part in text.split(",")]
    if len(colours) > MOST:
        raise SettingsError(f"{what}: {len(colours)} colours are too many; give one to {MOST}")
    for colour in colours:
        if not re.match(COLOUR_PATTERN, colour):
            raise SettingsError(f"{what}: {colour!r} is no colour; write #rrggbb, as in #0a3d62")
    return colours


def rgb_of(colours: Sequence[str]) -> Floats:
    """Return RGB [n,3] of 0-1 of '#rrggbb' colours."""
    channels = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours]
    return np.asarray(channels, np.float32) / np.float32(255)


def palette_lab(colours: Sequence[str]) -> Floats:
    """Return OKLab [n,3] of '#rrggbb' colours, dark to light."""
    lab = to_oklab(rgb_of(colours))
    return lab[np.argsort(lab[:, 0], kind="stable")]


def repainted(lab: Floats, shares: Floats, palette: Floats) -> Floats:
    """Map OKLab [...,3] to the colours of a palette [n,3], which is sorted by lightness.

    `shares` [...] says how much each pixel counts when the tones are ranked, as a product's mask.
    """
    lightness = toned(lab[..., 0], shares, palette[:, 0])
    nearness = _nearness(np.concatenate([lightness[..., None], lab[..., 1:]], axis=-1), palette)
    wanted = nearness @ palette
    light, dark = (1 - lightness) / (1 - wanted[..., 0] + 1e-3), lightness / (wanted[..., 0] + 1e-3)
    kept = np.clip(np.minimum(light, dark), 0, 1) ** np.float32(FADE)
    moved = np.concatenate([lightness[..., None], wanted[..., 1:] * kept[..., None]], axis=-1)
    return in_gamut(np.asarray(moved, np.float32))


def toned(lightness: Floats, shares: Floats, tones: Floats) -> Floats:
    """Map lightness [...] in [0,1] by a curve that rises everywhere, towards rising tones [n]."""
    ranks = (np.arange(len(tones)) + 0.5) / len(tones)
    before = _quantiles(lightness, shares, ranks)
    wanted = before + PULL * (tones - before)
    gaps = np.maximum(np.diff(before), 1e-3)
    steps = np.clip(np.diff(wanted), STEEPNESS[0] * gaps, STEEPNESS[1] * gaps)
    after = np.concatenate([[0.0], np.cumsum(steps)])
    after += wanted.mean() - after.mean()
    xs = np.concatenate([[0.0], np.cumsum(np.concatenate([before[:1], gaps])), [1.0]])
    ys = np.concatenate([[0.0], after.clip(0.02, 0.98), [1.0]])
    xs = np.maximum.accumulate(xs)
    return np.interp(lightness, xs, np.maximum.accumulate(ys)).astype(np.float32)


def with_colour_of(lab: Floats, photo: Floats) -> Floats:
    """Join the lightness of one OKLab picture with hue and chroma of the other, where shown."""
    return in_gamut(np.concatenate([lab[..., :1], photo[..., 1:]], axis=-1))


def _quantiles(lightness: Floats, shares: Floats, ranks: Doubles) -> Floats:
    """Return lightness [n] at ranks in [0,1], within [.02, .98], weighted by pixels' shares."""
    order = np.argsort(lightness, axis=None)
    summed = np.cumsum(shares.reshape(-1)[order].astype(np.float64))
    places = np.searchsorted(summed, ranks * summed[-1])
    values = lightness.reshape(-1)[order[np.minimum(places, len(order) - 1)]]
    return np.asarray(values.clip(0.02, 0.98), np.float32)


def _nearness(lab: Floats, palette: Floats) -> Floats:
    """Return [...,n], the softmax of minus the squared distance to each colour."""
    weight = np.array([LIGHTNESS_SHARE, 1, 1], np.float32)
    apart = ((lab[..., None, :] - palette) * weight) ** 2
    distance = apart.sum(axis=-1) / np.float32(2 * SOFTNESS**2)
    closeness = np.exp(distance.min(axis=-1, keepdims=True) - distance)
    return np.asarray(closeness / closeness.sum(axis=-1, keepdims=True), np.float32)


COUNT = 6
SAMPLES = 4_000
CHROMA_WEIGHT = 2.3
"""What a difference in a or b counts against one in lightness."""
OUTLIERS, VIVID = 0.985, 0.7
"""Quantiles: of the distance at which a new start is taken, of the chroma that represents."""


def dominant_colours(lab: Floats) -> Floats:
    """Return at most COUNT colours [n,3] of OKLab pixels [N,3], N at least 1, dark to light.

    K-means, each cluster represented by its more vivid pixels: the mean of a painted area is duller
    than the area looks. The same pixels give the same colours.
    """
    from scipy.cluster.vq import kmeans, vq  # 0.2 s, at the start of every worker that draws

    some = lab[:: max(1, len(lab) // SAMPLES)]
    places = some * np.array([1, CHROMA_WEIGHT, CHROMA_WEIGHT], np.float32)
    centres, _ = kmeans(places, _starts(places))  # drops clusters that have become empty
    nearest, _ = vq(places, centres)
    colours = np.stack([_vivid(some[nearest == cluster]) for cluster in np.unique(nearest)])
    return colours[np.argsort(colours[:, 0])]


def _starts(places: Floats) -> Floats:
    """Return COUNT places [n,3] that lie far apart (Gonzalez 1985), rare outliers left out.

    So an accent of little area becomes a cluster of its own.
    """
    centres = [places.mean(axis=0)]
    for _ in range(COUNT):
        apart = np.min([((places - centre) ** 2).sum(axis=1) for centre in centres], axis=0)
        centres.append(places[np.argsort(apart)[int(OUTLIERS * (len(apart) - 1))]])
    return np.stack(centres[1:])


def _vivid(colours: Floats) -> Floats:
    chroma = np.hypot(colours[:, 1], colours[:, 2])
    mean: Floats = colours[chroma >= np.quantile(chroma, VIVID)].mean(axis=0)
    return mean
