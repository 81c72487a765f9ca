"""What the feature network learns from, in memory: photos, their renders, references of styles.

Pictures are kept somewhat larger than the network sees them, squashed as for serving, so that views
can be cut from them. A part of the photos of every category is set aside for calibration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stylecore.arrays import Bytes
from stylecore.errors import SettingsError
from stylecore.evaluation.pictures import read
from stylecore.features import squash
from stylecore.gan.pairs import on_white
from stylecore.gan.references import load_references, reference_crop
from stylecore.imaging.contact_sheet import LabelledPhoto
from stylecore.imaging.photo import to_floats, to_pixels

STORED_SHARE = 1.25
"""Sides of the pictures in memory, in sides of the network's input."""


@dataclass(frozen=True)
class Lessons:
    """N photos and what belongs to them. Pictures are uint8 [.., 3, side, side]."""

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
    """[N] photos again, the products on white or nearly white ground: packshots are photos too."""
    drawn_on_white: Tensor
    """[N] whether a photo's renders are of the product on white."""


def read_squashed(files: Sequence[Path], side: int) -> Tensor:
    """[N, 3, side, side] uint8, upright."""
    return torch.stack([_planes(read_upright(file), side) for file in files])


def read_upright(file: Path) -> Bytes:
    """[H, W, 3] of 0-255."""
    return np.asarray(read(file))


def read_lessons(
    photos: Sequence[LabelledPhoto],
    renders: Sequence[dict[str, Path]],
    categories: Sequence[str],
    styles: Sequence[str],
    references: Path | None,
    input_side: int,
    white: Sequence[Path | None],
) -> Lessons:
    """Read everything. `renders`: of each photo equally many, style to file.

    `white`: the photo on white ground where that is what was drawn.
    """
    side = round(STORED_SHARE * input_side)
    pictures = read_squashed([photo.path for photo in photos], side)
    return Lessons(
        pictures,
        torch.tensor([categories.index(photo.category) for photo in photos]),
        torch.stack([read_squashed(list(files.values()), side) for files in renders]),
        torch.tensor([[styles.index(style) for style in files] for files in renders]),
        load_references(references, styles) if references else {},
        torch.stack(
            [
                _planes(read_upright(file), side) if file else _on_white(picture, seed)
                for seed, (picture, file) in enumerate(zip(pictures, white, strict=True))
            ]
        ),
        torch.tensor([file is not None for file in white]),
    )


def split(
    photos: Sequence[LabelledPhoto], share: float, random: np.random.Generator
) -> tuple[list[int], list[int]]:
    """Places to learn from and places held out: that share of every category, at least one.

    Raises SettingsError for a category of a single photo.
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
    """`count` crops [count, 3, side, side] uint8, styles in equal chance, and their styles [count].

    A crop covers twice `side`, then shrinks, as a render does on its way into the network.
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
