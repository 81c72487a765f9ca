"""Figures of renders: kept structure, traces of the network, and distances between embeddings.

photo_figures, ground_figures and seen_figures give the figures of one photo and one render of it;
the functions that they are made of follow. embed gives the vectors by which sets of pictures are
compared, and the distances to sets are unbiased by the size of a set.

ArtFID (Wright and Ommer, "ArtFID: Quantitative Evaluation of Neural Style Transfer", GCPR 2022) is
(1 + mean LPIPS(photo, render)) (1 + FID(references, renders)). Here SqueezeNet replaces Inception
and LPIPS, whose learned weights are not available, and its deep vectors have length 1, so that both
distances are of the order of 1: values compare rows of one style and nothing else. Few references
(4 to 80) make the Frechet distance large for every row alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from stylecore.arrays import Doubles, Floats
from stylecore.evaluation.inputs import scaled_to_area
from stylecore.evaluation.squeezenet import DEEP_LAYER, GRAM_LAYERS, Activations, OnnxSqueezeNet
from stylecore.evaluation.view import Colour, View, drift, unevenness
from stylecore.imaging.foreground import stands_on_white
from stylecore.imaging.photo import Pixels
from stylecore.rendering.gate import blurred, similarity

Figures = dict[str, float]


def photo_figures(photo: View, render: View) -> Figures:
    """Compute structure, fine luminance and traces of the network; both have one size."""
    return {
        "ssim": ssim(photo.luma, render.luma),
        "fine": fine_luminance(photo, render),
        "fine_energy": fine_energy(photo, render),
        "checkerboard": checkerboard(render.luma) - checkerboard(photo.luma),
        "border": border_step(render.lab) - border_step(photo.lab),
    }


def ground_figures(photo: View, render: View, paper: Colour | None) -> Figures:
    """Compute drift and unevenness of white ground; empty where the photo has none."""
    if not stands_on_white(photo.pixels):
        return {}
    return {"ground": drift(render, paper), "uneven": unevenness(render)}


def seen_figures(squeezenet: OnnxSqueezeNet, photo: View) -> Callable[[View], Figures]:
    """Return a function that computes content and texture distance of renders of this photo."""
    seen, grey = _seen(squeezenet, photo), _texture(squeezenet, photo)

    def compared(render: View) -> Figures:
        texture = float(np.linalg.norm(grey - _texture(squeezenet, render)))
        return {"content": content_distance(seen, _seen(squeezenet, render)), "texture": texture}

    return compared


def _seen(squeezenet: OnnxSqueezeNet, view: View) -> Activations:
    return squeezenet.activations(scaled_to_area(view.picture, PAIR_AREA))


def _texture(squeezenet: OnnxSqueezeNet, view: View) -> Floats:
    return gram_embedding(squeezenet.activations(scaled_to_area(view.grey, PAIR_AREA)))


_MARGIN = 5
"""Pixels at each edge that the structural similarity leaves out."""
FINE_SIGMA, ENERGY_SIGMA = 1.5, 3


def ssim(before: Floats, after: Floats) -> float:
    """Compute the mean structural similarity of luma planes [H, W] in [0, 1]; a copy has 1.

    Wang et al., IEEE TIP 2004. On photos of clothes flat grey has about .55, because plain grounds
    resemble each other.
    """
    means = blurred(before), blurred(after)
    variances = blurred(before**2) - means[0] ** 2 + (blurred(after**2) - means[1] ** 2)
    covariance = blurred(before * after) - means[0] * means[1]
    windows = similarity(*means, variances, covariance)
    return float(windows[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN].mean(dtype=np.float64))


def fine_luminance(photo: View, render: View) -> float:
    """Correlate the band Y - gaussian(Y, 1.5 px) inside the product, -1..1.

    The finest level of a Laplacian pyramid (Burt and Adelson, 1983): whether detail is the same.
    """
    return correlation(*(band[photo.product] for band in _bands(photo, render)))


def fine_energy(photo: View, render: View) -> float:
    """Correlate the band's local energy, -1..1: whether detail is in the same places."""
    energies = [np.sqrt(ndimage.gaussian_filter(b**2, ENERGY_SIGMA)) for b in _bands(photo, render)]
    return correlation(*(energy[photo.product] for energy in energies))


