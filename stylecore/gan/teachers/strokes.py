"""Single strokes: opaque marks of one colour each, laid over one another in a strewn order.

Painterly rendering with brush strokes of curved sizes (Hertzmann 1998), each clipped where the
picture's colour changes (Litwinowicz 1997) so that contours stay. The seeds are the maxima of
band-passed noise and their order is noise too, so neighbouring crops agree. It does not know what
lies under a stroke: a stroke of the right colour may still cross a thin gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stylecore.arrays import Floats
from stylecore.gan.teachers.filters import band_noise
from stylecore.gan.teachers.structure import Flow


@dataclass(frozen=True)
class Mark:
    """A layer's marks, in pixels: how far apart their seeds lie, their mean length and width.

    `tolerance` is the OKLab distance from the seed's colour at which a mark ends.
    """

    spacing: float
    length: float
    width: float
    tolerance: float


@dataclass(frozen=True)
class Strokes:
    """For every pixel the seed whose mark lies on top, row and column [H,W]; where none, itself."""

    row: NDArray[np.intp]
    column: NDArray[np.intp]
    covered: Floats

    def of(self, picture: Floats) -> Floats:
        """A picture [H,W] or [H,W,C] as its values at the seeds, flat within each mark."""
        return np.asarray(picture[self.row, self.column], np.float32)


def strokes(lab: Floats, noise: Floats, lines: Flow, mark: Mark) -> Strokes:
    """Marks along `lines` over a picture [H,W,3] in OKLab; white noise [H,W,2] strews them.

    The first channel of `noise` seeds, the second orders the marks and varies their size.
    """
    height, width = lab.shape[:2]
    band = band_noise(noise[..., 0], mark.spacing * 0.36)
    peaks = (band == ndimage.maximum_filter(band, size=3)) & (band > -0.2)
    row, column = np.nonzero(peaks)
    order = np.argsort(noise[row, column, 1], kind="stable")
    row, column = row[order], column[order]
    seed, y, x = _pixels_of_marks(row, column, noise[row, column], lines, mark)
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    seed, y, x = seed[inside], y[inside], x[inside]
    apart = lab[y, x] - lab[row[seed], column[seed]]
    same = np.einsum("ij,ij->i", apart, apart) < mark.tolerance**2
    top = np.full((height, width), -1, np.intp)
    np.maximum.at(top, (y[same], x[same]), seed[same])
    bare = top < 0
    rows, columns = np.indices(top.shape)
    return Strokes(
        np.where(bare, rows, row[top]),
        np.where(bare, columns, column[top]),
        (~bare).astype(np.float32),
    )


def _pixels_of_marks(
    row: NDArray[np.intp], column: NDArray[np.intp], chance: Floats, lines: Flow, mark: Mark
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Index of the mark, row and column of every pixel that some mark reaches."""
    stretch = 1 + 0.3 * np.clip(chance[:, 0] - 1.2, -1.5, 1.5)[:, None]
    breadth = 1 + 0.25 * np.clip(chance[:, 1], -2, 2)[:, None]
    reach = int(np.ceil(0.5 * np.hypot(1.45 * mark.length, 1.5 * mark.width)))
    down, across = (grid.ravel() for grid in np.mgrid[-reach : reach + 1, -reach : reach + 1])
    tangent_y, tangent_x = lines.down[row, column][:, None], lines.across[row, column][:, None]
    forth = np.abs(down * tangent_y + across * tangent_x) / (0.5 * mark.length * stretch)
    aside = np.abs(across * tangent_y - down * tangent_x) / (0.5 * mark.width * breadth)
    seed, offset = np.nonzero(forth**4 + aside**2 < 1)
    return seed, row[seed] + down[offset], column[seed] + across[offset]
