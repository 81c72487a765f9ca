"""Filters that the teachers are made of, all local and without absolute phase.

Each reads a few pixels around a place and uses neither the picture's size nor its statistics, so a
crop of a painting is the painting of the crop. Seeds and orders come from the noise field, so that
neighbouring crops agree.

- kuwahara: flat washes with firm edges, the generalized Kuwahara filter (Papari, Petkov & Campisi
  2007, as in Kyprianidis, Kang & Doellner 2009): the mean of eight sectors around each pixel,
  weighted towards the one of least variance. Sectors are Gaussian discs offset from the centre, so
  it costs one blur and eight shifts.
- flow, along: the smoothed structure tensor (Brox, Weickert, Burgeth & Mrazek 2006) gives the
  direction of least change, line integral convolution (Cabral & Leedom 1993) averages along it. A
  weak tensor drawn from noise is added, so that strokes swirl where the photo is flat. At corners
  the direction is a compromise.
- outlines: the extended difference of Gaussians along the flow (Winnemoeller 2011, "XDoG", with the
  line smoothing of Kang, Lee & Chui 2007). Luminance is first divided by its local contrast, so
  that a seam on black cloth draws as well as one on white; woven cloth draws many lines.
- cells, dots: stippling similar to blue noise in the spirit of Secord 2002, with seeds at the local
  maxima of band-passed noise.
- strokes: opaque marks of one colour each in random order (Hertzmann 1998), each clipped where the
  picture's colour changes (Litwinowicz 1997) so that contours stay. A stroke of the right colour
  may still cross a thin gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stylecore.arrays import Floats


def blur(picture: Floats, sigma: float) -> Floats:
    """Blur a [H,W] or [H,W,C] picture over its first two axes, in pixels."""
    sigmas = (sigma, sigma) + (0.0,) * (picture.ndim - 2)
    return np.asarray(
        ndimage.gaussian_filter(picture, sigmas, truncate=2.8, mode="nearest"), np.float32
    )


def unit_noise(noise: Floats, sigma: float) -> Floats:
    """Blur white noise [H,W] of variance 1 and restore its variance."""
    return blur(noise, sigma) * np.float32(2 * np.sqrt(np.pi) * sigma)


def band_noise(noise: Floats, sigma: float) -> Floats:
    """Filter noise [H,W] to one grain size: a difference of blurs, with about variance 1."""
    band = blur(noise, sigma) - blur(noise, 1.6 * sigma)
    return band * np.float32(2 * np.sqrt(np.pi) * sigma * 2.0)


def gradient(picture: Floats) -> tuple[Floats, Floats]:
    """Compute central differences [H,W] down and across of a plane [H,W]."""
    down, across = np.gradient(picture)
    return np.asarray(down, np.float32), np.asarray(across, np.float32)


def smoothstep(low: float, high: float, value: Floats) -> Floats:
    """Return 0 below `low`, 1 above `high`, a cubic between."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def luminance(picture: Floats) -> Floats:
    """Return Rec. 601 luma [H,W] of [H,W,3]."""
    return np.asarray(picture @ np.array([0.299, 0.587, 0.114], np.float32), np.float32)


def mix(first: Floats, second: Floats, share: Floats) -> Floats:
    """Blend pictures [H,W,3]: `first` where the share [H,W] is 0, `second` where it is 1."""
    return np.asarray(first + (second - first) * share[..., None], np.float32)


def displaced(picture: Floats, down: Floats, across: Floats) -> Floats:
    """Sample a picture [H,W] or [H,W,C] at each place plus a displacement, bilinearly."""
    height, width = down.shape
    y = np.clip(np.arange(height, dtype=np.float32)[:, None] + down, 0, height - 1.001)
    x = np.clip(np.arange(width, dtype=np.float32)[None, :] + across, 0, width - 1.001)
    top, left = y.astype(np.intp), x.astype(np.intp)
    v, u = y - top, x - left
    if picture.ndim == 3:
        v, u = v[..., None], u[..., None]
    upper = picture[top, left] * (1 - u) + picture[top, left + 1] * u
    lower = picture[top + 1, left] * (1 - u) + picture[top + 1, left + 1] * u
    return np.asarray(upper * (1 - v) + lower * v, np.float32)


def local_contrast(light: Floats, sigma: float, floor: float) -> Floats:
    """Return luminance [H,W] less its local mean over its deviation; `floor` damps flat places."""
    mean = blur(light, sigma)
    deviation = np.sqrt(np.maximum(blur(light * light, sigma) - mean * mean, 0))
    return np.asarray((light - mean) / (deviation + floor), np.float32)


