"""Foreground mask of products on plain ground.

Packshots and studio sweeps have a border that is bright, grey to white and smooth. `product_mask`
grows the ground from there over every pixel that is neutral, without edge and near the ground's own
colour, which is fitted by a slowly varying surface because sweeps and shadows have gradients.
Photos whose border is not plain count as product from edge to edge. A photo's own alpha channel
gives the mask where it has one (`matte_of`).

Limits: a white product without a visible contour on white ground is product only where an edge
encloses it, and coloured backdrops are rendered as part of the picture.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from stylecore.arrays import Bools, Floats
from stylecore.imaging.photo import Pixels

PLAIN_SHARE = 0.75
"""Share of the border that must be plain; the rest may be a product that is cut by the frame."""
_DARKEST, _CHROMA = 0.55, 0.07
_UNRESTS = 8.0
_GRADIENT, _DISTANCE = (0.004, 0.016), (0.02, 0.13)
"""Limits of steepness a pixel and of distance from the surface: the calmer the ground, the nearer
the lower one, so that a white carton on pure white stays product."""
_NEAR, _EDGE_WIDTH = 0.04, 3
"""How like the ground a pixel must be to be won back from the blurred edge, and its width."""
_RING = 3
_SMALLEST = 0.0015
"""Share of the picture below which a pale island on the ground counts as a shadow's remains."""
_SPECK, _PRINTED = 4, 0.1
"""Pixels so far from the ground with which an island is kept: print, screws, small parts."""
CUT_OUT = 0.5
"""Share of the border that alpha must clear for alpha alone to say where the product is."""


def product_mask(photo: Floats) -> Floats:
    """Mask [H,W] of the product in `photo` [H,W,3] of [0,1]: 1 product, 0 plain ground.

    The edge is soft over about 2 px. All ones where the border is not plain or all is ground.
    """
    smooth = ndimage.gaussian_filter(photo, (1.0, 1.0, 0.0), truncate=2.5)
    light = smooth.mean(axis=2)
    steep = _steepness(light)
    candidate = _neutral(smooth, light) & (steep < _GRADIENT[1])
    ring = _ring(light.shape)
    if candidate[ring].mean() < PLAIN_SHARE:
        return np.ones_like(light)
    surface = _surface(light, ring & candidate)
    apart = np.abs(light - surface)
    unrest = float(apart[ring & candidate].std())
    candidate &= apart < np.clip(_UNRESTS * unrest, *_DISTANCE)
    candidate &= steep < np.clip(_UNRESTS * unrest, *_GRADIENT)
    if candidate[ring].mean() < PLAIN_SHARE:
        return np.ones_like(light)
    near = np.abs(photo.mean(axis=2) - surface) < np.maximum(_NEAR, _UNRESTS * unrest / 2)
    printed = np.abs(photo - surface[..., None]).max(axis=2) > _PRINTED
    product = _without_specks(~_reached(candidate, ring, near), printed)
    if not product.any():
        return np.ones_like(light)
    return _soften(product)


def matte_of(photo: Floats, alpha: Floats | None) -> Floats:
    """Return the product's mask [H,W], by the photo's own alpha [H,W] of [0,1] if it has one.

    `photo` lies on white. An alpha that leaves most of the border, as round corners do, tells what
    is no picture; where the product is on what is left, `product_mask` says.
    """
    if alpha is None or alpha.max() < 0.5:
        return product_mask(photo)
    cleared = float((alpha[_ring(alpha.shape)] < 0.5).mean())
    return alpha if cleared >= CUT_OUT else np.minimum(alpha, product_mask(photo))


def has_plain_ground(mask: Floats) -> bool:
    """Return whether a mask of `product_mask` found plain ground."""
    return bool(mask.min() < 0.5)


def _neutral(smooth: Floats, light: Floats) -> Bools:
    chroma = smooth.max(axis=2) - smooth.min(axis=2)
    return np.asarray((light > _DARKEST) & (chroma < _CHROMA))


def _steepness(light: Floats) -> Floats:
    down, across = np.gradient(light)
    return np.asarray(np.hypot(down, across), np.float32)


def _ring(shape: tuple[int, ...]) -> Bools:
    ring = np.ones(shape, bool)
    ring[_RING:-_RING, _RING:-_RING] = False
    return ring


def _surface(light: Floats, known: Bools) -> Floats:
    """Least-squares quadratic surface through the known pixels."""
    height, width = light.shape
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    terms = np.stack([np.broadcast_to(t, light.shape) for t in (y * 0 + 1, y, x, x * y, y * y)])
    weights = np.linalg.lstsq(terms[:, known].T, light[known], rcond=None)[0]
    return np.asarray(np.tensordot(weights, terms, axes=1), np.float32)


def _reached(candidate: Bools, ring: Bools, near: Bools) -> Bools:
    """Return the candidates that are connected with the ring, grown back over the edge's own width.

    The blur made the edge wide: what is `near` the ground in the sharp photo belongs to it.
    """
    labels, _ = ndimage.label(candidate)
    touching = np.unique(labels[ring])
    ground = np.isin(labels, touching[touching > 0])
    return np.asarray(ndimage.binary_dilation(ground, iterations=_EDGE_WIDTH, mask=near), bool)


def _without_specks(product: Bools, printed: Bools) -> Bools:
    labels, count = ndimage.label(product, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    strong = np.bincount(labels[printed], minlength=count + 1)
    kept = (sizes >= _SMALLEST * product.size) | (strong >= _SPECK)
    kept[0] = False
    return np.asarray(kept[labels], bool)


def _soften(product: Bools) -> Floats:
    soft = ndimage.gaussian_filter(product.astype(np.float32), 0.8, truncate=2.0)
    return np.asarray(np.clip(soft * 1.25 - 0.125, 0, 1), np.float32)


RING_SHARE, THINNEST_RING = 0.04, 4
LEAST_MEAN, LARGEST_SPREAD = 240.0, 6.0
"""Of the border ring of a photo that stands on white, each channel."""


def border_ring(shape: tuple[int, ...]) -> Bools:
    """Return [H, W], the border: the outer 4 % of the short side, at least 4 px."""
    height, width = shape[:2]
    thickness = max(THINNEST_RING, round(RING_SHARE * min(height, width)))
    ring = np.ones((height, width), bool)
    ring[thickness:-thickness, thickness:-thickness] = False
    return ring


def stands_on_white(photo: Pixels) -> bool:
    """Return whether the photo's border ring is nearly white and even."""
    ring = photo[border_ring(photo.shape)].astype(np.float32)
    return bool(ring.mean(axis=0).min() >= LEAST_MEAN and ring.std(axis=0).max() <= LARGEST_SPREAD)