def correlation(a: Floats, b: Floats) -> float:
    """Compute Pearson's of two vectors, 0 where one is constant."""
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.clip(a @ b / norm, -1, 1)) if norm > 1e-9 else 0.0


def fine_band(luma: Floats) -> Floats:
    """Subtract its blur from luma [H, W]."""
    return np.asarray(luma - ndimage.gaussian_filter(luma, FINE_SIGMA))


def _bands(photo: View, render: View) -> list[Floats]:
    return [fine_band(view.luma) for view in (photo, render)]


TILE = 64
_NEIGHBOURS = np.array([-7, -6, -5, -4, -3, 3, 4, 5, 6, 7])
EDGE = 16
"""Pixels at each edge that a shift leaves out, because the edge was repeated there."""


def checkerboard(luma: Floats) -> float:
    """Find the strongest peak, in dB over its neighbours, at the grids of upsampling: 2 and 4 px.

    Power spectrum by Welch (1967): Hann-windowed tiles, half overlapping. At each frequency of
    {0, 1/4, 1/2}^2 but 0 the power is compared with the larger of the medians of its neighbours, 3
    to 7 bins away along the row and along the column, so that a true edge's ridge is no peak. The
    noise of 8-bit rounding is the floor. Odena et al., "Deconvolution and checkerboard artifacts",
    Distill 2016, on where the grids come from. `luma` is [H, W] of 0-1, at least 32 px a side.
    """
    power = _power(luma, side := min(TILE, min(luma.shape) // 4 * 4))
    quarter, half = side // 4, side // 2
    # (1/4, 3/4) is the other diagonal of (1/4, 1/4); all else is mirrored in a real spectrum.
    asked = {0: (quarter, half), quarter: (0, quarter, half, 3 * quarter), half: (0, quarter, half)}
    return max(_peak(power, row, column) for row, columns in asked.items() for column in columns)


def border_step(lab: Floats) -> float:
    """Compare the outermost 4 px with the next 4, in LAB units, mean of the four sides.

    The Frechet distance of two Gaussians with diagonal covariance.
    """
    sides = (lab, lab[::-1], lab.swapaxes(0, 1), lab.swapaxes(0, 1)[::-1])
    return float(np.mean([_step(side) for side in sides]))


def shift_difference(render: Pixels, moved: Pixels, shift: int) -> float:
    """Return the mean difference, 0-255, to the render of the shifted photo, shifted back."""
    before, after = render.astype(np.float32), moved.astype(np.float32)
    difference = np.abs(before[:-shift, :-shift] - after[shift:, shift:])
    return float(difference[EDGE:-EDGE, EDGE:-EDGE].mean())


def _power(luma: Floats, side: int) -> Floats:
    hann = np.hanning(side + 1)[:-1]
    window = np.outer(hann, hann).astype(np.float32)
    tiles = np.lib.stride_tricks.sliding_window_view(luma, (side, side))
    tiles = tiles[:: side // 2, :: side // 2].reshape(-1, side, side)
    spectra = np.fft.fft2((tiles - tiles.mean(axis=(1, 2), keepdims=True)) * window)
    rounding = (window**2).sum() / (12 * 255**2)
    return np.asarray((np.abs(spectra) ** 2).mean(axis=0) + rounding)


def _peak(power: Floats, row: int, column: int) -> float:
    side = len(power)
    along_row = np.median(power[row, (column + _NEIGHBOURS) % side])
    along_column = np.median(power[(row + _NEIGHBOURS) % side, column])
    return float(10 * np.log10(power[row, column] / max(along_row, along_column)))


def _step(side: Floats) -> float:
    outer, inner = side[:4].reshape(-1, 3), side[4:8].reshape(-1, 3)
    mean = outer.mean(axis=0) - inner.mean(axis=0)
    deviation = outer.std(axis=0) - inner.std(axis=0)
    return float(np.sqrt(mean @ mean + deviation @ deviation))


PAIR_AREA = 256 * 256
"""Pixels at which a photo and its render are compared."""
STYLE_AREA = 160 * 160
"""Pixels at which styles are compared, about the area of the smallest references."""
RETRIEVAL_AREA = 128 * 128
"""Pixels at which products are recognized, as in a shop's grid of thumbnails."""
RETRIEVAL_GRID = 4


@dataclass(frozen=True)
class Embedding:
    """style: `gram_embedding`; deep: [C] means of fire9, unit; product: `retrieval_embedding`."""

    style: Floats
    deep: Floats
    product: Floats


def embed(squeezenet: OnnxSqueezeNet, picture: Image.Image) -> Embedding:
    """Compute the vectors of a picture, each at its own area."""
    seen = squeezenet.activations(scaled_to_area(picture, STYLE_AREA))
    small = squeezenet.activations(scaled_to_area(picture, RETRIEVAL_AREA))
    return Embedding(
        style=gram_embedding(seen),
        deep=unit(seen[DEEP_LAYER].mean(axis=(1, 2))),
        product=retrieval_embedding(small[DEEP_LAYER]),
    )


def gram_embedding(activations: Activations) -> Floats:
    """Return the normalised Gram matrices of GRAM_LAYERS as one vector of length 1.

    A layer's Gram matrix F F^T / (H W) (Gatys et al., CVPR 2016), centred as in Li et al.,
    "Universal style transfer via feature transforms" (2017), and divided by the channels'
    deviations: the channels' correlation, of Frobenius norm 1. Euclidean distance of two vectors is
    the root mean square over layers of the Frobenius distances, 0 to 2.
    """
    parts = [_correlations(activations[layer]) for layer in GRAM_LAYERS]
    return np.asarray(np.concatenate(parts) / np.sqrt(len(parts)), np.float32)


def retrieval_embedding(activation: Floats) -> Floats:
    """Return, as a unit vector [17 C], a layer's [C, h, w] mean and its means on a 4 x 4 grid."""
    rows = np.array_split(activation, RETRIEVAL_GRID, axis=1)
    cells = [cell for row in rows for cell in np.array_split(row, RETRIEVAL_GRID, axis=2)]
    grid = np.concatenate([cell.mean(axis=(1, 2)) for cell in cells])
    halves = [unit(activation.mean(axis=(1, 2))), unit(grid)]
    return np.asarray(np.concatenate(halves) / np.sqrt(2), np.float32)


def unit(vector: Floats) -> Floats:
    """Scale the vector to length 1; 0 stays 0."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)


def stacked(embeddings: Sequence[Embedding], name: str) -> Floats:
    """Stack one of the vectors, [N, D]."""
    return np.stack([getattr(embedding, name) for embedding in embeddings])


def _correlations(layer: Floats) -> Floats:
    """Return the upper half of the channels' correlations, weighted so that the norm stays."""
    flat = layer.reshape(len(layer), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    covariance = flat @ flat.T / flat.shape[1]
    variance = np.diag(covariance)
    deviation = np.sqrt(variance + 0.01 * variance.mean() + 1e-6)
    places, weights = _upper_half(len(deviation))
    return unit((covariance / np.outer(deviation, deviation)).take(places) * weights)


@cache
def _upper_half(size: int) -> tuple[NDArray[np.int_], Floats]:
    row, column = np.triu_indices(size)
    weights = np.where(row == column, 1, np.sqrt(2)).astype(np.float32)
    return row * size + column, weights


def artfid(content: float, frechet: float) -> float:
    """Return (1 + content) (1 + frechet); 1 is the best there is."""
    return (1 + content) * (1 + frechet)


def content_distance(photo: Activations, render: Activations) -> float:
    """Return the mean over layers and places of |u - v|^2 of channels of unit length, 0 to 4.

    Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", CVPR
    2018, with equal weights for all channels. Both pictures must have one size.
    """
    return float(np.mean([_apart(photo[layer], render[layer]) for layer in photo]))


def frechet_distance(one: Floats, other: Floats) -> float:
    """Return |m - m'|^2 + Tr(C + C' - 2 (C C')^1/2) of two sets of vectors [N, D] and [M, D].

    Heusel et al., NeurIPS 2017. With A^T A one covariance and B^T B the other, the
    trace of the root is the sum of the singular values of A B^T: exact for sets however small.
    """
    a, b = _root(one), _root(other)
    means = one.mean(axis=0, dtype=np.float64) - other.mean(axis=0, dtype=np.float64)
    shared = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    distance = means @ means + (a**2).sum() + (b**2).sum() - 2 * shared
    return max(float(distance), 0.0)


def _root(rows: Floats) -> Doubles:
    """Return A [K, D], K = min(N, D), such that A^T A is the covariance of rows [N, D]."""
    exact = rows.astype(np.float64)
    centred = (exact - exact.mean(axis=0)) / np.sqrt(len(exact))
    return np.asarray(np.linalg.qr(centred, mode="r"), np.float64)


def _apart(one: Floats, other: Floats) -> float:
    norms = [np.linalg.norm(layer, axis=0, keepdims=True) + 1e-10 for layer in (one, other)]
    return float(((one / norms[0] - other / norms[1]) ** 2).sum(axis=0).mean())


AnyFloats = NDArray[np.floating]
Rows = NDArray[np.int_]


def squared_distances(a: AnyFloats, b: AnyFloats) -> AnyFloats:
    """Return [len(a), len(b)] squared Euclidean distances of rows."""
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T
    return np.asarray(squares.clip(min=0))


def to_set(to_members: AnyFloats, among_members: AnyFloats) -> AnyFloats:
    """Return the distance of each of N pictures to the true mean of a set of n.

    d^2(x, S) = mean_i |x - s_i|^2 - 1/2 mean_{i != j} |s_i - s_j|^2: the distance to the sample's
    mean would be too large by its variance / n. `to_members` [N, n] and `among_members` [n, n]
    are squared.
    """
    count = len(among_members)
    within = among_members.sum() / (count * (count - 1))
    return np.asarray(np.sqrt((to_members.mean(axis=1) - within / 2).clip(min=1e-6)))


def to_sets(to_all: AnyFloats, among_all: AnyFloats, sets: Sequence[Rows]) -> AnyFloats:
    """Return [N, K] distances to K sets of columns of the squared `to_all` [N, M]."""
    columns = [to_set(to_all[:, rows], among_all[np.ix_(rows, rows)]) for rows in sets]
    return np.stack(columns, axis=1)


def to_set_without_own(pictures: AnyFloats, members: AnyFloats) -> AnyFloats:
    """Return [N] distances of each picture to the set [N, D] without the member of its own row."""
    to_members, among = squared_distances(pictures, members), squared_distances(members, members)
    everyone = np.arange(len(members))
    distances = []
    for row, own in zip(to_members, everyone, strict=True):
        rest = np.delete(everyone, own)
        distances.append(to_set(row[None, rest], among[np.ix_(rest, rest)])[0])
    return np.array(distances)


def share_of_first(distances: AnyFloats, own: Rows) -> AnyFloats:
    """Return [N]: 1 where the own column of [N, K] is the smallest, 1 / k where k tie, else 0."""
    tied = distances <= distances.min(axis=1, keepdims=True) + 1e-5
    return np.asarray(tied[np.arange(len(own)), own] / tied.sum(axis=1))
