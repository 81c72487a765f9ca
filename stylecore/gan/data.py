"""The generator's training data: pairs of photos and teachers' paintings, and real references.

A pair file `<name>.npz` holds `photo` [H, W, 3] uint8, one painting of the same shape under each
style id, and `noise_seed`, the seed of the noise field that the teachers painted with. Everything
is kept in memory. A batch depends only on the random generator passed in, so a resumed run draws
the same batches.

References are real pictures in a style, 4 to 80 each, shown to the discriminator beside the
teachers' paintings; crops vary in scale, side, light and colour because they are few. Procedural
styles have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from stylecore.arrays import Bytes
from stylecore.errors import SettingsError
from stylecore.evaluation.inputs import read, without_white_margins
from stylecore.imaging.file_kinds import PICTURE_SUFFIXES
from stylecore.imaging.foreground import product_mask
from stylecore.rendering.grid import noise_field

ALIGNMENT = 8
"""Crops start at multiples of this, as the generator's strides do on a whole photo."""
UNTOUCHED_SHARE = 0.3
"""Share of crops whose plain ground stays as photographed; in the others it is pure white."""


@dataclass(frozen=True)
class Pair:
    """A photo [H, W, 3], the same with plain ground whitened, paintings [S, H, W, 3], its noise."""

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
    """Load all pairs of a folder, by name. Raises SettingsError for what cannot be trained on."""
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise SettingsError(f"pairs: no .npz files in {folder}; make the pairs first")
    return [load_pair(file, styles, crop) for file in files]


def load_pair(file: Path, styles: Sequence[str], crop: int) -> Pair:
    """Load a pair. Raises SettingsError for a missing style or a photo smaller than a crop."""
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
    """Make the photo's plain ground white, if it has any, as rendering does first."""
    scaled = photo.astype(np.float32) / np.float32(255)
    mask = product_mask(scaled)[..., None]
    white: Bytes = np.rint(((scaled - 1) * mask + 1) * 255).astype(np.uint8)
    return white


def draw_batch(pairs: Sequence[Pair], size: int, crop: int, random: np.random.Generator) -> Batch:
    """Draw `size` crops of `crop` pixels: photo, place and style at random."""
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
    """Draw the rows and columns of a crop that starts at multiples of ALIGNMENT."""
    starts = [
        int(random.integers((side - crop) // ALIGNMENT + 1)) * ALIGNMENT for side in shape[:2]
    ]
    return slice(starts[0], starts[0] + crop), slice(starts[1], starts[1] + crop)


def to_tensor(pictures: Sequence[Bytes]) -> Tensor:
    """Stack uint8 [h, w, 3] pictures of one size as [B, 3, h, w] in [0, 1]."""
    stacked = torch.from_numpy(np.ascontiguousarray(np.stack(pictures)))
    return stacked.permute(0, 3, 1, 2).contiguous().float() / 255


def one_hot(styles: Sequence[int], count: int) -> Tensor:
    """Encode styles as [B, count] with a 1 at each picture's style."""
    return torch.eye(count)[list(styles)]


REFERENCE_SIDE = 384
"""References are kept with at most this short side, in pixels."""


def load_references(folder: Path, styles: Sequence[str]) -> dict[int, list[Bytes]]:
    """Load real pictures by style index, for the styles that have a folder of them."""
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
    """Read [H, W, 3], upright, white margins cut off, short side at most REFERENCE_SIDE."""
    picture = without_white_margins(read(file))
    return np.asarray(with_short_side(picture, min(REFERENCE_SIDE, *picture.size)))


def reference_crop(picture: Bytes, crop: int, random: np.random.Generator) -> Bytes:
    """Draw a crop at a random scale, mirrored half of the time, light and colour varied."""
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
    """Resize a picture so that its short side has `short` pixels."""
    scale = short / min(picture.size)
    size = (max(short, round(picture.width * scale)), max(short, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS)
