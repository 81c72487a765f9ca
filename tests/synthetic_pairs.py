"""Small made-up data that a generator can be trained on in seconds: pairs, references, an eye."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from stylecore.gan.networks import GeneratorShape
from stylecore.gan.settings import TrainSettings

STYLES = ("negative", "warm", "grey")
SIDE = 64
TINY = GeneratorShape(
    styles=len(STYLES), full=4, half=8, quarter=8, eighth=8, blocks_quarter=1, blocks_eighth=1
)
SQUEEZENET = {"conv1": (96, 3, 7)} | {
    f"fire{number}/{part}": (target, source, kernel)
    for number, squeezed, narrow, before in (
        (2, 16, 64, 96),
        (3, 16, 64, 128),
        (4, 32, 128, 128),
        (5, 32, 128, 256),
    )
    for part, target, source, kernel in (
        ("squeeze1x1", squeezed, before, 1),
        ("expand1x1", narrow, squeezed, 1),
        ("expand3x3", narrow, squeezed, 3),
    )
}


def write_eye(path: Path) -> None:
    """SqueezeNet's layout with random weights; random features still tell textures apart."""
    random = np.random.default_rng(0)
    arrays = {}
    for layer, (target, source, kernel) in SQUEEZENET.items():
        deviation = np.sqrt(2 / (source * kernel * kernel)) / (100 if layer == "conv1" else 1)
        weights = random.standard_normal((target, source, kernel, kernel)) * deviation
        arrays[f"{layer}.w"] = weights.astype(np.float32)
        arrays[f"{layer}.b"] = np.zeros(target, np.float32)
    np.savez(path, **arrays)


def write_pairs(folder: Path, names: Sequence[str], count: int = 4) -> None:
    """Blurred noise as photos, and three styles that a small network learns quickly."""
    negative, warm, grey = names
    folder.mkdir()
    for index in range(count):
        random = np.random.default_rng(index)
        field = ndimage.gaussian_filter(random.standard_normal((SIDE, SIDE + 16, 3)), (5, 5, 0))
        photo = np.clip(field * 3 + 0.5, 0, 1)
        pictures = {
            "photo": photo,
            negative: 1 - photo,
            warm: photo * (1.0, 0.7, 0.4),
            grey: np.repeat(photo.mean(axis=2, keepdims=True), 3, axis=2),
        }
        painted = {
            name: np.rint(picture * 255).astype(np.uint8) for name, picture in pictures.items()
        }
        np.savez(folder / f"{index:05d}.npz", noise_seed=index, **painted)


def write_references(folder: Path, name: str) -> None:
    """Stripes as the only real pictures, in one of the styles."""
    (folder / name).mkdir(parents=True)
    stripes = np.zeros((90, 120, 3), np.uint8) + 40
    stripes[::6] = (250, 180, 60)
    for number in range(2):
        Image.fromarray(np.roll(stripes, number, axis=0)).save(folder / name / f"{number}.png")


def tiny_settings(
    folder: Path, run: str = "run", names: Sequence[str] = STYLES, **changes: object
) -> TrainSettings:
    """Settings of a run on data that is written into `folder` unless it is there."""
    if not (folder / "pairs").exists():
        write_eye(folder / "eye.npz")
        write_pairs(folder / "pairs", names)
        write_references(folder / "styles", names[1])
    fields: dict[str, object] = {
        "photos": folder / "photos",
        "styles": folder / "styles",
        "perceptual": folder / "eye.npz",
        "pairs": folder / "pairs",
        "run": folder / run,
        "steps": 24,
        "crop": 48,
        "batch": 3,
        "rate": 2e-3,
        "adversarial_from": 8,
        "adversarial_ramp": 4,
        "adversarial_every": 1,
        "bf16": False,
        "threads": 1,
        "log_every": 1,
        "grid_every": 12,
        "checkpoint_every": 6,
        "shape": TINY,
    }
    return TrainSettings(**(fields | changes))  # type: ignore[arg-type]
