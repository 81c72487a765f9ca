"""Colour: the OKLab space, and linear optimal transport towards a style's references.

OKLab is Ottosson 2020; the transport between two Gaussians of colour is the Monge-Kantorovich map
of Pitie & Kokaram 2007. It goes from the colours of product photos in general, a constant below, to
those of the references: never from the one photo at hand, whose colours a crop cannot know.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stylecore.gan.teachers.filters import Plane

_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
_FROM_CONES = np.linalg.inv(_TO_CONES).astype(np.float32)
_FROM_LAB = np.linalg.inv(_TO_LAB).astype(np.float32)


@dataclass(frozen=True)
class Palette:
    """Mean [3] and covariance [3,3] of a set of pictures' colours in OKLab."""

    mean: NDArray[np.float32]
    covariance: NDArray[np.float32]


PHOTOS = Palette(
    np.array([0.5929, 0.0216, 0.0168], np.float32),
    np.array(
        [
            [0.03998, -0.00123, 0.00145],
            [-0.00123, 0.00263, 0.00083],
            [0.00145, 0.00083, 0.00165],
        ],
        np.float32,
    ),
)
"""The colours of product photos in general: the training photos, 40 of each category."""


def to_lab(picture: Plane) -> Plane:
    """OKLab [...,3] (L in [0,1], a and b about -.4 to .4) of sRGB [...,3] in [0,1]."""
    linear = np.where(
        picture <= 0.04045, picture / 12.92, ((np.maximum(picture, 0) + 0.055) / 1.055) ** 2.4
    ).astype(np.float32)
    return np.asarray(np.cbrt(linear @ _TO_CONES.T) @ _TO_LAB.T, np.float32)


def from_lab(lab: Plane) -> Plane:
    """sRGB [...,3], clipped to [0,1], of OKLab [...,3]."""
    linear = np.clip((lab @ _FROM_LAB.T) ** 3 @ _FROM_CONES.T, 0, 1)
    coded = np.where(
        linear <= 0.0031308, linear * 12.92, 1.055 * linear ** np.float32(1 / 2.4) - 0.055
    )
    return np.clip(coded, 0, 1).astype(np.float32)


def saturated(picture: Plane, gain: float) -> Plane:
    """The picture [H,W,3] with its OKLab chroma multiplied."""
    return from_lab(to_lab(picture) * np.array([1, gain, gain], np.float32))


def palette_of(pictures: list[Plane]) -> Palette:
    """Statistics of colours of pictures [H,W,3] in [0,1], each picture counting the same."""
    labs = [to_lab(picture).reshape(-1, 3) for picture in pictures]
    mean = np.mean([lab.mean(axis=0) for lab in labs], axis=0)
    second = np.mean([lab.T @ lab / len(lab) for lab in labs], axis=0)
    return Palette(mean.astype(np.float32), (second - np.outer(mean, mean)).astype(np.float32))


def reference_palettes(folder: Path) -> dict[str, Palette]:
    """Palette of each style's references: one subfolder of `folder` a style, its name the id.

    Raises FileNotFoundError where the folder is missing.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder of style references at {folder}: one subfolder a style")
    palettes = {}
    for style in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(p for p in style.iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
        if files:
            palettes[style.name] = palette_of([_thumbnail(path) for path in files])
    return palettes


def _thumbnail(path: Path) -> Plane:
    with Image.open(path) as image:
        small = image.convert("RGB").resize((96, 96), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / np.float32(255)


def transport(lab: Plane, source: Palette, target: Palette, strength: float) -> Plane:
    """OKLab [...,3] moved from the source's Gaussian to the target's by a share `strength`."""
    root, inverse = _power(source.covariance, 0.5), _power(source.covariance, -0.5)
    middle = _power(np.asarray(root @ target.covariance @ root, np.float32), 0.5)
    matrix = np.asarray(inverse @ middle @ inverse, np.float32)
    moved = (lab - source.mean) @ matrix.T + target.mean
    return np.asarray(lab + np.float32(strength) * (moved - lab), np.float32)


def _power(matrix: NDArray[np.float32], exponent: float) -> NDArray[np.float32]:
    values, vectors = np.linalg.eigh(matrix.astype(np.float64))
    powered = (vectors * np.maximum(values, 1e-6) ** exponent) @ vectors.T
    return np.asarray(powered, np.float32)
