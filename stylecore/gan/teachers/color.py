"""Palettes of a style's references, towards which a teacher transports a photo's colours.

The transport (stylecore/imaging/color.py) maps the colours of product photos in general, a constant
below, to those of the references. It does not start from the photo's own palette, because a crop
does not determine it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from stylecore.arrays import Floats
from stylecore.evaluation.inputs import read
from stylecore.imaging.color import Gaussian, from_oklab, to_oklab
from stylecore.imaging.file_kinds import PICTURE_SUFFIXES

PHOTOS = Gaussian(
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
"""Palette of product photos in general: of the training photos, 40 per category."""


def saturated(picture: Floats, gain: float) -> Floats:
    """Multiply the OKLab chroma of a picture [H,W,3]."""
    return from_oklab(to_oklab(picture) * np.array([1, gain, gain], np.float32))


def palette_of(pictures: list[Floats]) -> Gaussian:
    """Compute colour statistics of pictures [H,W,3] in [0,1], with equal weights."""
    labs = [to_oklab(picture).reshape(-1, 3) for picture in pictures]
    mean = np.mean([lab.mean(axis=0) for lab in labs], axis=0)
    second = np.mean([lab.T @ lab / len(lab) for lab in labs], axis=0)
    return Gaussian(mean.astype(np.float32), (second - np.outer(mean, mean)).astype(np.float32))


def reference_palettes(folder: Path) -> dict[str, Gaussian]:
    """Compute the palette of each style's references; subfolders of `folder` are style ids.

    Raises FileNotFoundError where the folder is missing.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder of style references at {folder}: one subfolder a style")
    palettes = {}
    for style in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(p for p in style.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
        if files:
            palettes[style.name] = palette_of([_thumbnail(path) for path in files])
    return palettes


def _thumbnail(path: Path) -> Floats:
    small = read(path).resize((96, 96), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / np.float32(255)
