"""SqueezeNet 1.0 with random weights, as the archive of the real ones is laid out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SQUEEZED = (16, 16, 32, 32, 48, 48, 64, 64)
EXPANDED = (64, 64, 128, 128, 192, 192, 256, 256)


def write_perceptual(path: Path, seed: int = 0) -> Path:
    """Writes the archive; returns its path."""
    random = np.random.default_rng(seed)
    arrays: dict[str, np.ndarray] = {}

    def layer(name: str, out: int, channels: int, kernel: int) -> None:
        scale = np.sqrt(2 / (channels * kernel**2))
        weight = random.normal(0, scale, (out, channels, kernel, kernel))
        arrays[f"{name}.w"] = weight.astype(np.float32)
        arrays[f"{name}.b"] = np.zeros(out, np.float32)

    layer("conv1", 96, 3, 7)
    channels = 96
    for number, (narrow, wide) in enumerate(zip(SQUEEZED, EXPANDED, strict=True), start=2):
        layer(f"fire{number}/squeeze1x1", narrow, channels, 1)
        layer(f"fire{number}/expand1x1", wide, narrow, 1)
        layer(f"fire{number}/expand3x3", wide, narrow, 3)
        channels = 2 * wide
    np.savez(path, **arrays)
    return path
