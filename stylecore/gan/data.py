"""What the generator learns from: crops of photos and of what the teachers made of them.

A pair file `<name>.npz` holds `photo` [H, W, 3] uint8, one painting of the same shape under each
style id, and `noise_seed`, the seed of the noise field that the teachers painted with. Everything
lies in memory. A batch depends on nothing but the generator of random numbers that is handed in, so
a run that is resumed draws the same batches. How pairs are painted is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stylecore.arrays import Bytes
from stylecore.errors import SettingsError
from stylecore.imaging.foreground import product_mask
from stylecore.imaging.noise import noise_field

ALIGNMENT = 8
"""Crops begin at multiples of this, as the generator's strides do on a whole photo."""
UNTOUCHED_SHARE = 0.3
"""Share of crops whose plain ground is left as photographed; in the others it is pure white."""


@dataclass(frozen=True)
class Pair:
    """A photo, the same with its plain ground whitened, its paintings [S, H, W, 3], its noise."""

    photo: Bytes
    whitened: Bytes
    paintings: Bytes
    noise: NDArray[np.float16]


@dataclass(frozen=True)
class Batch:
    """`photo`, `target`, `noise` [B, 3, h, w]; `styles` [B] indices; `weights` [B, S] one-hot."""

    photo: Tensor
    target: Tensor
    noise: Tensor
    styles: NDArray[np.int_]
    weights: Tensor


def load_pairs(folder: Path, styles: Sequence[str], crop: int) -> list[Pair]:
    """All pairs of a folder, by name. Raises SettingsError for what cannot be trained on."""
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise SettingsError(f"pairs: no .npz files in {folder}; make the pairs first")
    return [load_pair(file, styles, crop) for file in files]


def load_pair(file: Path, styles: Sequence[str], crop: int) -> Pair:
    """One pair. Raises SettingsError when a style lacks or the photo is smaller than a crop."""
    with np.load(file) as archive:
        if missing := [style for style in styles if style not in archive.files]:
            raise SettingsError(f"pairs: {file.name} has no painting in {', '.join(missing)}")
        photo: Bytes = archive["photo"]
        paintings: Bytes = np.stack([archive[style] for style in styles])
        seed = int(archive["noise_seed"])
    height, width = photo.shape[:2]
    if min(height, width) < crop:
        raise SettingsError(f"pairs: {file.name} is {width} x {height}, smaller than a crop {crop}")
    noise = noise_field(seed, height, width).astype(np.float16)
    return Pair(photo, whitened(photo), paintings, noise)


def whitened(photo: Bytes) -> Bytes:
    """The photo with its plain ground, if it has any, made white, as a renderer is to do first."""
    scaled = photo.astype(np.float32) / np.float32(255)
    mask = product_mask(scaled)[..., None]
    white: Bytes = np.rint(((scaled - 1) * mask + 1) * 255).astype(np.uint8)
    return white


def draw_batch(pairs: Sequence[Pair], size: int, crop: int, random: np.random.Generator) -> Batch:
    """`size` crops of `crop` pixels, photo, place and style at random."""
    count = pairs[0].paintings.shape[0]
    photos, targets, fields = [], [], []
    styles = random.permutation(np.arange(size) + random.integers(count)) % count
    for style in styles:
        pair = pairs[int(random.integers(len(pairs)))]
        rows, columns = aligned_window(pair.photo.shape, crop, random)
        source = pair.photo if random.random() < UNTOUCHED_SHARE else pair.whitened
        photos.append(source[rows, columns])
        targets.append(pair.paintings[style][rows, columns])
        fields.append(pair.noise[rows, columns])
    noise = torch.from_numpy(np.stack(fields).astype(np.float32)).permute(0, 3, 1, 2).contiguous()
    return Batch(
        to_tensor(photos), to_tensor(targets), noise, styles, one_hot(styles.tolist(), count)
    )


def aligned_window(
    shape: Sequence[int], crop: int, random: np.random.Generator
) -> tuple[slice, slice]:
    """Rows and columns of a crop that begins at multiples of ALIGNMENT."""
    starts = [
        int(random.integers((side - crop) // ALIGNMENT + 1)) * ALIGNMENT for side in shape[:2]
    ]
    return slice(starts[0], starts[0] + crop), slice(starts[1], starts[1] + crop)


def to_tensor(pictures: Sequence[Bytes]) -> Tensor:
    """uint8 [h, w, 3] pictures of one size -> [B, 3, h, w] in [0, 1]."""
    stacked = torch.from_numpy(np.ascontiguousarray(np.stack(pictures)))
    return stacked.permute(0, 3, 1, 2).contiguous().float() / 255


def one_hot(styles: Sequence[int], count: int) -> Tensor:
    """[B, count] with a 1 at each picture's style."""
    return torch.eye(count)[list(styles)]
