"""SqueezeNet 1.0 in torch with fixed weights: the activations in which losses compare pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.evaluation.squeezenet import (
    GRAM_LAYERS,
    MEAN_BGR,
    Operators,
    layers_of,
    load_weights,
)

Features: TypeAlias = list[Tensor]


class SqueezeNet(nn.Module):
    """The activations of `returned` layers before pooling, the last of them the deepest."""

    def __init__(self, arrays: dict[str, Tensor], returned: Sequence[str] = GRAM_LAYERS) -> None:
        super().__init__()
        self.returned = tuple(returned)
        self.names = {name: name.replace("/", "_").replace(".", "_") for name in arrays}
        for name, array in arrays.items():
            self.register_buffer(self.names[name], array)
        self.register_buffer("mean", torch.tensor(MEAN_BGR, dtype=torch.float32).view(1, 3, 1, 1))

    def forward(self, pictures: Tensor) -> Features:
        """[B, 3, H, W] RGB in [0, 1], H and W at least 32 -> [B, C, h, w] per layer.

        C is 96, 128 and 256 for the default layers.
        """
        return self.of_pixels(pictures.flip(1) * 255)

    def of_pixels(self, bgr: Tensor) -> Features:
        """The same from BGR of 0-255; keeps the memory format of its input."""
        centred = bgr - self.get_buffer("mean")
        operators = Operators[Tensor](
            self._convolved, lambda *parts: torch.cat(parts, dim=1), _pooled
        )
        layers = layers_of(centred, operators, self.returned[-1])
        return [layers[name] for name in self.returned]

    def _convolved(self, features: Tensor, name: str, stride: int, padding: int) -> Tensor:
        weight, bias = (self.get_buffer(self.names[f"{name}.{part}"]) for part in "wb")
        return functional.relu(functional.conv2d(features, weight, bias, stride, padding))


def _pooled(features: Tensor) -> Tensor:
    return functional.max_pool2d(features, 3, 2, ceil_mode=True)


def load_squeezenet(path: Path, returned: Sequence[str] = GRAM_LAYERS) -> SqueezeNet:
    """Load the weights at `path` (.npz). Raises SettingsError where there are none."""
    arrays = load_weights(path, returned[-1])
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return SqueezeNet(tensors, returned).eval()
