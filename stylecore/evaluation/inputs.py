"""Finds, reads and writes the pictures of evaluations.

An evaluation of a generator keeps every picture, so that what is drawn once is measured and shown:

    <output>/originals/<stem>.png              the photos at the working size
    <output>/<painter>/<style>/<stem>.png      generator, teacher, microast
    <output>/shifted/<style>/<stem>.png        the generator's, of photos moved by a few px
    <output>/lettering/<style>/<page>.png      the generator's, of typeset pages at full size
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from stylecore.arrays import Ints
from stylecore.errors import Permanent
from stylecore.imaging.file_kinds import PICTURE_SUFFIXES
from stylecore.imaging.photo import NotAPhoto, Photo, Pixels, decode, on_white, read_picture

ORIGINALS, SHIFTED, LETTERING = "originals", "shifted", "lettering"
PHOTOS_MAX_PIXELS = 10**8
PICTURES_MAX_PIXELS = 200_000_000
SMALLEST_SIDE = 80
"""Pixels of a side that SqueezeNet's deepest layer needs."""


def pictures_under(folder: Path) -> dict[str, Path]:
    """Find all pictures below a folder, stem to path, in order of path.

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
    """Find up to `limit` photos at even distances among all under the folders, name to path.

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
    return {stems[place]: found[stems[place]] for place in even_places(len(stems), limit)}


def even_places(count: int, limit: int) -> Ints:
    """Choose at most `limit` of `count` places at even distances."""
    return np.linspace(0, count - 1, min(limit, count)).round().astype(np.int64)


def read(path: Path) -> Image.Image:
    """Read an upright RGB picture, transparency on white. Raises Permanent."""
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
    """Resize to about `area` pixels, keeping the aspect ratio, no side below SMALLEST_SIDE."""
    scale = math.sqrt(area / (picture.width * picture.height))
    width, height = (max(SMALLEST_SIDE, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def without_white_margins(picture: Image.Image) -> Image.Image:
    """Crop white rows and columns at the edges, with which galleries pad prints."""
    ink = np.asarray(picture).min(axis=2) < 250
    rows, columns = (np.flatnonzero(ink.mean(axis=axis) > 0.01) for axis in (1, 0))
    if not (len(rows) and len(columns)):
        return picture
    return picture.crop((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))


def shifted(pixels: Pixels, shift: int) -> Pixels:
    """Move the content `shift` px right and down, repeating the edge; the size stays."""
    padded = np.pad(pixels, ((shift, 0), (shift, 0), (0, 0)), mode="edge")
    return padded[: pixels.shape[0], : pixels.shape[1]]


def load_photos(paths: Mapping[str, Path], short_side: int) -> dict[str, Photo]:
    """Load the photos at the working size, by stem. Raises Permanent, naming the file."""
    photos = {}
    for stem, path in paths.items():
        try:
            data = path.read_bytes()
            photos[stem] = decode(data, short_side=short_side, max_pixels=PHOTOS_MAX_PIXELS)
        except OSError as problem:
            raise Permanent(f"cannot read {path}: {problem.strerror}") from problem
        except Permanent as problem:
            raise Permanent(f"{path}: {problem}") from problem
    return photos


def write_pictures(folder: Path, stems: Sequence[str], pictures: Sequence[Pixels]) -> None:
    """Write one PNG per stem."""
    for stem, pixels in zip(stems, pictures, strict=True):
        write(pixels, folder / f"{stem}.png")


def read_pixels(path: Path) -> Pixels:
    """Read [H, W, 3] of 0-255."""
    return np.asarray(read(path))


def style_folder(output: Path, painter: str, style: str) -> Path:
    """Return the folder of a painter's pictures of a style."""
    return output / painter / style


def stems_of(output: Path) -> list[str]:
    """List the names of the photos of an evaluation, in order."""
    return list(pictures_under(output / ORIGINALS))
