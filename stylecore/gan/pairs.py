"""Builds the pair data set: photos and each teacher's painting of them.

    python -m stylecore.gan.pairs --photos DIR [--photos DIR ...] --styles DIR --output DIR
                                  [--limit N] [--workers 2]

Writes `<index>.npz` with uint8 arrays `photo` [H,W,3], one [H,W,3] per style id, and `noise_seed`,
from which training regenerates the teachers' noise. Photos are drawn from the category folders in
rotation. A third is put on white or nearly white ground: products of photos that have plain ground,
and rounded swatches of the others. A file that exists is kept, so a larger limit extends a set.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from stylecore.arrays import Bytes, Floats
from stylecore.errors import SettingsError
from stylecore.evaluation.inputs import read
from stylecore.gan.teachers import STYLES, Gaussian, paint, reference_palettes
from stylecore.gan.teachers.filters import blur, smoothstep, unit_noise
from stylecore.imaging.file_kinds import PICTURE_SUFFIXES
from stylecore.imaging.foreground import has_plain_ground, product_mask
from stylecore.rendering.grid import noise_field

SHORT_SIDE, LONG_SIDE = 256, 384
WHITE_EVERY = 3


def balanced(folders: Sequence[Path], limit: int) -> list[Path]:
    """Choose up to `limit` photos from every category folder in rotation; deterministic.

    A folder of photos without subfolders is one category. Raises SettingsError if there is none.
    """
    categories: dict[Path, list[Path]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in PICTURE_SUFFIXES:
                categories.setdefault(path.parent, []).append(path)
    if not categories:
        raise SettingsError(f"no photos under {', '.join(map(str, folders))}: give folders of them")
    for paths in categories.values():
        random.Random(len(paths)).shuffle(paths)
    turns = itertools.zip_longest(*categories.values())
    return [path for turn in turns for path in turn if path is not None][:limit]


def load(path: Path) -> Floats:
    """Load an upright photo [H,W,3] in [0,1], short side 256, long side at most 384 pixels."""
    upright = read(path)
    scale = SHORT_SIDE / min(upright.size)
    width, height = (min(round(side * scale), LONG_SIDE) for side in upright.size)
    fitted = ImageOps.fit(upright, (width, height), Image.Resampling.LANCZOS)
    return np.asarray(fitted, np.float32) / np.float32(255)


def on_white(photo: Floats, seed: int) -> Floats:
    """Put the product, or a swatch where the ground is not plain, on nearly white ground."""
    mask = product_mask(photo)
    if not has_plain_ground(mask):
        mask = _swatch(mask.shape, seed)
    return np.asarray(photo * mask[..., None] + _ground(photo.shape, seed) * (1 - mask[..., None]))


def _swatch(shape: tuple[int, ...], seed: int) -> Floats:
    """Draw a rounded shape [H,W] with a wavy outline that leaves the border free."""
    generator = np.random.default_rng(seed)
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in shape)
    radius = generator.uniform(0.62, 0.86, 2)
    power = generator.uniform(2.0, 5.0)
    level = (np.abs(y / radius[0]) ** power)[:, None] + (np.abs(x / radius[1]) ** power)[None, :]
    wave = unit_noise(noise_field(seed + 10**6, *shape)[..., 0], 18.0)
    wavy = (level ** (1 / power) + 0.06 * wave).astype(np.float32)
    frame = np.maximum(np.abs(y)[:, None], np.abs(x)[None, :])
    return blur(smoothstep(1.0, 0.985, wavy) * (frame < 0.93), 0.6)


def _ground(shape: tuple[int, ...], seed: int) -> Floats:
    """Draw pure white, or one time in three a light grey gradient, [H,W,3]."""
    generator = np.random.default_rng(seed + 1)
    if generator.random() > 1 / 3:
        return np.ones(shape, np.float32)
    top, bottom = generator.uniform(0.88, 1.0, 2)
    column = np.linspace(top, bottom, shape[0], dtype=np.float32)
    return np.broadcast_to(column[:, None, None], shape).astype(np.float32)


def make_pair(path: Path, index: int, palettes: Mapping[str, Gaussian]) -> dict[str, Bytes]:
    """Paint a photo in every style, uint8 [H,W,3] by name; the index seeds the noise field."""
    photo = load(path)
    if index % WHITE_EVERY == 0:
        photo = on_white(photo, index)
    photo = _bytes(photo).astype(np.float32) / np.float32(255)
    noise = noise_field(index, *photo.shape[:2])
    painted = {info.style_id: paint(info.style_id, photo, noise, palettes) for info in STYLES}
    return {name: _bytes(picture) for name, picture in {"photo": photo, **painted}.items()}


def _bytes(picture: Floats) -> Bytes:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def write_pair(job: tuple[int, Path], output: Path, palettes: Mapping[str, Gaussian]) -> bool:
    """Write a pair unless its file exists; returns whether it was written."""
    index, path = job
    target = output / f"{index:05d}.npz"
    if target.exists():
        return False
    unfinished = target.with_suffix(f".{os.getpid()}.part")
    arrays: dict[str, Any] = {"noise_seed": np.int64(index), **make_pair(path, index, palettes)}
    with unfinished.open("wb") as stream:
        np.savez(stream, **arrays)
    unfinished.replace(target)
    return True


def make_pairs(
    photos: Sequence[Path],
    styles: Path,
    output: Path,
    limit: int,
    workers: int,
    report: Callable[[int, int], None],
) -> None:
    """Paint the missing ones of the first `limit` pairs; `report` gets counts of done and all.

    Raises SettingsError where there are no photos.
    """
    output.mkdir(parents=True, exist_ok=True)
    jobs = list(enumerate(balanced(photos, limit)))
    paint_one = partial(write_pair, output=output, palettes=reference_palettes(styles))
    with ProcessPoolExecutor(workers) as pool:
        for done, _ in enumerate(pool.map(paint_one, jobs, chunksize=4), start=1):
            report(done, len(jobs))


def print_every_fifty(done: int, whole: int) -> None:
    """Print a line for every 50 pairs."""
    if done % 50 == 0 or done == whole:
        print(f"{done} of {whole} pairs", flush=True)


def main() -> None:
    """Make or extend a pair set, printing the count every 50 pairs."""
    parser = argparse.ArgumentParser(description="Paint photos in every style for training.")
    parser.add_argument("--photos", type=Path, action="append", required=True)
    parser.add_argument("--styles", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=400)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    make_pairs(
        given.photos, given.styles, given.output, given.limit, given.workers, print_every_fifty
    )


if __name__ == "__main__":
    main()
