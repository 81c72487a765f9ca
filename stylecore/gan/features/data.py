"""The feature network's training data: photos, their renders by a generator, references of styles.

make_renders (files in the run's folder) -> load_training_data (all in memory) -> views (augmented
crops of a batch). Pictures are kept somewhat larger than the network's input, squashed as for
serving, so that views can be cut from them. A share of the photos of every category is held out
for calibration.

Renders lie in `RUN/renders-<generator>/<style>/<category>/<photo>.webp`, encoded as they would be
published; files that exist are kept, so a stopped run resumes, and another generator has a folder
of its own. Each photo is drawn in a few styles, in rotation, so that every style has every
category. Of every second photo the product is put on white ground first (`on-white/`), because most
of a shop's photos are packshots, on which every style is faint.

Views are rotated, zoomed, mirrored and recoloured. A photo and its render get the same geometry but
for a few pixels, so that a pair stays aligned. Colours vary little: they are part of the style.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from stylecore.arrays import Bytes
from stylecore.errors import SettingsError
from stylecore.evaluation.inputs import read
from stylecore.gan.data import load_references, reference_crop
from stylecore.gan.pairs import load, on_white
from stylecore.imaging.contact_sheet import LabelledPhoto
from stylecore.imaging.photo import encode, to_floats, to_pixels
from stylecore.rendering.draw import sample_renders
from stylecore.rendering.engine import Engine
from stylecore.rendering.features import squash

NOISES = 16
"""Number of noise fields, assigned to photos in rotation."""
WHITE_EVERY = 2
"""Every how many photos one is drawn on white ground; no divisor of the number of styles."""
ON_WHITE = "on-white"

Progress = Callable[[int, int], None]
"""Gets the number of photos done and of all."""


def renders_folder(run: Path, engine: Engine) -> Path:
    """Return the folder of this generator's renders, by version too because finishes may differ."""
    return run / f"renders-{engine.manifest.version}-{engine.manifest.sha256[:12]}"


def styles_in_rotation(index: int, styles: Sequence[str], count: int) -> list[str]:
    """Choose the `count` styles of the photo at `index`; neighbours get others."""
    return [styles[(index + turn) % len(styles)] for turn in range(min(count, len(styles)))]


def white_photo(photo: LabelledPhoto, index: int, folder: Path) -> Path | None:
    """Return the photo on white, written if missing; None for photos drawn as they are."""
    if index % WHITE_EVERY:
        return None
    file = folder / ON_WHITE / photo.category / f"{photo.path.stem}.png"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(to_pixels(on_white(load(photo.path), index))).save(file)
    return file


def make_renders(
    engine: Engine,
    photos: Sequence[LabelledPhoto],
    folder: Path,
    count: int,
    progress: Progress,
) -> list[dict[str, Path]]:
    """Render each photo in its styles where files are missing; returns style to file per photo.

    Raises SettingsError when two photos of a category have one stem.
    """
    styles = [style.style_id for style in engine.manifest.styles]
    wanted = [
        {
            style: folder / style / photo.category / f"{photo.path.stem}.webp"
            for style in styles_in_rotation(index, styles, count)
        }
        for index, photo in enumerate(photos)
    ]
    every = [file for files in wanted for file in files.values()]
    if len(set(every)) < len(every):
        raise SettingsError("photos: two of one category have the same name but for the suffix")
    for index, (photo, files) in enumerate(zip(photos, wanted, strict=True)):
        missing = {style: file for style, file in files.items() if not file.is_file()}
        if missing:
            source = white_photo(photo, index, folder) or photo.path
            drawn = sample_renders(engine, source, list(missing), seed=index % NOISES)
            for style, file in missing.items():
                _write(file, encode(drawn.renders[style])[0])
        progress(index + 1, len(photos))
    return wanted


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_bytes(data)
    part.replace(file)


STORED_SHARE = 1.25
"""Sides of the pictures in memory, in sides of the network's input."""


@dataclass(frozen=True)
class TrainingData:
    """N photos, classes, renders and references; pictures are uint8 [.., 3, side, side]."""

    photos: Tensor
    categories: Tensor
    """[N]"""
    renders: Tensor
    """[N, K, 3, side, side]"""
    render_styles: Tensor
    """[N, K]"""
    references: dict[int, list[Bytes]]
    """Style to its real pictures, of any size."""
    on_white: Tensor
    """[N] the same photos with the product on white or nearly white ground, as packshots."""
    drawn_on_white: Tensor
    """[N] whether a photo's renders show the product on white."""


def read_squashed(files: Sequence[Path], side: int) -> Tensor:
    """Read upright pictures as [N, 3, side, side] uint8."""
    return torch.stack([_planes(np.asarray(read(file)), side) for file in files])


