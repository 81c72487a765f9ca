"""The feature network: convolutions, pooling, fully connected layers, three things said at the end.

A plain stack of 3 x 3 convolutions with batch normalisation (Ioffe and Szegedy, ICML 2015), folded
into the convolutions on export. From the deepest map a mean tells what is there and a coarse grid
where; one fully connected layer joins them, and category and embedding are read from that. Styles
are read from mean and deviation of a shallow map, where texture is, and from the deep mean. Losses
are not known here.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from stylecore.gan.features.settings import FeaturesShape

GRID = 4
DROPOUT = 0.2


class Said(NamedTuple):
    """`embedding` [B, E] of unit length, logits [B, C] and [B, S + 1], `hidden` [B, H]."""

    embedding: Tensor
    categories: Tensor
    styles: Tensor
    hidden: Tensor


class FeatureNetwork(nn.Module):
    """[B, 3, side, side] of 0-1 -> Said; sides are multiples of 32."""

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

    def forward(self, pictures: Tensor) -> Said:
        """Describe a batch."""
        shallow = self.shallow(pictures * 4 - 2)
        deep = self.deep(shallow)
        mean = deep.mean(dim=(2, 3))
        grid = functional.adaptive_avg_pool2d(self.cells(deep), GRID).flatten(1)
        hidden = self.hidden(torch.cat([mean, grid], dim=1))
        texture = torch.cat([shallow.mean(dim=(2, 3)), deviation(shallow), mean], dim=1)
        return Said(
            functional.normalize(self.embedding(hidden).float(), dim=1),
            self.categories(hidden).float(),
            self.styles(texture).float(),
            hidden.float(),
        )


def convolution(source: int, target: int, stride: int = 1) -> nn.Module:
    """3 x 3 convolution, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(source, target, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(target),
        nn.ReLU(inplace=True),
    )


def deviation(features: Tensor) -> Tensor:
    """[B, C, H, W] -> [B, C], the standard deviation of each channel."""
    centred = features - features.mean(dim=(2, 3), keepdim=True)
    return (centred.square().mean(dim=(2, 3)) + 1e-5).sqrt()
