"""The few colours that a picture is remembered by: k-means in OKLab, each at its most vivid.

Hue and chroma count more than lightness, the starts lie far apart so that accents get a colour of
their own (Gonzalez 1985, rare outliers left out), and each cluster is represented by its more vivid
pixels, for the mean of a painted area is duller than the area looks. The same picture gives the
same colours. Shares of the clusters are not kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stylecore.colour import Plane

COUNT = 6
SAMPLES = 4_000
STEPS = 12
CHROMA_WEIGHT = 2.3
"""What a difference in a or b counts against one in lightness."""
OUTLIERS, VIVID = 0.985, 0.7
"""Quantiles: of the distance at which a new start is taken, of the chroma that represents."""


def dominant_colours(lab: Plane) -> Plane:
    """At most COUNT colours [n,3] of OKLab pixels [N,3], N at least 1, dark to light."""
    some = lab[:: max(1, len(lab) // SAMPLES)]
    places = some * np.array([1, CHROMA_WEIGHT, CHROMA_WEIGHT], np.float32)
    centres = _starts(places)
    for _ in range(STEPS):
        nearest = _nearest(places, centres)
        used = np.unique(nearest)
        centres = np.stack([places[nearest == cluster].mean(axis=0) for cluster in used])
    nearest = _nearest(places, centres)
    colours = np.stack([_vivid(some[nearest == cluster]) for cluster in np.unique(nearest)])
    return colours[np.argsort(colours[:, 0])]


def _starts(places: Plane) -> Plane:
    centres = [places.mean(axis=0)]
    for _ in range(COUNT):
        apart = np.min([((places - centre) ** 2).sum(axis=1) for centre in centres], axis=0)
        centres.append(places[np.argsort(apart)[int(OUTLIERS * (len(apart) - 1))]])
    return np.stack(centres[1:])


def _nearest(places: Plane, centres: Plane) -> NDArray[np.intp]:
    nearest: NDArray[np.intp] = ((places[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    return nearest


def _vivid(colours: Plane) -> Plane:
    chroma = np.hypot(colours[:, 1], colours[:, 2])
    mean: Plane = colours[chroma >= np.quantile(chroma, VIVID)].mean(axis=0)
    return mean
