"""What SqueezeNet 1.0 makes of a photo, as something for a small network to imitate.

1,950 photos are few; a network trained on ImageNet knows more of shapes and cloth than they tell.
Its activations are a target of the training and no part of what ships. The weights are read from a
NumPy archive and never learn (Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer
parameters", 2016). perceptual.py has the shallow layers, this the deep ones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from stylecore.errors import SettingsError
from stylecore.gan.perceptual import MEAN_BGR, pooled

FIRES = tuple(f"fire{number}" for number in range(2, 10))
POOLED_AFTER = ("fire4", "fire8")
GRID = 2
BATCH = 32
Weights = dict[str, Tensor]


def load_teacher(path: Path) -> Weights:
    """The weights at `path` (.npz). Raises SettingsError where there are none."""
    if not path.is_file():
        raise SettingsError(f"perceptual: no weights at {path}; give squeezenet1_0.npz")
    with np.load(path) as archive:
        return {
            name: torch.from_numpy(archive[name].astype(np.float32))
            for name in archive.files
            if name.startswith(("conv1", *FIRES))
        }


def teacher_targets(weights: Weights, pictures: Tensor) -> Tensor:
    """[N, 3, H, W] uint8 -> [N, D], each dimension with mean 0 and deviation 1 over the pictures.

    fire9's square roots, averaged over the whole picture and over a grid of 2 x 2.
    """
    parts = []
    for batch in torch.split(pictures, BATCH):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            deep = _fire9(weights, batch.float()).float().clamp_min(0).sqrt()
        whole = deep.mean(dim=(2, 3))
        parts.append(torch.cat([whole, functional.adaptive_avg_pool2d(deep, GRID).flatten(1)], 1))
    described = torch.cat(parts)
    return (described - described.mean(0)) / described.std(0).clamp_min(1e-3)


def _fire9(weights: Weights, pixels: Tensor) -> Tensor:
    """[B, 3, H, W] RGB of 0-255 -> [B, 512, h, w]."""
    mean = torch.tensor(MEAN_BGR).view(1, 3, 1, 1)
    centred = (pixels.flip(1) - mean).to(memory_format=torch.channels_last)
    features = pooled(functional.relu(_convolved(weights, "conv1", centred, stride=2)))
    for name in FIRES:
        squeezed = functional.relu(_convolved(weights, f"{name}/squeeze1x1", features))
        narrow = _convolved(weights, f"{name}/expand1x1", squeezed)
        wide = _convolved(weights, f"{name}/expand3x3", squeezed, padding=1)
        features = functional.relu(torch.cat([narrow, wide], dim=1))
        if name in POOLED_AFTER:
            features = pooled(features)
    return features


def _convolved(
    weights: Weights, layer: str, features: Tensor, stride: int = 1, padding: int = 0
) -> Tensor:
    weight, bias = weights[f"{layer}.w"], weights[f"{layer}.b"]
    return functional.conv2d(features, weight, bias, stride, padding)
