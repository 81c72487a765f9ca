"""Mattes at the photo's own size: refined edges, colours freed of the old ground, confidence.

A matte is the product's alpha, [H, W] of [0, 1]. The network that finds it works on a small photo
(stylecore/rendering/matte.py); what is done here needs no network. Full-size planes are computed in
tiles, and only where the product's edge is: a photo of 50 megapixels needs little more memory than
its pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image
from scipy import ndimage

from stylecore.arrays import Floats
from stylecore.imaging.photo import Pixels, to_floats, to_pixels

Tile = tuple[slice, slice]
RADIUS = 3
"""Half the side, in pixels of the small matte, of the windows of the guided filter."""
SMOOTHNESS = 1e-4
"""Variance of colour in a window below which it does not move the edge."""
BAND = 4
"""Pixels of the small matte at either side of its edge within which it is refined."""
SHARPENED = 1.25
"""Steepness by which the refined edge makes up for the averaging of its windows."""
FUSION_SIDE, FUSION_WINDOWS = 384, (67, 11)
"""Short side in pixels at which colours are averaged, and the sides of the two passes' windows."""
_VEIL, _SURE = 0.2, 0.85
"""Alpha up to which a place is ground, and which a part must reach somewhere to be product."""
_FAINT, _STRAY = 0.1, 0.3
"""Alpha above which places belong to one part, and what a part at the frame must have of the
largest part's area to be the product's."""
_TINTED, _DARKEST_SHADOW = 0.06, 0.55
"""Largest difference of a channel from the ground's colour in a shadow, and its least light."""
_LEAST = 1e-4
_PAIRS = np.triu_indices(3)
"""Of channels: the upper half of a symmetric matrix."""
_TILE = 128


def refined(alpha: Floats, photo: Pixels) -> Floats:
    """Return the matte [h, w] at the size of `photo` [H, W, 3], its edge along that of the photo.

    Fast guided filter with a colour guide (He and Sun, "Fast guided filter", 2015): within a
    window, alpha is linear in the photo's colours; the coefficients are found at the matte's size
    and applied at the photo's. Away from the edge the matte stays as it is.
    """
    guide = to_floats(np.asarray(_picture(photo, alpha.shape)))
    slope, offset = _linear_fit(guide, alpha)
    band = _edge_band(alpha)[..., None]
    small = np.stack([*np.moveaxis(slope, 2, 0), offset], axis=2)
    large = resized(alpha[..., None], photo.shape)[..., 0]
    for tile in _tiles(photo.shape):
        near = resized(band, photo.shape, tile)[..., 0]
        if not near.any():
            continue
        planes = resized(small, photo.shape, tile)
        found = (planes[..., :3] * to_floats(photo[tile])).sum(axis=2) + planes[..., 3]
        sharp = np.clip((found - 0.5) * np.float32(SHARPENED) + 0.5, 0, 1)
        large[tile] += near * (sharp - large[tile])
    return large


def foreground_colors(photo: Pixels, alpha: Floats) -> Pixels:
    """Estimate the product's own colours [H, W, 3] where the ground shines through its edge.

    Blur fusion in two passes (Forte, "Approximate fast foreground colour estimation", ICIP 2021):
    colours of product and ground are averaged over windows, weighted by alpha, and the product's
    are then corrected by what the photo shows at each pixel. Averages are taken at FUSION_SIDE.
    Where alpha is 0 and no edge is near, the colours are white.
    """
    scale = min(1.0, FUSION_SIDE / min(alpha.shape))
    shape = (max(1, round(alpha.shape[0] * scale)), max(1, round(alpha.shape[1] * scale)))
    small = to_floats(np.asarray(_picture(photo, shape)))
    share = resized(alpha[..., None], shape)
    product = ground = small
    for window in FUSION_WINDOWS:
        side = max(3, round(window * min(shape) / FUSION_SIDE))
        product, ground = _averaged(product, ground, share, side)
        corrected = _corrected(small, share, product, ground)
        last, product = product, corrected
    colours = np.where(alpha[..., None] > 0, photo, np.uint8(255))
    means = np.concatenate([last, ground], axis=2)
    for tile in _tiles(photo.shape):
        share = alpha[tile][..., None]
        if not ((share > 0) & (share < 1)).any():
            continue
        about, shown = resized(means, photo.shape, tile), to_floats(photo[tile])
        colours[tile] = to_pixels(_corrected(shown, share, about[..., :3], about[..., 3:]))
    return colours


def confidence_of(alpha: Floats) -> float:
    """How decided a matte is, 0 to 1: the soft IoU of alpha [h, w] with itself cut at one half.

    Doubtful clouds beside the product lower it, and doubtful parts of the product. 0 where nothing
    reaches one half.
    """
    decided = alpha >= 0.5
    joined = float(np.where(decided, 1, alpha).sum())
    return float(alpha[decided].sum()) / joined if decided.any() else 0.0


def settled(alpha: Floats) -> Floats:
    """Return a network's matte [h, w] without its doubts, as softly edged as before or less.

    Clouds that nowhere come near 1 go, whatever lies in them; faint veils over ground and product
    become 0 and 1.
    """
    labels, count = ndimage.label(alpha > _VEIL)
    peaks = ndimage.maximum(alpha, labels, np.arange(count + 1))
    kept = np.asarray(peaks, np.float32) >= _SURE
    kept[0] = False
    decided = np.clip((alpha - _VEIL) / (1 - 2 * _VEIL), 0, 1)
    return np.asarray(np.where(kept[labels], decided, 0), np.float32)