_SECTORS = 8


def kuwahara(picture: Floats, radius: float, power: float = 4.0) -> Floats:
    """Flatten a picture [H,W,3]; `radius` in pixels, a higher `power` makes harder edges."""
    mean = blur(picture, radius * 0.45)
    variance = np.maximum(blur(picture * picture, radius * 0.45) - mean * mean, 0).sum(axis=2)
    deviation = np.sqrt(variance) * 255 + 1.0
    margin = int(np.ceil(radius)) + 1
    padding = ((margin, margin), (margin, margin))
    means = np.pad(mean, (*padding, (0, 0)), mode="edge")
    weights = np.pad(deviation ** np.float32(-power), padding, mode="edge")
    total, norm = np.zeros_like(picture), np.zeros(picture.shape[:2], np.float32)
    height, width = picture.shape[:2]
    for angle in np.arange(_SECTORS) * 2 * np.pi / _SECTORS:
        top = margin + round(float(radius * 0.8 * np.sin(angle)))
        left = margin + round(float(radius * 0.8 * np.cos(angle)))
        share = weights[top : top + height, left : left + width]
        total += means[top : top + height, left : left + width] * share[..., None]
        norm += share
    return np.asarray(total / norm[..., None], np.float32)


@dataclass(frozen=True)
class Flow:
    """Unit tangent (down, across) and anisotropy in [0,1], each [H,W]."""

    down: Floats
    across: Floats
    anisotropy: Floats


def flow(
    light: Floats,
    sigma: float,
    swirl: Floats | None = None,
    weight: float = 0.0,
    lean: float = 0.0,
) -> Flow:
    """Compute the direction along the edges of a luminance [H,W].

    `sigma` smooths the tensor, in pixels; `swirl` [H,W] is white noise that dominates with `weight`
    (in squared gradient units) where the photo is flat, about `lean` degrees from the horizontal.
    """
    dy, dx = gradient(blur(light, 1.0))
    xx, xy, yy = blur(dx * dx, sigma), blur(dx * dy, sigma), blur(dy * dy, sigma)
    if swirl is not None:
        angle = np.float32(np.pi) * unit_noise(swirl, 13.0) * np.float32(0.42)
        angle += np.float32(np.deg2rad(lean))
        xx = xx + weight * (np.sin(angle) ** 2)
        yy = yy + weight * (np.cos(angle) ** 2)
        xy = xy - weight * np.sin(angle) * np.cos(angle)
    spread = np.sqrt((xx - yy) ** 2 + 4 * xy * xy)
    normal = 0.5 * np.arctan2(2 * xy, xx - yy)
    anisotropy = spread / (xx + yy + 1e-6)
    return Flow(
        np.cos(normal).astype(np.float32),
        (-np.sin(normal)).astype(np.float32),
        anisotropy.astype(np.float32),
    )


def straight(shape: tuple[int, int], degrees: float) -> Flow:
    """Make a flow in one direction everywhere, in degrees from the horizontal."""
    angle = np.deg2rad(degrees)
    return Flow(
        np.full(shape, np.sin(angle), np.float32),
        np.full(shape, np.cos(angle), np.float32),
        np.ones(shape, np.float32),
    )


def along(picture: Floats, lines: Flow, length: int, step: float = 1.0) -> Floats:
    """Convolve [H,W] or [H,W,C] along the lines: the mean over 2 length + 1 places each."""
    height, width = lines.down.shape
    flat = picture.reshape(height * width, -1)
    total = flat.copy()
    for sign in (1.0, -1.0):
        total += _walk(flat, lines, sign * step, length)
    mean = total / np.float32(2 * length + 1)
    return np.asarray(mean.reshape(picture.shape), np.float32)


def _walk(flat: Floats, lines: Flow, step: float, length: int) -> Floats:
    """Sum the picture over `length` steps on one side, keeping the tangent's direction."""
    height, width = lines.down.shape
    y = np.repeat(np.arange(height, dtype=np.float32), width)
    x = np.tile(np.arange(width, dtype=np.float32), height)
    tangent_y, tangent_x = lines.down.ravel(), lines.across.ravel()
    dy, dx = tangent_y * np.float32(step), tangent_x * np.float32(step)
    total = np.zeros_like(flat)
    for _ in range(length):
        y, x = np.clip(y + dy, 0, height - 1), np.clip(x + dx, 0, width - 1)
        place = (y + 0.5).astype(np.intp) * width + (x + 0.5).astype(np.intp)
        total += flat[place]
        next_y, next_x = tangent_y[place], tangent_x[place]
        turn = np.where(next_y * dy + next_x * dx < 0, np.float32(-1), np.float32(1))
        turn *= np.float32(abs(step))
        dy, dx = next_y * turn, next_x * turn
    return total


