"""SqueezeNet 1.0 as a fixed eye: the activations in which training losses compare pictures.

The weights (Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016;
trained on ImageNet) are read from a NumPy archive and never learn. Only the shallow to middle
layers are computed. It does not know what is compared with what: that is losses.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.errors import SettingsError

Features: TypeAlias = list[Tensor]

MEAN_BGR = (104.0, 117.0, 123.0)
FIRES = ("fire2", "fire3", "fire4", "fire5")
RETURNED = ("fire3", "fire5")
"""Besides conv1: from the stroke to the deepest layer in which place still counts."""


class SqueezeNet(nn.Module):
    """conv1, fire3 and fire5 of SqueezeNet 1.0, before pooling."""

    def __init__(self, arrays: dict[str, Tensor]) -> None:
        super().__init__()
        self.names = {name: name.replace("/", "_").replace(".", "_") for name in arrays}
        for name, array in arrays.items():
            self.register_buffer(self.names[name], array)
        self.register_buffer("mean", torch.tensor(MEAN_BGR).view(1, 3, 1, 1))

    def forward(self, pictures: Tensor) -> Features:
        """[B, 3, H, W] RGB in [0, 1], H and W at least 32 -> [B, 96 | 128 | 256, h, w] each."""
        mean: Tensor = self.get_buffer("mean")
        pixels = pictures.flip(1) * 255 - mean
        features = functional.relu(self._convolved(pixels, "conv1", stride=2))
        returned = [features]
        features = pooled(features)
        for name in FIRES:
            features = self._fire(features, name)
            if name in RETURNED:
                returned.append(features)
            if name == "fire4":
                features = pooled(features)
        return returned

    def _convolved(self, features: Tensor, layer: str, stride: int = 1, padding: int = 0) -> Tensor:
        weight = self.get_buffer(self.names[f"{layer}.w"])
        bias = self.get_buffer(self.names[f"{layer}.b"])
        return functional.conv2d(features, weight, bias, stride, padding)

    def _fire(self, features: Tensor, name: str) -> Tensor:
        squeezed = functional.relu(self._convolved(features, f"{name}/squeeze1x1"))
        narrow = self._convolved(squeezed, f"{name}/expand1x1")
        wide = self._convolved(squeezed, f"{name}/expand3x3", padding=1)
        return functional.relu(torch.cat([narrow, wide], dim=1))


def load_perceptual(path: Path) -> SqueezeNet:
    """The network with the weights at `path` (.npz). Raises SettingsError where there are none."""
    if not path.is_file():
        raise SettingsError(f"perceptual: no weights at {path}; give squeezenet1_0.npz")
    needed = ("conv1", *FIRES)
    with np.load(path) as archive:
        arrays = {
            name: torch.from_numpy(archive[name].astype(np.float32))
            for name in archive.files
            if name.startswith(needed)
        }
    return SqueezeNet(arrays).eval()


def pooled(features: Tensor) -> Tensor:
    """3 x 3 maximum, stride 2, sizes rounded up, as Caffe does."""
    return functional.max_pool2d(features, 3, 2, ceil_mode=True)
