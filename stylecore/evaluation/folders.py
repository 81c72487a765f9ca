"""The pictures of an evaluation on disk: what is drawn once is measured, shown and kept.

    <output>/originals/<stem>.png              the photos at the working size
    <output>/<painter>/<style>/<stem>.png      generator, teacher, microast
    <output>/shifted/<style>/<stem>.png        the generator's, of photos moved by SHIFT px
    <output>/lettering/<style>/<page>.png      the generator's, of typeset pages at full size

It does not know how pictures are drawn or judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from stylecore.errors import Permanent
from stylecore.evaluation.pictures import pictures_under, read, write
from stylecore.imaging.photo import Photo, Pixels, decode

ORIGINALS, SHIFTED, LETTERING = "originals", "shifted", "lettering"
MAX_PIXELS = 10**8


def load_photos(paths: Mapping[str, Path], short_side: int) -> dict[str, Photo]:
    """The photos at the working size, by stem. Raises Permanent, naming the file."""
    photos = {}
    for stem, path in paths.items():
        try:
            data = path.read_bytes()
            photos[stem] = decode(data, short_side=short_side, max_pixels=MAX_PIXELS)
        except OSError as problem:
            raise Permanent(f"cannot read {path}: {problem.strerror}") from problem
        except Permanent as problem:
            raise Permanent(f"{path}: {problem}") from problem
    return photos


def write_pictures(folder: Path, stems: Sequence[str], pictures: Sequence[Pixels]) -> None:
    """Write one PNG a stem."""
    for stem, pixels in zip(stems, pictures, strict=True):
        write(pixels, folder / f"{stem}.png")


def read_pixels(path: Path) -> Pixels:
    """[H, W, 3], 0-255."""
    return np.asarray(read(path))


def style_folder(output: Path, painter: str, style: str) -> Path:
    """Where a painter's pictures of a style are."""
    return output / painter / style


def stems_of(output: Path) -> list[str]:
    """The photos of an evaluation, in order."""
    return list(pictures_under(output / ORIGINALS))
