"""Picture files: which are found, read upright on white, and brought to the sizes of the figures.

It does not know what is measured, nor which pictures are photos and which renders.

The pictures of an evaluation on disk: what is drawn once is measured, shown and kept.

    <output>/originals/<stem>.png              the photos at the working size
    <output>/<painter>/<style>/<stem>.png      generator, teacher, microast
    <output>/shifted/<style>/<stem>.png        the generator's, of photos moved by SHIFT px
    <output>/lettering/<style>/<page>.png      the generator's, of typeset pages at full size

It does not know how pictures are drawn or judged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from stylecore.errors import Permanent
from stylecore.imaging.file_kinds import PICTURE_SUFFIXES
from stylecore.imaging.photo import NotAPhoto, Photo, Pixels, decode, on_white, read_picture

PICTURES_MAX_PIXELS = 200_000_000
SMALLEST_SIDE = 80
"""A network of SqueezeNet's depth needs so many pixels."""


def pictures_under(folder: Path) -> dict[str, Path]:
    """Stem to path of all pictures below a folder, in order of path.

    Raises Permanent where the folder is missing or two pictures share a stem.
    """
    if not folder.is_dir():
        raise Permanent(f"{folder} is no folder of pictures")
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICTURE_SUFFIXES and found.setdefault(path.stem, path) != path:
            raise Permanent(f"{found[path.stem]} and {path} share a name; rename one")
    return found


def spread(folders: Sequence[Path], limit: int) -> dict[str, Path]:
    """Up to `limit` photos, taken at even distances from all under the folders.

    Raises Permanent where there are fewer than three, or two share a name.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        more = pictures_under(folder)
        if twice := found.keys() & more.keys():
            raise Permanent(f"two photos are called {min(twice)}; rename one")
        found |= more
    if len(found) < 3:
        raise Permanent(
            f"photos: {len(found)} under {', '.join(map(str, folders))}; give 3 or more"
        )
    stems = sorted(found, key=lambda stem: found[stem])
    places = np.linspace(0, len(stems) - 1, min(limit, len(stems))).round().astype(int)
    return {stems[place]: found[stems[place]] for place in places}


def read(path: Path) -> Image.Image:
    """An upright RGB picture; transparency lies on white. Raises Permanent."""
    try:
        picture, _ = read_picture(path.read_bytes(), max_pixels=PICTURES_MAX_PIXELS)
    except (OSError, NotAPhoto) as problem:
        raise Permanent(f"{path} is no readable picture: {problem}") from problem
    return on_white(picture)


def write(pixels: Pixels, path: Path) -> None:
    """Write [H, W, 3] of 0-255 as PNG, making folders. Raises Permanent where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    except OSError as problem:
        raise Permanent(f"cannot write {path}: {problem}") from problem


def scaled_to_area(picture: Image.Image, area: int) -> Image.Image:
    """The picture with about `area` pixels and its aspect ratio, no side below SMALLEST_SIDE."""
    scale = math.sqrt(area / (picture.width * picture.height))
    width, height = (max(SMALLEST_SIDE, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def without_white_margins(picture: Image.Image) -> Image.Image:
    """Rows and columns of pure white at the edges cut off, as galleries pad prints."""
    ink = np.asarray(picture).min(axis=2) < 250
    rows, columns = (np.flatnonzero(ink.mean(axis=axis) > 0.01) for axis in (1, 0))
    if not (len(rows) and len(columns)):
        return picture
    return picture.crop((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))


def shifted(pixels: Pixels, shift: int) -> Pixels:
    """The content moved `shift` px right and down, the edge repeated; the size stays."""
    padded = np.pad(pixels, ((shift, 0), (shift, 0), (0, 0)), mode="edge")
    return padded[: pixels.shape[0], : pixels.shape[1]]


ORIGINALS, SHIFTED, LETTERING = "originals", "shifted", "lettering"
FOLDERS_MAX_PIXELS = 10**8


def load_photos(paths: Mapping[str, Path], short_side: int) -> dict[str, Photo]:
    """The photos at the working size, by stem. Raises Permanent, naming the file."""
    photos = {}
    for stem, path in paths.items():
        try:
            data = path.read_bytes()
            photos[stem] = decode(data, short_side=short_side, max_pixels=FOLDERS_MAX_PIXELS)
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