def load_training_data(
    photos: Sequence[LabelledPhoto],
    renders: Sequence[dict[str, Path]],
    categories: Sequence[str],
    styles: Sequence[str],
    references: Path | None,
    input_side: int,
    white: Sequence[Path | None],
) -> TrainingData:
    """Read everything.

    `renders`: style to file for each photo, equally many. `white`: the photo on white ground where
    that was rendered.
    """
    side = round(STORED_SHARE * input_side)
    pictures = read_squashed([photo.path for photo in photos], side)
    return TrainingData(
        pictures,
        torch.tensor([categories.index(photo.category) for photo in photos]),
        torch.stack([read_squashed(list(files.values()), side) for files in renders]),
        torch.tensor([[styles.index(style) for style in files] for files in renders]),
        load_references(references, styles) if references else {},
        torch.stack(
            [
                _planes(np.asarray(read(file)), side) if file else _on_white(picture, seed)
                for seed, (picture, file) in enumerate(zip(pictures, white, strict=True))
            ]
        ),
        torch.tensor([file is not None for file in white]),
    )


def split(
    photos: Sequence[LabelledPhoto], share: float, random: np.random.Generator
) -> tuple[list[int], list[int]]:
    """Split photos into rows to train on and rows held out, `share` of every category.

    At least one of each is held out. Raises SettingsError for a category of a single photo.
    """
    kept: list[int] = []
    held_out: list[int] = []
    for category in sorted({photo.category for photo in photos}):
        places = [place for place, photo in enumerate(photos) if photo.category == category]
        if len(places) < 2:
            raise SettingsError(f"photos: {category} has one photo only; two are needed")
        shuffled = random.permutation(places).tolist()
        cut = max(1, round(share * len(places)))
        held_out += shuffled[:cut]
        kept += shuffled[cut:]
    return sorted(kept), sorted(held_out)


def draw_references(
    references: dict[int, list[Bytes]], count: int, side: int, random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Draw `count` crops [count, 3, side, side] uint8 of evenly drawn styles, and these [count].

    A crop covers twice `side` and is then reduced, as a render is before it enters the network.
    """
    styles = random.choice(list(references), count)
    crops = []
    for style in styles:
        pictures = references[int(style)]
        picture = pictures[int(random.integers(len(pictures)))]
        crops.append(_planes(reference_crop(picture, 2 * side, random), side))
    return torch.stack(crops), torch.from_numpy(styles)


def _on_white(picture: Tensor, seed: int) -> Tensor:
    whitened = on_white(to_floats(picture.permute(1, 2, 0).numpy()), seed)
    return torch.from_numpy(to_pixels(whitened)).permute(2, 0, 1)


def _planes(picture: Bytes, side: int) -> Tensor:
    return torch.from_numpy(np.array(squash(picture, side))).permute(2, 0, 1)


ZOOM = (0.72, 1.05)
"""Least and largest share of the picture's sides in a view."""
ASPECT, TURN, ALONE = 0.12, math.radians(10), 0.03
LIGHT, CONTRAST, WHITE = 0.12, 0.2, 0.06


def random_geometry(count: int, random: torch.Generator) -> Tensor:
    """Draw affine maps from view to picture, [count, 2, 3], as `affine_grid` takes them."""

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=random)

    zoom, aspect, turn = between(*ZOOM), between(-ASPECT, ASPECT).exp(), between(-TURN, TURN)
    mirror = (torch.rand(count, generator=random) < 0.5).float() * 2 - 1
    across, down = zoom * aspect, zoom / aspect
    room = (1 - zoom).clamp_min(0)
    right, lower = between(-1, 1) * room, between(-1, 1) * room
    cos, sin = turn.cos(), turn.sin()
    rows = (across * cos * mirror, -down * sin, right, across * sin * mirror, down * cos, lower)
    return torch.stack(rows, dim=1).view(count, 2, 3)


def shifted(geometry: Tensor, random: torch.Generator) -> Tensor:
    """Shift each map [count, 2, 3] by up to 3 % of half a side."""
    shift = (torch.rand(len(geometry), 2, generator=random) * 2 - 1) * ALONE
    return torch.cat([geometry[:, :, :2], geometry[:, :, 2:] + shift[:, :, None]], dim=2)


def views(pictures: Tensor, geometry: Tensor, side: int) -> Tensor:
    """Map [B, 3, H, W] uint8 to [B, 3, side, side] in [0, 1]; edges are mirrored."""
    grid = functional.affine_grid(geometry, [len(pictures), 3, side, side], align_corners=False)
    return functional.grid_sample(
        pictures.float() / 255, grid, padding_mode="reflection", align_corners=False
    )


def recoloured(pictures: Tensor, random: torch.Generator, strength: float = 1.0) -> Tensor:
    """Vary contrast, brightness and white point of each picture at random."""

    def around(*shape: int) -> Tensor:
        return (torch.rand(len(pictures), *shape, generator=random) * 2 - 1) * strength

    contrast = 1 + CONTRAST * around(1, 1, 1)
    white = 1 + WHITE * around(3, 1, 1)
    return ((pictures - 0.5) * contrast * white + 0.5 + LIGHT * around(1, 1, 1)).clamp(0, 1)
