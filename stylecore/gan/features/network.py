"""The settings of one training run of the feature network; they are written into its folder.

The feature network: convolutions, pooling, fully connected layers, three things said at the end.

A plain stack of 3 x 3 convolutions with batch normalisation (Ioffe and Szegedy, ICML 2015), folded
into the convolutions on export. From the deepest map a mean tells what is there and a coarse grid
where; one fully connected layer joins them, and category and embedding are read from that. Styles
are read from mean and deviation of a shallow map, where texture is, and from the deep mean. Losses
are not known here.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional


class FeatureLossWeights(msgspec.Struct, frozen=True, kw_only=True):
    """What each term counts; 0 leaves it out."""

    category: float = 1.0
    render_category: float = 0.5
    style: float = 0.5
    reference_style: float = 0.1
    """For pictures of `styles`, few and of another kind than renders."""
    contrast: float = 0.5
    imitation: float = 2.0


class FeaturesShape(msgspec.Struct, frozen=True, kw_only=True):
    """Channels of the four stages, each at half the sides of the one before; width of the head."""

    channels: tuple[int, int, int, int] = (24, 48, 96, 160)
    cells: int = 32
    """Channels of the coarse grid that keeps what is where."""
    hidden: int = 256
    embedding: int = 128


class FeaturesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the data lies, how long and how hard to train.

    `photos`: category folders. `input_side` in px; the first `small_share` of the steps sees
    pictures of `small_side` px, which is faster. A batch holds `batch` photos, the renders of
    `pairs` of them and `references` pictures of `styles`. `held_out`: share of the photos, of every
    category, that only the temperatures are fitted on. `white_share` of the photos without render
    stand on white ground.
    """

    photos: Path
    generator: Path
    perceptual: Path
    run: Path
    styles: Path | None = None
    renders_a_photo: int = 1
    steps: int = 1000
    seed: int = 7
    threads: int = 1
    batch: int = 40
    pairs: int = 24
    references: int = 4
    white_share: float = 0.5
    input_side: int = 128
    small_side: int = 96
    small_share: float = 0.55
    rate: float = 3e-3
    decay: float = 0.05
    smoothing: float = 0.1
    contrast_temperature: float = 0.1
    held_out: float = 0.12
    bf16: bool = True
    log_every: int = 10
    losses: FeatureLossWeights = FeatureLossWeights()
    shape: FeaturesShape = FeaturesShape()


def encode_settings(settings: FeaturesSettings) -> bytes:
    """Indented JSON; paths as text."""
    return msgspec.json.format(msgspec.json.encode(settings, enc_hook=str), indent=2)


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