def without_strays(alpha: Floats) -> Floats:
    """Return a matte [h, w] without what else reaches in from the photo's frame.

    A door, a corner of the floor, a neighbour's sleeve: parts apart from the product, at the frame,
    and much smaller than it.
    """
    labels, count = ndimage.label(alpha > _FAINT)
    if count < 2:
        return alpha
    sizes = np.bincount(labels[alpha >= 0.5], minlength=count + 1)
    sizes[0] = 0
    frame = np.zeros(count + 1, bool)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        frame[side] = True
    stray = frame & (sizes < _STRAY * sizes.max())
    stray[0] = False
    # The soft edge around a part goes with it.
    gone = ndimage.binary_dilation(stray[labels], iterations=2) & (stray[labels] | (labels == 0))
    return np.asarray(np.where(gone, 0, alpha), np.float32)


def joined_on_plain_ground(alpha: Floats, mask: Floats, photo: Pixels) -> Floats:
    """Join a network's matte and the mask grown from a plain border, both [h, w].

    The network tells shadows and enclosed ground, as within a mug's handle, from the product; what
    it misses is product all the same where the mask has it and no shadow has such a colour.
    """
    floats = to_floats(photo)
    ground = np.median(floats[mask < 0.5], axis=0)
    light = floats.mean(axis=2, keepdims=True)
    share = light / max(float(ground.mean()), 1e-3)
    tinted = np.abs(floats - share * ground).max(axis=2) > _TINTED
    dark = share[..., 0] < _DARKEST_SHADOW
    colored = ndimage.gaussian_filter((tinted | dark).astype(np.float32), 0.8)
    return np.asarray(np.maximum(alpha, np.minimum(mask, colored)), np.float32)


def resized(planes: Floats, shape: tuple[int, ...], tile: Tile | None = None) -> Floats:
    """Resize [h, w, C] to `shape` (H, W, ...) bilinearly, averaging where it becomes smaller.

    `tile` of the result alone where it is given.
    """
    height, width = planes.shape[:2]
    rows, columns = tile or (slice(0, shape[0]), slice(0, shape[1]))
    down, across = height / shape[0], width / shape[1]
    box = (columns.start * across, rows.start * down, columns.stop * across, rows.stop * down)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    parts = [
        np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR, box=box))
        for plane in np.ascontiguousarray(np.moveaxis(planes, 2, 0), np.float32)
    ]
    return np.stack(parts, axis=2)


def _tiles(shape: tuple[int, ...]) -> Iterator[Tile]:
    """Yield rows and columns of the tiles of a plane [H, W]."""
    for top in range(0, shape[0], _TILE):
        for left in range(0, shape[1], _TILE):
            yield (
                slice(top, min(top + _TILE, shape[0])),
                slice(left, min(left + _TILE, shape[1])),
            )


def _picture(photo: Pixels, shape: tuple[int, ...]) -> Image.Image:
    size = (shape[1], shape[0])
    return Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def _linear_fit(guide: Floats, alpha: Floats) -> tuple[Floats, Floats]:
    """Return slope [h, w, 3] and offset [h, w] of alpha over colour, averaged over windows."""
    window = 2 * RADIUS + 1
    middle, level = _mean(guide, window), _mean(alpha[..., None], window)
    together = _mean(guide * alpha[..., None], window) - middle * level
    first, second = _PAIRS
    covariance = _mean(guide[..., first] * guide[..., second], window)
    covariance -= middle[..., first] * middle[..., second]
    slope = _solved(covariance + np.float32(SMOOTHNESS) * (first == second), together)
    offset = level - (slope * middle).sum(axis=2, keepdims=True)
    return _mean(slope, window), _mean(offset, window)[..., 0]


def _solved(matrices: Floats, right: Floats) -> Floats:
    """Solve symmetric systems of three: matrices [h, w, 6] in the order of _PAIRS, right [h, w, 3].

    By cofactors, in several times less time than one call of LAPACK a pixel takes.
    """
    rr, rg, rb, gg, gb, bb = np.moveaxis(matrices.astype(np.float64), 2, 0)
    x, y, z = np.moveaxis(right.astype(np.float64), 2, 0)
    xx, xy, xz = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    yy, yz, zz = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    solved = (xx * x + xy * y + xz * z, xy * x + yy * y + yz * z, xz * x + yz * y + zz * z)
    determinant = rr * xx + rg * xy + rb * xz
    return np.asarray(np.stack(solved, axis=2) / determinant[..., None], np.float32)


def _edge_band(alpha: Floats) -> Floats:
    """1 within BAND pixels of where alpha changes, falling to 0 beside it."""
    size = 2 * BAND + 1
    spread = ndimage.maximum_filter(alpha, size) - ndimage.minimum_filter(alpha, size)
    return np.asarray(np.clip(ndimage.uniform_filter(spread, 3) * 2, 0, 1), np.float32)


def _averaged(product: Floats, ground: Floats, alpha: Floats, side: int) -> tuple[Floats, Floats]:
    """Return the mean colours of product and ground about each pixel, weighted by alpha."""
    inside = _mean(alpha, side)
    means = _mean(product * alpha, side) / np.maximum(inside, _LEAST)
    around = _mean(ground * (1 - alpha), side) / np.maximum(1 - inside, _LEAST)
    return np.asarray(means, np.float32), np.asarray(around, np.float32)


def _corrected(photo: Floats, alpha: Floats, product: Floats, ground: Floats) -> Floats:
    difference = photo - alpha * product - (1 - alpha) * ground
    return np.asarray(np.clip(product + alpha * difference, 0, 1), np.float32)


def _mean(planes: Floats, side: int) -> Floats:
    return np.asarray(ndimage.uniform_filter(planes, (side, side, 0)), np.float32)
