"""Real pictures in a style: what the discriminator is shown beside the teachers' paintings.

There are 4 to 80 a style, so crops vary in scale, side, light and colour. Styles that nobody
painted before photography have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from stylecore.arrays import Bytes
from stylecore.errors import SettingsError
from stylecore.evaluation.pictures import read
from stylecore.imaging.file_kinds import PICTURE_SUFFIXES

REFERENCE_SIDE = 384
"""References are kept with at most this short side, in pixels."""


def load_references(folder: Path, styles: Sequence[str]) -> dict[int, list[Bytes]]:
    """Style index to its real pictures, for the styles that have a folder of them."""
    if not folder.is_dir():
        raise SettingsError(f"styles: {folder} is no folder of reference pictures")
    found: dict[int, list[Bytes]] = {}
    for index, style in enumerate(styles):
        files = sorted(
            file for file in (folder / style).glob("*") if file.suffix.lower() in PICTURE_SUFFIXES
        )
        if files:
            found[index] = [read_reference(file) for file in files]
    return found


def read_reference(file: Path) -> Bytes:
    """[H, W, 3], upright, white gallery margins cut off, short side at most REFERENCE_SIDE."""
    picture = read(file)
    ink = np.asarray(picture).min(axis=2) < 250
    rows, columns = (np.flatnonzero(ink.mean(axis=axis) > 0.01) for axis in (1, 0))
    if len(rows) and len(columns):
        picture = picture.crop(
            (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
        )
    return np.asarray(with_short_side(picture, min(REFERENCE_SIDE, *picture.size)))


def reference_crop(picture: Bytes, crop: int, random: np.random.Generator) -> Bytes:
    """A crop at a random scale, mirrored half of the time, light and colour moved a little."""
    short = max(crop, int(random.uniform(0.65, 1.1) * min(256, 1.8 * min(picture.shape[:2]))))
    scaled = np.asarray(with_short_side(Image.fromarray(picture), short))
    top, left = (int(random.integers(side - crop + 1)) for side in scaled.shape[:2])
    window = scaled[top : top + crop, left : left + crop]
    if random.random() < 0.5:
        window = window[:, ::-1]
    gain = 1 + random.uniform(-0.04, 0.04, 3)
    moved: Bytes = (window * gain + random.uniform(-6, 6)).clip(0, 255).astype(np.uint8)
    return moved


def with_short_side(picture: Image.Image, short: int) -> Image.Image:
    """The picture resized so that its short side has `short` pixels."""
    scale = short / min(picture.size)
    size = (max(short, round(picture.width * scale)), max(short, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS)
