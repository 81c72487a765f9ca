"""The matte network's training data: photos with soft mattes, and composites with exact alpha.

load_training_data (all in memory) -> draw_batch (augmented views). A view is a photo with its
matte, or a product put on another ground: one cut out of a photo whose matte is crisp, or one that
the project's studio rendered (deploy/samples) with its exact alpha. Grounds are pieces of other
photos without product, paintings, plain colours, gradients and patterns. A product on another
ground throws a soft shadow, which stays ground. Every view gets the light, blur, noise and JPEG of
a phone. A batch depends only on the random generator passed in.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from stylecore.arrays import Bytes, Floats
from stylecore.evaluation.inputs import read
from stylecore.evaluation.matte import photos_with_mattes, read_matte
from stylecore.gan.data import load_references
from stylecore.imaging.matte import foreground_colors
from stylecore.imaging.photo import to_floats, to_pixels

CRISP = 0.06
"""Largest share of pixels of a matte between .1 and .9 with which its product is cut out."""
COMPOSED_SHARE, RENDERED_SHARE, EMPTY_SHARE = 0.3, 0.2, 0.03
"""Of a batch: products of photos on other grounds, rendered products, grounds without product."""


@dataclass(frozen=True)
class Cutout:
    """A photo [H, W, 3] and its matte [H, W]; `product` [H, W, 3] its colours, if it is crisp."""

    photo: Bytes
    matte: Bytes
    product: Bytes | None


@dataclass(frozen=True)
class MatteData:
    """Photos with mattes, rendered products with exact alpha, and pieces of ground."""

    photos: list[Cutout]
    rendered: list[Cutout]
    grounds: list[Bytes]


def load_cutout(photo: Path, matte: Path) -> Cutout:
    """Read a photo and its matte, which gets the photo's size."""
    pixels = np.asarray(read(photo))
    plane = read_matte(matte, (pixels.shape[1], pixels.shape[0]))
    between = ((plane > 25) & (plane < 230)).mean()
    covered = (plane > 127).mean()
    product = None
    if between < CRISP and 0.05 < covered < 0.85:
        product = foreground_colors(pixels, to_floats(plane))
    return Cutout(pixels, to_pixels(decided(to_floats(plane))), product)


def decided(matte: Floats) -> Floats:
    """A given soft matte with more contrast: its grey clouds over the ground are doubts."""
    return np.asarray(np.clip((matte - 0.2) / 0.6, 0, 1), np.float32)


def load_cutouts(photos: Path, mattes: Path) -> list[Cutout]:
    """Read every matte of a folder and its photo. Raises SettingsError (photos_with_mattes)."""
    return [load_cutout(photo, matte) for photo, matte in photos_with_mattes(photos, mattes)]


def load_training_data(
    photos: Path, mattes: Path, rendered: Path | None, alphas: Path | None, paintings: Path | None
) -> MatteData:
    """Read everything. Raises SettingsError for what is missing."""
    cutouts = load_cutouts(photos, mattes)
    exact = [] if rendered is None or alphas is None else load_cutouts(rendered, alphas)
    pieces = [piece for cutout in cutouts if (piece := empty_piece(cutout)) is not None]
    if paintings is not None:
        styles = sorted(folder.name for folder in paintings.iterdir() if folder.is_dir())
        found = load_references(paintings, styles)
        pieces += [picture for pictures in found.values() for picture in pictures]
    return MatteData(cutouts, [one for one in exact if one.product is not None], pieces)


def empty_piece(cutout: Cutout) -> Bytes | None:
    """Return the largest corner or side of a photo without product, at least 64 px wide."""
    product = cutout.matte > 12
    height, width = product.shape
    rows, columns = np.flatnonzero(product.any(axis=1)), np.flatnonzero(product.any(axis=0))
    if not len(rows):
        return cutout.photo
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    windows = [
        cutout.photo[:top],
        cutout.photo[bottom:],
        cutout.photo[:, :left],
        cutout.photo[:, right:],
    ]
    largest = max(windows, key=lambda window: min(window.shape[:2]))
    return largest if min(largest.shape[:2]) >= 64 and min(height, width) >= 64 else None


