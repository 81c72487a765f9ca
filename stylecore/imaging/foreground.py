"""Foreground mask of products on plain ground, and measures of that ground.

Packshots and studio sweeps have a border that is bright, grey to white and smooth. `product_mask`
grows the ground from there over every pixel that is neutral, without edge and near the ground's own
colour, which is fitted by a slowly varying surface because sweeps and shadows have gradients.
Photos whose border is not plain count as product from edge to edge. A photo's own alpha channel
gives the mask where it has one (`matte_of`).

`View` caches what the figures need of a picture. Cleanliness of the ground is its distance from
white or the style's paper, and its evenness; it is measured only where the border is nearly white
and even, since a coloured backdrop is part of the picture.

Limits: a white product without a visible contour on white ground is product only where an edge
encloses it, and coloured backdrops are rendered as part of the picture.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from PIL import Image
from scipy import ndimage

from stylecore.arrays import Bools, Floats
from stylecore.imaging.color import to_cielab
from stylecore.imaging.photo import Pixels, luma_of

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
TEXTURE_DEVIATION = 0.2


class View:
    """A picture of [H, W, 3], 0-255."""

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels

    @cached_property
    def picture(self) -> Image.Image:
        """The same for Pillow."""
        return Image.fromarray(self.pixels)

    @cached_property
    def luma(self) -> Floats:
        """[H, W], ITU-R BT.601, 0-1."""
        return luma_of(self.pixels)

    @cached_property
    def lab(self) -> Floats:
        """[H, W, 3], CIE LAB."""
        return to_cielab(self.pixels)

    @cached_property
    def ring(self) -> Bools:
        """[H, W], the border: the outer 4 % of the short side, at least 4 px."""
        thickness = max(THINNEST_RING, round(RING_SHARE * min(self.luma.shape)))
        ring = np.ones(self.luma.shape, bool)
        ring[thickness:-thickness, thickness:-thickness] = False
        return ring

    @cached_property
    def product(self) -> Bools:
        """[H, W], where the product is."""
        return product_by_colour(self.lab, self.ring)

    @cached_property
    def grey(self) -> Image.Image:
        """The luma with mean .5 and a deviation of .2: the texture without its colours."""
        spread = max(float(self.luma.std()), 0.02)
        grey = (self.luma - self.luma.mean()) / spread * TEXTURE_DEVIATION + 0.5
        return Image.fromarray((grey.clip(0, 1) * 255).astype(np.uint8)).convert("RGB")


def product_by_colour(lab: Floats, ring: Bools) -> Bools:
    """Return where the picture differs from its ring's median colour, whatever the ground.

    Gaps up to a fifteenth of the short side are closed, for white cartons on white. The middle 60 %
    of each side stands in where the result is under 5 % or over 85 % of the picture.
    """
    distance = np.linalg.norm(lab - np.median(lab[ring], axis=0), axis=2)
    threshold = max(10.0, 2.5 * float(np.median(distance[ring])))
    height, width = ring.shape
    bridge = max(2, min(height, width) // 30)
    opened = np.pad(ndimage.binary_opening(distance > threshold, iterations=2), bridge)
    closed = ndimage.binary_fill_holes(ndimage.binary_closing(opened, iterations=bridge))
    mask = np.asarray(closed)[bridge:-bridge, bridge:-bridge]
    if 0.05 < mask.mean() < 0.85:
        return mask
    middle = np.zeros_like(ring)
    middle[height // 5 : -(height // 5), width // 5 : -(width // 5)] = True
    return middle


Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
LEAST_MEAN, LARGEST_SPREAD = 240.0, 6.0
"""Of the border ring of a photo that stands on white, each channel."""


def stands_on_white(photo: View) -> bool:
    """Return whether the photo's border ring is nearly white and even."""
    ring = photo.pixels[photo.ring].astype(np.float32)
    return bool(ring.mean(axis=0).min() >= LEAST_MEAN and ring.std(axis=0).max() <= LARGEST_SPREAD)


def drift(render: View, paper: Colour | None) -> float:
    """Mean CIE76 difference of the border ring from white or the paper, whichever is nearer."""
    return min(_from(render, colour) for colour in (WHITE, paper or WHITE))


def unevenness(render: View) -> float:
    """Standard deviation of the border ring in LAB, the root of the summed variances."""
    return float(np.sqrt(render.lab[render.ring].var(axis=0).sum()))


def _from(render: View, colour: Colour) -> float:
    asked: Pixels = np.array(colour, np.uint8)
    return float(np.linalg.norm(render.lab[render.ring] - to_cielab(asked), axis=1).mean())
