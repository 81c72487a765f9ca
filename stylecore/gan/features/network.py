"""The feature network: convolutions with three outputs, categories, styles and an embedding.

A plain stack of 3 x 3 convolutions with batch normalization (Ioffe and Szegedy, ICML 2015), which
is folded into the convolutions on export. The mean of the deepest map describes what is shown, a
coarse grid of it where; one fully connected layer joins them, and categories and embedding are
linear in that. Styles are read from mean and deviation of a shallow map, where texture shows, and
from the deep mean.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.gan.features.settings import FeaturesShape

GRID = 4
DROPOUT = 0.2


class Outputs(NamedTuple):
    """`embedding` [B, E] of unit length; `categories` [B, C] and `styles` [B, S + 1] as logits;
    `hidden` [B, H].
    """

    embedding: Tensor
    categories: Tensor
    styles: Tensor
    hidden: Tensor


class FeatureNetwork(nn.Module):
    """[B, 3, side, side] in [0, 1] -> Outputs; sides are multiples of 32."""

    def __init__(self, shape: FeaturesShape, categories: int, styles: int) -> None:
        super().__init__()
        first, second, third, fourth = shape.channels
        self.shape = shape
        self.shallow = nn.Sequential(
            convolution(3, first, stride=2),
            convolution(first, first),
            nn.MaxPool2d(2),
            convolution(first, second),
            convolution(second, second),
        )
        self.deep = nn.Sequential(
            nn.MaxPool2d(2),
            convolution(second, third),
            convolution(third, third),
            nn.MaxPool2d(2),
            convolution(third, fourth),
            convolution(fourth, fourth),
        )
        self.cells = nn.Conv2d(fourth, shape.cells, 1)
        joined = fourth + shape.cells * GRID * GRID
        self.hidden = nn.Sequential(nn.Linear(joined, shape.hidden), nn.ReLU(inplace=True))
        self.embedding = nn.Linear(shape.hidden, shape.embedding)
        self.categories = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(shape.hidden, categories))
        self.styles = nn.Linear(2 * second + fourth, styles)

    def forward(self, pictures: Tensor) -> Outputs:
        """Compute embedding and logits of a batch."""
        shallow = self.shallow(pictures * 4 - 2)
        deep = self.deep(shallow)
        mean = deep.mean(dim=(2, 3))
        grid = functional.adaptive_avg_pool2d(self.cells(deep), GRID).flatten(1)
        hidden = self.hidden(torch.cat([mean, grid], dim=1))
        texture = torch.cat([shallow.mean(dim=(2, 3)), deviation(shallow), mean], dim=1)
        return Outputs(
            functional.normalize(self.embedding(hidden).float(), dim=1),
            self.categories(hidden).float(),
            self.styles(texture).float(),
            hidden.float(),
        )


def convolution(source: int, target: int, stride: int = 1) -> nn.Module:
    """Make a 3 x 3 convolution with batch normalization and ReLU."""
    return nn.Sequential(
        nn.Conv2d(source, target, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(target),
        nn.ReLU(inplace=True),
    )


def deviation(features: Tensor) -> Tensor:
    """Return the standard deviation of each channel, [B, C, H, W] -> [B, C]."""
    centred = features - features.mean(dim=(2, 3), keepdim=True)
    return (centred.square().mean(dim=(2, 3)) + 1e-5).sqrt()