def draw_batch(
    data: MatteData, size: int, side: int, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Draw `size` views of one shape, short side `side`: [B, 3, h, w] and alpha [B, 1, h, w]."""
    shape = _shape(side, random)
    views = [_view(data, shape, random) for _ in range(size)]
    photos = np.stack([_photographed(photo, random) for photo, _ in views])
    alphas = np.stack([alpha for _, alpha in views])
    return torch.from_numpy(photos.transpose(0, 3, 1, 2)), torch.from_numpy(alphas)[:, None]


def _shape(side: int, random: np.random.Generator) -> tuple[int, int]:
    """A portrait mostly, else a square or a landscape; sides are multiples of 32."""
    long = round(side * float(random.choice([1.0, 4 / 3, 4 / 3, 1.5])) / 32) * 32
    return (side, long) if random.random() < 0.25 else (long, side)


def _view(
    data: MatteData, shape: tuple[int, int], random: np.random.Generator
) -> tuple[Floats, Floats]:
    chance = random.random()
    if chance < EMPTY_SHARE:
        return _ground(data, shape, random), np.zeros(shape, np.float32)
    if data.rendered and chance < EMPTY_SHARE + RENDERED_SHARE:
        return _composed(data, data.rendered, shape, random)
    if chance < EMPTY_SHARE + RENDERED_SHARE + COMPOSED_SHARE:
        return _composed(data, data.photos, shape, random)
    cutout = data.photos[int(random.integers(len(data.photos)))]
    window = _window(cutout.photo.shape, shape, random, zoom=(0.85, 1.25), padding="reflection")
    photo, alpha = window(cutout.photo), window(cutout.matte[..., None])[..., 0]
    return photo, alpha


def _composed(
    data: MatteData, cutouts: Sequence[Cutout], shape: tuple[int, int], random: np.random.Generator
) -> tuple[Floats, Floats]:
    """A product on another ground; one in four is bleached, as white goods are."""
    cutout = cutouts[int(random.integers(len(cutouts)))]
    while cutout.product is None:
        cutout = cutouts[int(random.integers(len(cutouts)))]
    window = _window(cutout.photo.shape, shape, random, zoom=(0.5, 1.25), padding="zeros")
    product, alpha = window(cutout.product), window(cutout.matte[..., None])[..., 0]
    ground = _ground(data, shape, random)
    if random.random() < 0.25:
        grey = product.mean(axis=2, keepdims=True)
        share = np.float32(random.uniform(0.6, 1))
        product += share * (grey - product)
        product += np.float32(random.uniform(0.3, 0.8)) * (1 - product)
        if random.random() < 0.5:
            ground = 1 - (1 - ground) * np.float32(random.uniform(0.05, 0.3))
    product = (product * np.float32(random.uniform(0.75, 1.2))).clip(0, 1)
    if random.random() < 0.7:
        ground = ground * (1 - _shadow(alpha, random))[..., None]
    return ground + alpha[..., None] * (product - ground), alpha


def _shadow(alpha: Floats, random: np.random.Generator) -> Floats:
    """A soft shadow [H, W], the share of light that it takes."""
    side = min(alpha.shape)
    sigma = side * random.uniform(0.01, 0.06)
    shift = [round(side * random.uniform(-0.06, 0.06)) for _ in range(2)]
    blurred = ndimage.gaussian_filter(np.roll(alpha, shift, (0, 1)), sigma, truncate=2.5)
    return np.asarray(blurred * np.float32(random.uniform(0.15, 0.6)), np.float32)


def _window(
    source: Sequence[int],
    shape: tuple[int, int],
    random: np.random.Generator,
    zoom: tuple[float, float],
    padding: str,
) -> Callable[[Bytes], Floats]:
    """Draw a window of a picture: zoomed, turned, shifted, mirrored.

    Returns what cuts it out of a picture of the size `source`: [H, W, C] uint8 to [h, w, C] of
    [0, 1].
    """
    height, width = source[:2]
    fitting = min(shape[0] / height, shape[1] / width)
    covering = max(shape[0] / height, shape[1] / width)
    reach = random.uniform(*zoom) * (fitting if padding == "zeros" else np.sqrt(fitting * covering))
    turn = np.radians(random.normal(0, 6) if random.random() < 0.9 else random.uniform(-180, 180))
    mirror = -1.0 if random.random() < 0.5 else 1.0
    across = shape[1] / width / reach
    down = shape[0] / height / reach
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    shift = random.uniform(-0.12, 0.12, 2)
    theta = torch.tensor(
        [
            [mirror * across * cos, -down * sin * height / width, shift[0]],
            [mirror * across * sin * width / height, down * cos, shift[1]],
        ],
        dtype=torch.float32,
    )
    grid = functional.affine_grid(theta[None], [1, 1, *shape], align_corners=False)

    def cut(picture: Bytes) -> Floats:
        planes = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).float() / 255
        seen = functional.grid_sample(planes[None], grid, padding_mode=padding, align_corners=False)
        cut_out: Floats = np.ascontiguousarray(seen[0].permute(1, 2, 0).numpy())
        return cut_out

    return cut


def _ground(data: MatteData, shape: tuple[int, int], random: np.random.Generator) -> Floats:
    """Ground without product, [h, w, 3]."""
    chance = random.random()
    if data.grounds and chance < 0.55:
        picture = data.grounds[int(random.integers(len(data.grounds)))]
        return _window(picture.shape, shape, random, (1.0, 2.0), "reflection")(picture)
    height, width = shape
    first = random.random(3) if random.random() < 0.6 else np.full(3, random.uniform(0.75, 1))
    second = np.clip(first + random.normal(0, 0.15, 3), 0, 1)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / max(shape)
    angle = random.uniform(0, 2 * np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    if chance < 0.75:
        share = along
    elif chance < 0.85:
        share = (np.sin(along * random.uniform(15, 120)) > 0).astype(np.float32)
    elif chance < 0.92:
        period = random.uniform(10, 60)
        share = ((np.sin(x * period) > 0) ^ (np.sin(y * period) > 0)).astype(np.float32)
    else:
        spread = random.uniform(1, 12)
        grain = ndimage.gaussian_filter(random.standard_normal(shape), (spread, 1))
        share = (grain / (grain.std() + 1e-6) * 0.5 + 0.5).clip(0, 1)
    return np.asarray(first + share[..., None] * (second - first), np.float32)


def _photographed(photo: Floats, random: np.random.Generator) -> Floats:
    """The same in another light, somewhat blurred and noisy, compressed as JPEG."""
    gain = random.uniform(0.8, 1.2) * (1 + random.normal(0, 0.04, 3))
    photo = (photo * gain.astype(np.float32)).clip(0, 1) ** np.float32(random.uniform(0.75, 1.35))
    grey = photo.mean(axis=2, keepdims=True)
    photo = grey + np.float32(random.uniform(0.6, 1.3)) * (photo - grey)
    if random.random() < 0.3:
        y, x = np.mgrid[0 : photo.shape[0], 0 : photo.shape[1]].astype(np.float32)
        slope = random.normal(0, 0.25, 2) / photo.shape[:2]
        photo = photo * (1 + y * slope[0] + x * slope[1]).astype(np.float32)[..., None]
    if random.random() < 0.3:
        sigma = random.uniform(0.3, 1.2)
        photo = ndimage.gaussian_filter(photo, (sigma, sigma, 0), truncate=2.5)
    if random.random() < 0.4:
        grain = random.standard_normal(photo.shape, np.float32)
        photo = photo + np.float32(random.uniform(0, 0.04)) * grain
    if random.random() < 0.4:
        buffer = io.BytesIO()
        quality = int(random.integers(30, 90))
        Image.fromarray(to_pixels(photo)).save(buffer, "JPEG", quality=quality)
        photo = to_floats(np.asarray(Image.open(buffer)))
    return np.asarray(photo.clip(0, 1), np.float32)
