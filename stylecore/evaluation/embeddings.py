"""What the eye keeps of a picture as one vector: its style, its product, its deep mean.

Distances of these vectors are the figures' business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stylecore.arrays import Floats
from stylecore.evaluation.perceptual import DEEP_LAYER, GRAM_LAYERS, Activations, Eye
from stylecore.evaluation.pictures import scaled_to_area

PAIR_AREA = 256 * 256
"""Pixels at which a photo and its render are compared."""
STYLE_AREA = 160 * 160
"""Pixels at which styles are compared: about those of the smallest references."""
RETRIEVAL_AREA = 128 * 128
"""Pixels at which products are recognised, as in a shop's grid of thumbnails."""
RETRIEVAL_GRID = 4


@dataclass(frozen=True)
class Embedding:
    """style: `gram_embedding`; deep: [C] means of fire9, unit; product: `retrieval_embedding`."""

    style: Floats
    deep: Floats
    product: Floats


def embed(eye: Eye, picture: Image.Image) -> Embedding:
    """The vectors of a picture, each at its own area."""
    seen = eye.see(scaled_to_area(picture, STYLE_AREA))
    small = eye.see(scaled_to_area(picture, RETRIEVAL_AREA))
    return Embedding(
        style=gram_embedding(seen),
        deep=unit(seen[DEEP_LAYER].mean(axis=(1, 2))),
        product=retrieval_embedding(small[DEEP_LAYER]),
    )


def gram_embedding(activations: Activations) -> Floats:
    """The normalised Gram matrices of GRAM_LAYERS as one vector of length 1.

    A layer's Gram matrix F F^T / (H W) (Gatys et al., CVPR 2016), centred as in Li et al.,
    "Universal style transfer via feature transforms" (2017), and divided by the channels'
    deviations: the channels' correlation, of Frobenius norm 1. Euclidean distance of two vectors is
    the root mean square over layers of the Frobenius distances, 0 to 2.
    """
    parts = [_correlations(activations[layer]) for layer in GRAM_LAYERS]
    return np.asarray(np.concatenate(parts) / np.sqrt(len(parts)), np.float32)


def retrieval_embedding(activation: Floats) -> Floats:
    """Unit vector of a layer's [C, h, w] global mean and its means on a 4 x 4 grid, [17 C]."""
    rows = np.array_split(activation, RETRIEVAL_GRID, axis=1)
    cells = [cell for row in rows for cell in np.array_split(row, RETRIEVAL_GRID, axis=2)]
    grid = np.concatenate([cell.mean(axis=(1, 2)) for cell in cells])
    halves = [unit(activation.mean(axis=(1, 2))), unit(grid)]
    return np.asarray(np.concatenate(halves) / np.sqrt(2), np.float32)


def unit(vector: Floats) -> Floats:
    """The vector with length 1; 0 stays 0."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)


def stacked(embeddings: Sequence[Embedding], name: str) -> Floats:
    """[N, D] of one of the vectors."""
    return np.stack([getattr(embedding, name) for embedding in embeddings])


def _correlations(layer: Floats) -> Floats:
    """Upper half of the channels' correlation matrix, weighed so that the norm stays."""
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
