"""ArtFID: one number for what a style transfer keeps of the photo and reaches of the style.

Wright and Ommer, "ArtFID: Quantitative Evaluation of Neural Style Transfer", GCPR 2022:
ArtFID = (1 + mean LPIPS(photo, render)) (1 + FID(references, renders)). Here SqueezeNet stands in
for Inception and for LPIPS, whose learnt weights we have not, and its deep vectors have length 1,
so that both distances are of the order of 1: values compare rows of one style and nothing else.
Few references (4 to 80) make the Frechet distance large for every row alike.
"""

from __future__ import annotations

import numpy as np

from stylecore.arrays import Doubles, Floats
from stylecore.evaluation.perceptual import Activations


def artfid(content: float, frechet: float) -> float:
    """(1 + content) (1 + frechet); 1 is the best there is."""
    return (1 + content) * (1 + frechet)


def content_distance(photo: Activations, render: Activations) -> float:
    """Mean over layers and places of |u - v|^2 of channels of unit length, 0 to 4.

    Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", CVPR
    2018, with all channels weighing alike. Both pictures must have one size.
    """
    return float(np.mean([_apart(photo[layer], render[layer]) for layer in photo]))


def frechet_distance(one: Floats, other: Floats) -> float:
    """|m - m'|^2 + Tr(C + C' - 2 (C C')^1/2) of two sets of vectors [N, D] and [M, D].

    Heusel et al., NeurIPS 2017. With A^T A one covariance and B^T B the other, the
    trace of the root is the sum of the singular values of A B^T: exact for sets however small.
    """
    a, b = _root(one), _root(other)
    means = one.mean(axis=0, dtype=np.float64) - other.mean(axis=0, dtype=np.float64)
    shared = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    distance = means @ means + (a**2).sum() + (b**2).sum() - 2 * shared
    return max(float(distance), 0.0)


def _root(rows: Floats) -> Doubles:
    """[K, D] whose square A^T A is the covariance of [N, D], K the smaller of N and D."""
    exact = rows.astype(np.float64)
    centred = (exact - exact.mean(axis=0)) / np.sqrt(len(exact))
    return np.asarray(np.linalg.qr(centred, mode="r"), np.float64)


def _apart(one: Floats, other: Floats) -> float:
    norms = [np.linalg.norm(layer, axis=0, keepdims=True) + 1e-10 for layer in (one, other)]
    return float(((one / norms[0] - other / norms[1]) ** 2).sum(axis=0).mean())