_RATIO = 1.6


def outlines(
    light: Floats,
    lines: Flow,
    sigma: float = 1.0,
    threshold: float = 0.12,
    sharpness: float = 9.0,
    floor: float = 0.06,
    smooth: int = 4,
) -> Floats:
    """Compute ink coverage [H,W] in [0,1] from a luminance [H,W] in [0,1].

    `sigma` is the line's half width in pixels, `threshold` how much darker than its surroundings a
    place must be (in local deviations), `floor` the contrast below which nothing is drawn.
    """
    contrast = local_contrast(light, 8.0, floor)
    difference = blur(contrast, sigma * _RATIO) - blur(contrast, sigma)
    difference = along(difference, lines, smooth)
    ink = np.tanh(sharpness * (difference - threshold))
    return np.asarray(np.clip(ink, 0, 1), np.float32)


def edge_strength(light: Floats, sigma: float, floor: float) -> Floats:
    """Return the local contrast's gradient [H,W]: about 0 on flat places, 1 on a clear edge."""
    down, across = gradient(blur(local_contrast(light, 8.0, floor), sigma))
    return np.asarray(np.hypot(down, across), np.float32)


@dataclass(frozen=True)
class Cells:
    """The nearest seed of every pixel: distance in pixels, row and column, [H,W] each."""

    distance: Floats
    row: NDArray[np.int32]
    column: NDArray[np.int32]

    def of(self, picture: Floats) -> Floats:
        """Sample a picture [H,W] or [H,W,C] at the seeds, flat within each cell."""
        return np.asarray(picture[self.row, self.column], np.float32)


def cells(noise: Floats, spacing: float) -> Cells:
    """Make cells whose seeds are about `spacing` pixels apart, from white noise [H,W]."""
    band = band_noise(noise, spacing * 0.36)
    peaks = (band == ndimage.maximum_filter(band, size=3)) & (band > -0.2)
    distance, nearest = ndimage.distance_transform_edt(~peaks, return_indices=True)
    return Cells(np.asarray(distance, np.float32), nearest[0], nearest[1])


def dots(distance: Floats, radius: Floats | float, softness: float = 0.7) -> Floats:
    """Compute the coverage [H,W] of round dots of a radius in pixels around each seed."""
    return np.asarray(np.clip((radius - distance) / softness + 0.5, 0, 1), np.float32)


@dataclass(frozen=True)
class Mark:
    """A layer's marks, in pixels: the spacing of their seeds, their mean length and width.

    `tolerance` is the OKLab distance from the seed's colour at which a mark ends.
    """

    spacing: float
    length: float
    width: float
    tolerance: float


@dataclass(frozen=True)
class Strokes:
    """The seed of the topmost mark of every pixel, row and column [H,W]; itself if uncovered."""

    row: NDArray[np.intp]
    column: NDArray[np.intp]
    covered: Floats

    def of(self, picture: Floats) -> Floats:
        """Sample a picture [H,W] or [H,W,C] at the seeds, flat within each mark."""
        return np.asarray(picture[self.row, self.column], np.float32)


def strokes(lab: Floats, noise: Floats, lines: Flow, mark: Mark) -> Strokes:
    """Lay marks along `lines` over a picture [H,W,3] in OKLab.

    `noise` [H,W,2] is white: the first channel places the seeds, the second orders the marks and
    varies their size.
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
    """List mark, row and column of every pixel that a mark covers."""
    stretch = 1 + 0.3 * np.clip(chance[:, 0] - 1.2, -1.5, 1.5)[:, None]
    breadth = 1 + 0.25 * np.clip(chance[:, 1], -2, 2)[:, None]
    reach = int(np.ceil(0.5 * np.hypot(1.45 * mark.length, 1.5 * mark.width)))
    down, across = (grid.ravel() for grid in np.mgrid[-reach : reach + 1, -reach : reach + 1])
    tangent_y, tangent_x = lines.down[row, column][:, None], lines.across[row, column][:, None]
    forth = np.abs(down * tangent_y + across * tangent_x) / (0.5 * mark.length * stretch)
    aside = np.abs(across * tangent_y - down * tangent_x) / (0.5 * mark.width * breadth)
    seed, offset = np.nonzero(forth**4 + aside**2 < 1)
    return seed, row[seed] + down[offset], column[seed] + across[offset]
